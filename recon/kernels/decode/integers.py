"""Integers of any number of bytes, as they stand in files and streams."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def little_endian(raw, place, size):
    """Unsigned integer of `size` bytes from `place` on; negative where it exceeds int64."""
    value = np.int64(0)
    for byte in range(size):
        value |= np.int64(raw[place + byte]) << np.int64(8 * byte)
    return value


@njit(cache=True, nogil=True)
def big_endian(raw, place, size):
    """The same, of which the first byte counts most."""
    value = np.int64(0)
    for byte in range(size):
        value = (value << np.int64(8)) | np.int64(raw[place + byte])
    return value
