"""What macOS and Windows lack keeps neither package from being imported.

What is tested here is Linux without it: the libraries are loaded first, which have
their own ways.
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

def load(names):
    for name in names:
        importlib.import_module(name)

theirs, ours = sys.argv[1].split(), sys.argv[2].split()
for name in theirs:
    try:
        importlib.import_module(name)
    except Exception:
        pass    # a part that its own package leaves out
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
load(ours)
print("all", len(ours))
"""


@pytest.fixture(scope="module")
def libraries():
    """Modules of others that importing all of ours loads."""
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1].split(): importlib.import_module(name)\n"
        "ours = ('recon', 'app', '__main__')\n"
        "print(*(name for name in sys.modules if name.partition('.')[0] not in ours))"
    )
    return run(code, " ".join(IMPORTED))


def run(code, *arguments):
    """What a new interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("package", ["recon", "app"])
def test_every_module_can_be_imported_without_what_windows_lacks(libraries, package):
    ours = [name for name in IMPORTED if name.partition(".")[0] == package]
    assert run(HIDDEN, libraries, " ".join(ours)) == f"all {len(ours)}"


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
