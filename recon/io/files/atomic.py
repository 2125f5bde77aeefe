"""Files that are either there in full or not at all.

A file is written under another name beside it, and renamed at the end. Whoever writes holds a lock
on it, which ends with the process, however that ends: so the next who writes a file of that name
knows which leftovers are nobody's, and removes them.
"""

import errno
import os
import re
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from recon.locks import lock

RECENT = 10.0
"""Seconds since its last change for which a file is taken to be somebody's, locked or not."""
OURS = r"\.livestem"
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path, size=0):
    """A new binary file that takes the place of `path` when the block succeeds.

    Parameters
    ----------
    path : path-like
        The file to be. Where it exists it stays as it is until the new one is complete.
    size : int
        Bytes that will be written, as far as known; refused at once where the disk is too full.

    Raises
    ------
    OSError
        With one sentence for the user if the file cannot be written. Nothing is left behind,
        whatever the block raises.
    """
    target = Path(os.path.realpath(path))
    temporary = None
    try:
        if target.exists() and not target.is_file():
            raise OSError("it is a folder" if target.is_dir() else "it is not an ordinary file")
        free = shutil.disk_usage(target.parent).free
        if free < size:
            raise OSError(
                f"it needs {size / 1e6:.0f} MB, and the disk has {free / 1e6:.0f} MB left"
            )
        remove_leftovers(target.parent, target.name)
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name[:64]}.", suffix=".livestem.part"
        )
        temporary = Path(name)
        with open(handle, "wb") as file:
            lock(file)
            yield file
            file.flush()
            os.fsync(file.fileno())
        _give_usual_permissions(temporary, target)
        os.replace(temporary, target)
    except OSError as error:
        raise OSError(f"{Path(path).name} was not written: {reason(error)}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder, name: str | None = None) -> None:
    """Remove what killed processes left of files in a folder.

    Parameters
    ----------
    folder : path-like
        That need not be there.
    name : str, optional
        Of the file whose leftovers are removed; of all files if left out.
    """
    # Of any file only what bears our mark, which leftovers of older versions lack.
    name, mark = (r".{1,64}", OURS) if name is None else (re.escape(name[:64]), f"({OURS})?")
    pattern = re.compile(rf"\.{name}\.[a-z0-9_]{{8}}{mark}\.part", re.DOTALL)
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            if not pattern.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            # One made just now may not be locked yet.
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > RECENT:
                with open(entry.path, "rb+") as file:
                    if lock(file):
                        os.unlink(entry.path)
        except OSError:
            continue


def _give_usual_permissions(temporary, target):
    if target.exists():
        mode = target.stat().st_mode & 0o777
    else:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    os.chmod(temporary, mode)


def reason(error: OSError) -> str:
    """Why a file was not written, in a few words."""
    if error.errno in DISK_FULL:
        return "the disk is full"
    return error.strerror.lower() if error.strerror else str(error).rstrip(".")
