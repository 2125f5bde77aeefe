"""NumPy's `.npy`: an array of frames."""

from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense.arrays import Array

NAME = "NumPy .npy"


def matches(path: Path) -> bool:
    """Whether a file begins as NumPy's do."""
    with open(path, "rb") as file:
        return file.read(6) == b"\x93NUMPY"


def read(path: Path, asked=None) -> Array:
    """The array."""
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:
        # The header is read as Python: it may fail in any way that a program may.
        raise UnreadableFile(f"the array is damaged or cut off (NumPy says: {error})") from error
    return Array(stored, path.name, NAME)
