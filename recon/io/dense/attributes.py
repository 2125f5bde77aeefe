"""HDF5 attributes read so that a damaged file cannot hold us up.

Text of any length lies in the global heap, where the HDF5 library (2.0) loops for ever over an
object of a damaged size: such text is read only from a file whose heap has been walked before.
"""

import mmap
import struct
from pathlib import Path

SEARCHED = 1 << 29
"""Bytes at either end of a file that are searched for collections of the heap."""
SIGN = b"GCOL"
HEADER = 16
"""Bytes of a collection's header, and of each object's."""


def heap_is_sound(path: Path) -> bool:
    """Whether each collection of the global heap can be walked from its start to its end."""
    size = path.stat().st_size
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
        spans = [(0, min(size, SEARCHED)), (max(SEARCHED, size - SEARCHED), size)]
        for begin, end in spans:
            place = image.find(SIGN, begin, end)
            while place >= 0:
                if not _is_sound(image, place, size):
                    return False
                place = image.find(SIGN, place + 1, end)
    return True


def _is_sound(image, place, size):
    if place + HEADER > size:
        return False
    stop = place + struct.unpack_from("<Q", image, place + 8)[0]
    if image[place + 4] != 1 or stop > size:
        return False
    place += HEADER
    while place + HEADER <= stop:
        number, _, _, length = struct.unpack_from("<HHIQ", image, place)
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
