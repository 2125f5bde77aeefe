"""Ragged rows written as HDF5 stores them: references, and collections of the global heap.

The HDF5 library takes a Python object for each row, and aborts the process where the disk is
full on the way. Here h5py makes the file's structure in memory, and the rows are appended.
"""

import struct
from dataclasses import dataclass
from io import BytesIO

import h5py
import numpy as np

from recon.io.events.ragged import REFERENCE
from recon.kernels.decode import ragged as kernels

HEADER = 16
"""Bytes of a collection's header, and of each object's."""
SMALLEST, USUAL = 4096, 1 << 16
"""Bytes of a collection: what HDF5 demands, and where we begin another."""
PIECE = 1 << 24
"""Bytes written in one go."""


def ragged_dataset(group, name, rows):
    """Dataset of `rows` empty rows of uint32, with room for their references."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    kind = h5py.h5t.py_create(h5py.vlen_dtype(np.dtype("<u4")), logical=True)
    space = h5py.h5s.create_simple((rows,))
    return h5py.Dataset(h5py.h5d.create(group.id, name.encode(), kind, space, creation))


def late_dataset(group, name, numbers):
    """Dataset of (N,) uint8 `numbers` whose place in the file is not settled yet."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    space = h5py.h5s.create_simple((numbers.size,))
    return h5py.h5d.create(group.id, name.encode(), h5py.h5t.STD_U8LE, space, creation)


@dataclass(frozen=True)
class Heap:
    """Where each row of a ragged dataset goes in a heap that starts at 0."""

    collections: np.ndarray
    """(C + 1,) int64 start of each collection, and the end of the last [bytes]."""
    collection: np.ndarray
    """(R,) int64 collection that a row is in; rows are those with anything in them."""
    number: np.ndarray
    """(R,) int64 number of a row's object in its collection, from 1."""
    place: np.ndarray
    """(R,) int64 start of a row's object [bytes]."""


def plan(lengths) -> Heap:
    """Heap for rows of `lengths` (R,) > 0 uint32 values, one after the other."""
    sizes = HEADER + (4 * lengths + 7) // 8 * 8
    before = np.cumsum(sizes) - sizes
    _, first, collection = np.unique(before // USUAL, return_index=True, return_inverse=True)
    filled = np.add.reduceat(sizes, first) if lengths.size else np.empty(0, np.int64)
    collections = np.concatenate([[0], np.cumsum(np.maximum(HEADER + filled, SMALLEST))])
    within = before - before[first][collection]
    return Heap(
        collections,
        collection,
        np.arange(lengths.size) - first[collection] + 1,
        collections[collection] + HEADER + within,
    )


def append_rows(image: BytesIO, offset, pixels, offsets, file, progress, late=None):
    """Write an HDF5 file whose ragged dataset holds the given rows.

    Parameters
    ----------
    image : BytesIO
        The file without the rows, in HDF5's earliest format.
    offset : int
        Where the references of the ragged dataset are in it.
    pixels, offsets : (E,) uint32 array, (R + 1,) int64 array
        Row i is `pixels[offsets[i]:offsets[i + 1]]`.
    file : binary file
        Written from its start.
    progress : callable
        Called with the fraction done.
    late : (N,) uint8 array, optional
        What the one `late_dataset` of the file holds: written behind the rows.
    """
    lengths = np.diff(offsets)
    rows = np.flatnonzero(lengths)
    starts, lengths = offsets[rows], lengths[rows]
    heap = plan(lengths)
    image.seek(0, 2)
    image.write(bytes(-image.tell() % 8))
    base = image.tell()

    content = image.getbuffer()
    references = np.frombuffer(content, REFERENCE, offsets.size - 1, offset)
    references["length"][rows] = lengths
    references["collection"][rows] = base + heap.collections[heap.collection]
    references["object"][rows] = heap.number
    end = base + int(heap.collections[-1])
    if late is not None and late.size:
        _settle(content, end, late.size)
    # Superblock version 0: the end of file is the word at byte 40.
    struct.pack_into("<Q", content, 40, end + (0 if late is None else late.size))
    file.write(content)

    first = 0
    while first < heap.collections.size - 1:
        last = np.searchsorted(heap.collections, heap.collections[first] + PIECE)
        last = min(max(last, first + 1), heap.collections.size - 1)
        some = slice(*np.searchsorted(heap.collection, [first, last]))
        file.write(_collections(heap, first, last, some, pixels, starts[some], lengths[some]))
        first = last
        progress(first / (heap.collections.size - 1))
    for first in range(0, 0 if late is None else late.size, PIECE):
        file.write(np.ascontiguousarray(late[first : first + PIECE]).data)


def _settle(content, address, size):
    """Say in a file's structure where its late dataset of so many bytes is."""
    # Data layout message, version 3, contiguous: an address that is undefined, and the size.
    layout = b"\x03\x01" + b"\xff" * 8 + struct.pack("<Q", size)
    structure = bytes(content)
    if structure.count(layout) != 1:
        raise AssertionError("h5py wrote the layout of a dataset in another way")
    struct.pack_into("<Q", content, structure.index(layout) + 2, address)


def _collections(heap, first, last, some, pixels, starts, lengths):
    """Bytes of the collections first..last with the rows `some`."""
    begins = heap.collections[first : last + 1]
    size = np.diff(begins)
    begin = begins[:-1] - begins[0]
    place = heap.place[some] - begins[0]
    block = np.zeros((begins[-1] - begins[0]) // 8, "<u8")
    block[begin // 8] = int.from_bytes(b"GCOL\x01", "little")
    block[begin // 8 + 1] = size
    block[place // 8] = heap.number[some]
    block[place // 8 + 1] = 4 * lengths
    # What a collection does not use is its object 0, whose size includes its header.
    used = np.zeros(size.size, np.int64)
    ends = place + HEADER + (4 * lengths + 7) // 8 * 8
    np.maximum.at(used, heap.collection[some] - first, ends)
    free = begin + size - used
    spare = free >= HEADER
    block[used[spare] // 8 + 1] = free[spare]
    kernels.scatter(pixels, starts, lengths, place // 4 + 4, block.view("<u4"))
    return block
