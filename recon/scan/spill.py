"""Room for electrons where memory is short: pages of a temporary file, gone when it is let go."""

import os
import shutil
import tempfile

import numpy as np

from recon.device.backend import CPU, memory
from recon.errors import UnreadableFile

PIECE = 1 << 24
"""Bytes written at a time, where a system cannot take room at once."""

SHARE = 2
"""What takes more than one in so many of the free bytes is not held in memory."""


def is_large(size: int) -> bool:
    """Whether so many bytes are too many beside the memory that is free."""
    return size * SHARE > memory(CPU).free


def array(number: int, dtype=np.uint32) -> np.ndarray:
    """(number,) array of something for each electron, undefined; in a file where memory is short.

    The file lies in the folder for such files (TMPDIR) and has no name: it goes with the array.

    Raises
    ------
    UnreadableFile
        If the disk has no room either.
    """
    size = np.dtype(dtype).itemsize * number
    if not is_large(size):
        return np.empty(number, dtype)
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    refusal = UnreadableFile(
        f"{number} electrons take {size / 1e9:.1f} GB, more than half of the memory that is free, "
        f"and the disk for temporary files has {free / 1e9:.1f} GB left: let TMPDIR name a larger "
        "one, or go on with part of the scan"
    )
    if free < size:
        raise refusal
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            # Pages that find no place on the disk later would end the process.
            _take(file, size)
        except OSError as error:
            raise refusal from error
        return np.asarray(np.memmap(file, dtype, "r+", shape=(number,)))


def _take(file, size):
    """Take room on the disk for so many bytes."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    # macOS, Windows: what has been written is there.
    for start in range(0, size, PIECE):
        file.write(bytes(min(PIECE, size - start)))
    file.flush()
