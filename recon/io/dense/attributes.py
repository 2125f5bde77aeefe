"""HDF5 attributes read so that a damaged file cannot hold us up.

Text of any length lies in the global heap, where the HDF5 library (2.0) loops for ever over an
object of a damaged size: such text is read only from a file whose heap has been walked before.
"""

import os
import struct
from pathlib import Path

import numpy as np

from recon.io.files.slabs import read_at

SEARCHED = 1 << 29
"""Bytes at either end of a file that are searched for collections of the heap."""
WINDOW = 1 << 24
"""Bytes of it looked at in one go."""
SIGN = b"GCOL"
HEADER = 16
"""Bytes of a collection's header, and of each object's."""


def heap_is_sound(path: Path) -> bool:
    """Whether each collection of the global heap can be walked from its start to its end."""
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        spans = [(0, min(size, SEARCHED)), (max(SEARCHED, size - SEARCHED), size)]
        return all(
            _is_sound(file.fileno(), place, size)
            for begin, end in spans
            for place in _collections(file.fileno(), begin, end)
        )


def _collections(descriptor, begin, end):
    """Where the sign of a collection stands in a stretch of a file."""
    for start in range(begin, end, WINDOW):
        # One that lies across the end of a window begins in it.
        window = _bytes(descriptor, min(WINDOW + len(SIGN) - 1, end - start), start)
        found = window.find(SIGN)
        while found >= 0:
            yield start + found
            found = window.find(SIGN, found + 1)


def _bytes(descriptor, size, place):
    """Up to so many bytes; fewer at the end of the file."""
    buffer = np.empty(size, np.uint8)
    return buffer[: read_at(descriptor, buffer, place)].tobytes()


def _is_sound(descriptor, place, size):
    head = _bytes(descriptor, HEADER, place)
    if len(head) < HEADER:
        return False
    stop = place + struct.unpack_from("<Q", head, 8)[0]
    if head[4] != 1 or stop > size:
        return False
    place += HEADER
    while place + HEADER <= stop:
        head = _bytes(descriptor, HEADER, place)
        if len(head) < HEADER:
            return False
        number, _, _, length = struct.unpack("<HHIQ", head)
        if number == 0:  # Free space, up to the end.
            return place + length == stop
        place += HEADER + (length + 7) // 8 * 8
        if place > stop:
            return False
    return True


def attribute(holder, name, sound: bool):
    """An attribute of a group or dataset; None if there is none, or it is not safe to read."""
    if name not in holder.attrs:
        return None
    if holder.attrs.get_id(name).dtype.kind == "O" and not sound:
        return None
    return holder.attrs[name]
