"""Arrays in files, read in slabs into memory of our own.

A page of a file that is mapped into memory ends the process (SIGBUS) when someone cuts the file
off, and shows his numbers when he writes new ones. So nothing that others can change is mapped:
what is read is a copy, and a file that has become too short is a sentence.
"""

import os
from itertools import product
from math import prod
from threading import Lock

import numpy as np

from recon.errors import UnreadableFile
from recon.scan import spill as room

WASTE = 2
"""How much more than what is wanted is read, at most, to read it in one go."""


_one_at_a_time = Lock()


def read_at(descriptor: int, buffer, place: int) -> int:
    """Read into a buffer from byte `place` of an open file on; how many bytes there were."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [buffer], place)
    # Windows: moving there and reading are two steps, and files may be shared by threads.
    with _one_at_a_time:
        os.lseek(descriptor, place, os.SEEK_SET)
        found = os.read(descriptor, len(buffer))
    buffer[: len(found)] = np.frombuffer(found, np.uint8)
    return len(found)


def fill(descriptor: int, array: np.ndarray, place: int) -> None:
    """Fill a contiguous array from byte `place` of an open file on.

    Raises
    ------
    UnreadableFile
        If the file ends before.
    """
    data, done = array.reshape(-1).view(np.uint8), 0
    while done < data.size:
        # The system gives up to 2 GiB at a time.
        count = read_at(descriptor, data[done:], place + done)
        if not count:
            raise UnreadableFile("the file became shorter while it was read")
        done += count


class FileArray:
    """An array in a file, of which slices are read when they are taken.

    Parameters
    ----------
    path : path-like
        Opened for each slice, so that no file stays open.
    dtype : dtype
    shape : tuple of int
    place : int
        Byte at which its first element begins.
    strides : tuple of int, optional
        Bytes from one element to the next along each axis; C order if left out.
    """

    def __init__(self, path, dtype, shape, place: int = 0, strides=None):
        self.path, self.dtype, self.shape = path, np.dtype(dtype), tuple(shape)
        self.place, self.strides = place, strides
        if strides is None:
            sizes = (*self.shape[1:], 1)
            self.strides = tuple(
                prod(sizes[axis:]) * self.dtype.itemsize for axis in range(len(sizes))
            )

    @classmethod
    def of(cls, mapped: np.memmap) -> "FileArray":
        """What a mapped array, or a view of one, shows; none of its pages is touched."""
        whole = mapped
        while isinstance(whole.base, np.ndarray):
            whole = whole.base
        place = mapped.offset + mapped.ctypes.data - whole.ctypes.data
        return cls(mapped.filename, mapped.dtype, mapped.shape, place, mapped.strides)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def __len__(self):
        return self.shape[0]

    def read(self) -> np.ndarray:
        """All of a one-dimensional array, where `recon.scan.spill` has place for it."""
        array = room.array(len(self), self.dtype)
        with open(self.path, "rb", buffering=0) as file:
            fill(file.fileno(), array, self.place)
        return array

    def __getitem__(self, index) -> np.ndarray:
        """A copy of a part.

        Parameters
        ----------
        index : slice or tuple of slices
            Of steps of one, along the first axes.

        Raises
        ------
        UnreadableFile
            If the file has become too short.
        """
        index = index if isinstance(index, tuple) else (index,)
        index = (*index, *[slice(None)] * (self.ndim - len(index)))
        ranges = [part.indices(n)[:2] for part, n in zip(index, self.shape, strict=True)]
        shape = tuple(max(0, last - first) for first, last in ranges)
        place = self.place + sum(r[0] * s for r, s in zip(ranges, self.strides, strict=True))
        if 0 in shape:
            return np.empty(shape, self.dtype)
        # Axes that run backwards are read forwards, and turned round.
        backwards = tuple(axis for axis in range(self.ndim) if self.strides[axis] < 0)
        place += sum((shape[axis] - 1) * self.strides[axis] for axis in backwards)
        strides = [abs(stride) for stride in self.strides]
        run, axes = self._run(shape, strides)
        steps = [np.arange(shape[axis]) * strides[axis] for axis in axes]
        starts = [place + int(sum(offsets)) for offsets in product(*steps)]
        data = np.empty((len(starts), run), np.uint8)
        with open(self.path, "rb", buffering=0) as file:
            for start, row in zip(starts, data, strict=True):
                fill(file.fileno(), row, start)
        apart = run
        for axis in reversed(axes):
            strides[axis], apart = apart, apart * shape[axis]
        return np.flip(np.ndarray(shape, self.dtype, data, strides=strides), backwards)

    def _run(self, shape, strides):
        """Bytes that are read in one go, and the axes along which there are several such runs."""
        run = wanted = self.dtype.itemsize
        axes = sorted(range(self.ndim), key=lambda axis: -strides[axis])
        while axes:
            longer = run + (shape[axes[-1]] - 1) * strides[axes[-1]]
            if longer > WASTE * wanted * shape[axes[-1]]:
                break
            wanted *= shape[axes.pop()]
            run = longer
        return run, axes
