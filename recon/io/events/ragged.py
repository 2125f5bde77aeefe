"""Rows of different lengths of an HDF5 dataset, without a Python object a row.

h5py returns such a dataset as an array of one array a row. The file itself holds one reference
a row (length, address of a heap collection, number of the object in it); following these
with a compiled loop gives the same numbers in a fraction of the time. Files that store
the references in another way than the 4D Camera and stempy are left to h5py.
"""

import os
import zlib
from itertools import pairwise

import h5py
import numpy as np

from recon.errors import UnreadableFile
from recon.io.files.apart import Apart
from recon.kernels.decode import ragged as kernels
from recon.scan import spill as room

REFERENCE = np.dtype([("length", "<u4"), ("collection", "<u8"), ("object", "<u4")])
NOT_THERE = "frames are not where the file says: it is damaged or truncated"
UNDONE = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE)
"""Filters that are undone here: h5py would loop for ever in a damaged heap (HDF5 2.0)."""
WINDOW = 1 << 24
"""Bytes of the file looked at in one go."""
ROWS = 1 << 14
"""Rows that h5py reads in one go."""


def read_rows(dataset, place, progress):
    """Events of all rows, each where it belongs.

    Parameters
    ----------
    dataset : h5py.Dataset
        One-dimensional, of integer rows of any length.
    place : callable
        Given the (R,) int64 lengths of the rows, returns the (R,) int64 index at which each
        row starts in the result, -1 for rows left out, and the size of the result.
    progress : callable
        Called with the fraction done.

    Returns
    -------
    (E,) uint32 array

    Raises
    ------
    UnreadableFile
        If the rows claim more than the file can hold, or hold numbers that are no indices.
    """
    references = _references(dataset)
    if references is not None:
        targets, electrons = place(references["length"].astype(np.int64))
        pixels = _allocate(electrons, dataset)
        if _follow(dataset.file.filename, references, targets, pixels, progress):
            return pixels
        # h5py is not asked for a second opinion: HDF5 2.0 loops for ever in a damaged heap.
        raise UnreadableFile(NOT_THERE)
    lengths, events = _read_by_h5py(dataset, progress)
    targets, electrons = place(lengths)
    starts = np.cumsum(lengths) - lengths
    if np.array_equal(targets, starts):
        return events
    pixels = room.array(electrons)
    kept = targets >= 0
    kernels.scatter(events, starts[kept], lengths[kept], targets[kept], pixels)
    return pixels


def _allocate(electrons, dataset):
    size = os.path.getsize(dataset.file.filename)
    if electrons * 4 > size:
        raise UnreadableFile(
            f"the frames claim {electrons} electrons, more than a file of {size} bytes can hold: "
            "it is damaged"
        )
    return room.array(electrons)


def _references(dataset):
    """(R,) references as stored; None where they are not stored plainly."""
    file, plist, rows = dataset.file, dataset.id.get_create_plist(), dataset.shape[0]
    creation = file.id.get_create_plist()
    if (
        h5py.check_vlen_dtype(dataset.dtype) != np.dtype("<u4")
        or creation.get_sizes() != (8, 8)
        or creation.get_userblock() != 0
        or file.driver not in ("sec2", "stdio")
        or any(plist.get_filter(n)[0] not in UNDONE for n in range(plist.get_nfilters()))
        or dataset.external
        or dataset.is_virtual
    ):
        return None
    references = np.zeros(rows, REFERENCE)
    if plist.get_layout() == h5py.h5d.CONTIGUOUS:
        offset = dataset.id.get_offset()
        pieces = [] if offset is None else [(0, offset)]
        step = rows
    elif plist.get_layout() == h5py.h5d.CHUNKED:
        chunks = []
        dataset.id.chunk_iter(chunks.append)
        step = dataset.chunks[0]
        if plist.get_nfilters():
            filters = [plist.get_filter(n)[0] for n in range(plist.get_nfilters())]
            return _decompressed(file.filename, chunks, filters, step, references)
        pieces = [(chunk.chunk_offset[0], chunk.byte_offset) for chunk in chunks]
    else:
        return None
    size = os.path.getsize(file.filename)
    with open(file.filename, "rb", buffering=0) as raw:
        for row, offset in pieces:
            piece = memoryview(references[row : row + step].view(np.uint8))
            if offset + len(piece) > size:
                raise UnreadableFile(NOT_THERE)
            raw.seek(offset)
            _fill(raw, piece)
    return references


def _decompressed(path, chunks, filters, step, references):
    """Fill `references` from compressed chunks, to which `filters` were applied in this order."""
    size, whole = os.path.getsize(path), step * REFERENCE.itemsize
    with open(path, "rb", buffering=0) as raw:
        for chunk in chunks:
            if chunk.byte_offset + chunk.size > size:
                raise UnreadableFile(NOT_THERE)
            raw.seek(chunk.byte_offset)
            piece = bytearray(chunk.size)
            _fill(raw, memoryview(piece))
            for number, filter_ in reversed(list(enumerate(filters))):
                if chunk.filter_mask >> number & 1:
                    continue  # It was left out for this chunk.
                if filter_ == h5py.h5z.FILTER_DEFLATE:
                    piece = zlib.decompressobj().decompress(piece, whole + 1)
                else:
                    bytes_ = np.frombuffer(piece, np.uint8)
                    if bytes_.size != whole:
                        raise UnreadableFile(NOT_THERE)
                    piece = bytes_.reshape(REFERENCE.itemsize, step).T.tobytes()
            if len(piece) != whole:
                raise UnreadableFile(NOT_THERE)
            row = chunk.chunk_offset[0]
            part = references[row : row + step]
            part[:] = np.frombuffer(piece, REFERENCE)[: part.size]
    return references


def _fill(raw, buffer):
    """Fill the buffer from the file's current place on."""
    done = 0
    while done < len(buffer):
        count = raw.readinto(buffer[done:])
        if not count:
            raise UnreadableFile(NOT_THERE)
        done += count


def _follow(path, references, targets, pixels, progress):
    """Fill `pixels` by following the references; False if one of them leads nowhere."""
    rows = np.flatnonzero((references["length"] > 0) & (targets >= 0))
    collections = references["collection"][rows].astype(np.int64)
    objects = references["object"][rows].astype(np.int64)
    if np.any(collections[1:] < collections[:-1]):
        order = np.lexsort((objects, collections))
        rows, collections, objects = rows[order], collections[order], objects[order]
    lengths = references["length"][rows].astype(np.int64) * 4
    targets = targets[rows] * 4
    out, buffer = pixels.view(np.uint8), np.empty(0, np.uint8)
    size = os.path.getsize(path)
    if rows.size and not 0 <= collections[0] <= collections[-1] < size:
        return False
    with open(path, "rb", buffering=0) as raw:
        first = 0
        while first < rows.size:
            start = collections[first]
            last = np.searchsorted(collections, start + WINDOW)
            stop = _end_of_collection(raw, int(collections[last - 1]), size)
            if stop is None:
                return False
            if buffer.size < stop - start:
                buffer = np.empty(max(stop - start, WINDOW + (WINDOW >> 3)), np.uint8)
            window = buffer[: stop - start]
            raw.seek(start)
            _fill(raw, memoryview(window))
            some = slice(first, last)
            missing = kernels.gather(
                window, collections[some] - start, objects[some], lengths[some], targets[some], out
            )
            if missing >= 0:
                return False
            first = last
            progress(first / rows.size)
    return True


def _end_of_collection(raw, start, size):
    raw.seek(start)
    header = raw.read(16)
    stop = start + int.from_bytes(header[8:], "little")
    return stop if len(header) == 16 and start + 16 <= stop <= size else None


def _read_by_h5py(dataset, progress):
    """(R,) int64 lengths and (E,) uint32 events of all rows, in the order of the file."""
    rows, apart = dataset.shape[0], Apart()
    lengths, pieces = np.zeros(rows, np.int64), []
    edges = [*range(0, rows, ROWS), rows]
    for start, stop in pairwise(edges):
        # In a process of its own: h5py would loop for ever in a damaged heap (HDF5 2.0).
        lengths[start:stop], events = apart.read(
            dataset.file.filename, dataset.name, [(start, stop)], rows=True
        )
        if events.size and (events.min() < 0 or events.max() > np.iinfo(np.uint32).max):
            worst = events.min() if events.min() < 0 else events.max()
            raise UnreadableFile(f"the pixel index {worst} lies outside any detector")
        pieces.append(events.astype(np.uint32, copy=False))
        progress(stop / rows)
    apart.close()
    return lengths, np.concatenate(pieces) if pieces else np.empty(0, np.uint32)
