"""Files that are either there in full or not at all."""

import errno
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import h5py

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path, size=0):
    """Path of a temporary file beside `path`, which takes its place when the block succeeds.

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
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name[:64]}.", suffix=".part"
        )
        temporary = Path(name)
        os.close(handle)
        yield temporary
        _give_usual_permissions(temporary, target)
        _to_disk(temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise OSError(f"{Path(path).name} was not written: {_reason(error)}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def new_hdf5(path, size=0, libver=None):
    """Like `replacing`, with the temporary file open as HDF5."""
    with replacing(path, size) as temporary:
        file = h5py.File(temporary, "w", libver=libver)
        try:
            yield file
        except BaseException:
            # What could not be written before cannot be now; the first error tells why.
            with suppress(OSError, RuntimeError):
                file.close()
            raise
        try:
            file.close()
        except RuntimeError as error:
            raise OSError(str(error)) from error


def _give_usual_permissions(temporary, target):
    if target.exists():
        mode = target.stat().st_mode & 0o777
    else:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    os.chmod(temporary, mode)


def _to_disk(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _reason(error):
    text = str(error)
    if error.errno in DISK_FULL or os.strerror(errno.ENOSPC) in text:
        return "the disk is full"
    return error.strerror.lower() if error.strerror else text.rstrip(".")
