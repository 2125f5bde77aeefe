"""Locks on open files, which end with the process, however that ends."""

import os

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

BEYOND = 1 << 30
"""Byte that is locked on Windows, where nobody can read what another has locked."""


def lock(file, wait: bool = False) -> bool:
    """Lock an open file for this process; whether it has the lock now.

    Parameters
    ----------
    file : file or int
        Open for writing; the lock goes when it is closed.
    wait : bool
        Whether to wait until another lets go of it.
    """
    descriptor = file if isinstance(file, int) else file.fileno()
    try:
        if fcntl is None:
            _lock_byte(descriptor, wait)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        if wait:
            raise
        return False
    return True


def _lock_byte(descriptor, wait):
    import msvcrt

    place = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, BEYOND, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    finally:
        os.lseek(descriptor, place, os.SEEK_SET)
