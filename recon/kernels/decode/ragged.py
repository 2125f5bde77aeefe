"""Rows of a ragged dataset, copied out of and into the global heap of an HDF5 file."""

import numpy as np
from numba import njit, prange

from recon.kernels import parallel
from recon.kernels.decode.integers import little_endian

PARTS = 16
HEADER = 16
"""Bytes of a collection's header, and of each object's."""


@njit(cache=True, nogil=True)
def _collection_size(window, place):
    """Size of the heap collection that starts at `place`; -1 if none starts there."""
    if place < 0 or place + HEADER > window.size:
        return np.int64(-1)
    if little_endian(window, place, 5) != 0x014C4F4347:  # "GCOL", version 1
        return np.int64(-1)
    size = little_endian(window, place + 8, 8)
    if size < HEADER or size > window.size - place:
        return np.int64(-1)
    return size


@parallel
def gather(window, collections, objects, lengths, targets, out):
    """Copy each row's object to its place; -1, or the first row that was not found.

    Parameters
    ----------
    window : (N,) uint8 array
        A stretch of the file.
    collections : (R,) int64 array
        Where in the window each row's heap collection starts; equal ones side by side.
    objects : (R,) int64 array
        Number of each row's object within its collection.
    lengths, targets : (R,) int64 array
        Bytes of each row, and where they go in `out`.
    out : (B,) uint8 array
        Filled in place.

    Notes
    -----
    HDF5 File Format Specification 3.0, section III.E: a collection is a header ("GCOL",
    version, size) followed by objects (number, size, data padded to eight bytes); object 0 is
    the free space at its end. Objects are met in ascending order as a rule, so that each
    search goes on where the last one ended.
    """
    rows = collections.size
    missing = np.full(PARTS, rows, np.int64)
    for part in prange(PARTS):
        first, last = part * rows // PARTS, (part + 1) * rows // PARTS
        patience = 65536 + 64 * (last - first)
        collection, begin, cursor, end = np.int64(-1), np.int64(0), np.int64(0), np.int64(0)
        for row in range(first, last):
            if collections[row] != collection:
                collection = collections[row]
                size = _collection_size(window, collection)
                if size < 0:
                    missing[part] = row
                    break
                begin, end = collection + HEADER, collection + size
                cursor = begin
            from_begin = cursor == begin
            found = False
            while patience > 0:
                patience -= 1
                number = np.int64(0)
                if cursor + HEADER <= end:
                    number = little_endian(window, cursor, 2)
                if number == 0:
                    if from_begin:
                        break
                    from_begin = True
                    cursor = begin
                    continue
                size = little_endian(window, cursor + 8, 8)
                if size < 0 or size > end - cursor - HEADER:
                    break
                data = cursor + HEADER
                cursor = data + (size + 7) // 8 * 8
                if number == objects[row]:
                    found = size == lengths[row]
                    break
            if not found:
                missing[part] = row
                break
            source = window[data : data + lengths[row]]
            target = out[targets[row] : targets[row] + lengths[row]]
            for byte in range(lengths[row]):  # From slices: so LLVM sees no index is negative.
                target[byte] = source[byte]
    worst = missing.min()
    return worst if worst < rows else np.int64(-1)


@parallel
def scatter(values, starts, lengths, targets, out):
    """Copy `lengths[i]` values from `starts[i]` on to `targets[i]` on; rows must not overlap."""
    for row in prange(starts.size):
        source = values[starts[row] : starts[row] + lengths[row]]
        target = out[targets[row] : targets[row] + lengths[row]]
        for index in range(source.size):
            target[index] = source[index]
