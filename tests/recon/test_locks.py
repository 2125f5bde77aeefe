"""Locks on open files: held by one process, let go of when the file is closed."""

import os
import subprocess
import sys
from types import SimpleNamespace

from recon import locks
from tests.support.paths import ROOT

OTHER = "import sys; from recon.locks import lock; print(lock(open(sys.argv[1], 'rb+')))"


def other_has(path):
    """Whether another process can lock the file."""
    command = [sys.executable, "-c", OTHER, path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


def test_what_is_locked_another_process_cannot_lock(tmp_path):
    path = tmp_path / "file"
    with open(path, "wb") as file:
        assert locks.lock(file)
        assert not other_has(path)
    assert other_has(path)


def test_a_descriptor_is_locked_like_a_file(tmp_path):
    path = tmp_path / "file"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    assert locks.lock(descriptor, wait=True)
    assert not other_has(path)
    os.close(descriptor)
    assert other_has(path)


def test_on_windows_a_byte_beyond_the_file_is_locked(tmp_path, monkeypatch):
    asked = []

    def locking(descriptor, mode, size):
        asked.append((mode, os.lseek(descriptor, 0, os.SEEK_CUR), size))
        if len(asked) > 1:
            raise OSError(36, "Resource deadlock avoided")

    fake = SimpleNamespace(LK_LOCK=1, LK_NBLCK=2, locking=locking)
    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    with open(tmp_path / "file", "wb") as file:
        file.write(b"electrons")
        file.flush()
        assert locks.lock(file)
        assert not locks.lock(file)
        assert file.tell() == 9
    assert asked == [(2, locks.BEYOND, 1)] * 2
