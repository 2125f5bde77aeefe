"""Chunks of an HDF5 dataset that Bitshuffle compressed with LZ4, decoded without HDF5's filter.

That filter ends the process on a damaged chunk; ours says which frames are damaged, and takes all
cores.
"""

from itertools import product
from math import prod

import h5py
import numpy as np

from recon.errors import UnreadableFile
from recon.kernels.decode import bitshuffle

BITSHUFFLE = 32008
"""Number of the filter, registered with The HDF Group."""
LZ4 = 2
"""Its fifth parameter, for compression with LZ4."""
EXPANSION = 255
"""Bytes that one byte of LZ4 can stand for."""
BATCH = 1 << 26
"""Bytes decoded in one go, or one chunk."""


def is_ours(dataset) -> bool:
    """Whether a dataset is compressed in this way and no other."""
    plist = dataset.id.get_create_plist()
    if plist.get_layout() != h5py.h5d.CHUNKED or plist.get_nfilters() != 1:
        return False
    number, _, values, _ = plist.get_filter(0)
    size = dataset.dtype.itemsize
    return (
        number == BITSHUFFLE
        and len(values) >= 5
        and (values[2], values[4]) == (size, LZ4)
        and size in (1, 2, 4, 8)
        and dataset.dtype.kind in "iuf"
    )


class Chunks:
    """Where the chunks of a dataset lie in its file.

    Parameters
    ----------
    dataset : h5py.Dataset
        For which `is_ours` holds.
    limit : int
        Bytes of the file; no chunk can be larger.

    Raises
    ------
    UnreadableFile
        If one of them claims to be.
    """

    def __init__(self, dataset, limit):
        self.places = {}

        def note(chunk):
            if chunk.size > limit:
                raise UnreadableFile(
                    f"one of its chunks claims {chunk.size} bytes of a file of {limit}: "
                    "it is damaged or truncated"
                )
            self.places[chunk.chunk_offset] = chunk.size

        dataset.id.chunk_iter(note)

    def read(self, dataset, ranges) -> np.ndarray:
        """Elements first..last (exclusive) along each dimension.

        Raises
        ------
        UnreadableFile
            If a chunk among them is damaged.
        """
        shape, dtype = dataset.chunks, dataset.dtype
        size = prod(shape) * dtype.itemsize
        grids = [
            range(first // n * n, last, n) for (first, last), n in zip(ranges, shape, strict=True)
        ]
        wanted = prod(len(grid) for grid in grids)
        # A damaged file may speak of chunks far smaller than there are any.
        if wanted <= len(self.places):
            here = [corner for corner in product(*grids) if corner in self.places]
        else:
            here = [
                corner
                for corner in sorted(self.places)
                if all(at in grid for at, grid in zip(corner, grids, strict=True))
            ]
        if any(size > EXPANSION * self.places[corner] + 64 for corner in here):
            raise UnreadableFile("a chunk of frames is shorter than it can be: it is damaged")
        found = np.zeros([last - first for first, last in ranges], dtype)
        if len(here) < wanted:
            found[...] = dataset.fillvalue
        # Where each chunk is one frame, they are decoded where they belong.
        rows = None
        if len(here) == len(found) and (1, *found.shape[1:]) == shape:
            rows = found.reshape(-1).view(np.uint8).reshape(len(here), size)
        step = max(1, BATCH // size)
        for start in range(0, len(here), step):
            corners = here[start : start + step]
            if rows is not None:
                _decode(dataset, corners, rows[start : start + step])
                continue
            decoded = np.zeros((len(corners), size), np.uint8)
            _decode(dataset, corners, decoded)
            chunks = decoded.view(dtype).reshape(len(corners), *shape)
            for corner, chunk in zip(corners, chunks, strict=True):
                into, out_of = _overlap(corner, shape, ranges)
                found[into] = chunk[out_of]
        return found


def _decode(dataset, corners, decoded):
    """Fill the rows of `decoded`, which are zero, with the bytes of whole chunks."""
    stored = [dataset.id.read_direct_chunk(corner) for corner in corners]
    sizes = np.array([len(raw) for _, raw in stored], np.int64)
    raw = np.frombuffer(b"".join(raw for _, raw in stored), np.uint8)
    sound = np.zeros(len(corners), np.bool_)
    size = dataset.dtype.itemsize
    bitshuffle.chunks(raw, np.cumsum(sizes) - sizes, sizes, size, decoded, sound)
    for index, (mask, plain) in enumerate(stored):
        if mask:  # The filter was left out for this chunk.
            sound[index] = len(plain) == decoded.shape[1]
            if sound[index]:
                decoded[index] = np.frombuffer(plain, np.uint8)
    if not sound.all():
        corner = corners[int(np.argmin(sound))]
        raise UnreadableFile(
            f"the compressed frames from {', '.join(map(str, corner[:-2]))} on are damaged"
        )


def _overlap(corner, shape, ranges):
    """What a chunk covers of the ranges: slices into these, and of the chunk."""
    into, out_of = [], []
    for at, n, (first, last) in zip(corner, shape, ranges, strict=True):
        low, high = max(at, first), min(at + n, last)
        into.append(slice(low - first, high - first))
        out_of.append(slice(low - at, high - at))
    return tuple(into), tuple(out_of)
