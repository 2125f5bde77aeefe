"""What macOS and Windows lack keeps neither package from being imported.

What is tested here is Linux without it: the libraries are loaded first, which have
their own ways, by importing everything once before it is hidden.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from recon.io.files import slabs
from recon.scan import spill
from tests.support.paths import ROOT

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("recon", "app")
    for path in (ROOT / package).rglob("*.py")
)
# Children and served scripts, which run and are not imported; kernels of a GPU's simulator.
PROGRAMS = ("recon.io.files.apart_child", "app.main", "recon.bench.__main__")
IMPORTED = [
    name for name in MODULES if name not in PROGRAMS and not name.startswith("recon.kernels.cuda")
]

HIDDEN = """
import importlib, mmap, os, select, signal, sys

ours = sys.argv[1].split()
for name in ours:
    importlib.import_module(name)
for name in list(sys.modules):
    if name.partition(".")[0] in ("recon", "app"):
        del sys.modules[name]
for name in ("fcntl", "resource", "termios", "pwd", "grp", "posix", "syslog"):
    sys.modules[name] = None
for module, names in {
    os: "sysconf posix_fallocate preadv pread readv pwrite getuid geteuid getgid fork"
        " sched_getaffinity O_NOFOLLOW O_DIRECTORY O_CLOEXEC statvfs posix_fadvise fchmod"
        " killpg setsid getpgid",
    select: "poll epoll",
    signal: "SIGBUS SIGKILL SIGHUP SIGALRM SIGUSR1 SIGCHLD setitimer",
    mmap: "MAP_PRIVATE MAP_ANONYMOUS MAP_SHARED PROT_READ PROT_WRITE",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
others = set(sys.modules)
for name in ours:
    importlib.import_module(name)
late = {n for n in set(sys.modules) - others if n.partition(".")[0] not in ("recon", "app")}
assert not late, late
print("all", len(ours))
"""


def test_every_module_can_be_imported_without_what_windows_lacks():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", HIDDEN, " ".join(IMPORTED)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"all {len(IMPORTED)}"


def test_without_preadv_files_are_read_all_the_same(tmp_path, monkeypatch):
    numbers = np.arange(1000, dtype=np.uint32)
    numbers.tofile(tmp_path / "numbers")
    monkeypatch.delattr(os, "preadv")
    read = slabs.FileArray(tmp_path / "numbers", np.uint32, (10, 100))
    np.testing.assert_array_equal(read[2:4, 10:20], numbers.reshape(10, 100)[2:4, 10:20])
    short = slabs.FileArray(tmp_path / "numbers", np.uint32, (1001,))
    with pytest.raises(ValueError, match="became shorter"):
        short.read()


def test_without_fallocate_room_on_the_disk_is_taken_by_writing(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    monkeypatch.setattr(spill, "PIECE", 1000)
    with open(tmp_path / "room", "wb") as file:
        spill._take(file, 4096 + 500)
        assert os.stat(file.name).st_size == 4096 + 500
        assert os.stat(file.name).st_blocks * 512 >= 4096 + 500
