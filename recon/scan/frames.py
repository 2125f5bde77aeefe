"""A scan of dense frames, read a slab at a time: the whole is never in memory."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from recon.errors import UnreadableFile
from recon.scan.events import Source, checked_mask

SLAB_BYTES = 64 * 2**20
"""Frames read at a time: small beside memory, large beside the cost of a read."""

KINDS = "buif"
"""Kinds of numbers that a frame may hold."""

UNUSUAL = {("f", 2): np.dtype(np.float32)} | {
    ("f", size): np.dtype(np.float64) for size in (10, 12, 16)
}
"""What numbers are read as that no kernel takes, by kind and bytes."""


@dataclass(frozen=True, eq=False)
class DenseFrames:
    """The frames of a 4D-STEM scan as a detector's whole images, in a file or in memory.

    Parameters
    ----------
    load : callable
        `load(first, last)` returns the frames first..last (exclusive) in raster order, an array
        (last - first, Ky, Kx) of `dtype`. May raise `UnreadableFile`.
    scan_shape : (Sy, Sx)
        Scan positions.
    frame_shape : (Ky, Kx)
        Detector pixels.
    dtype : dtype
        Of a pixel, in the machine's byte order: booleans, integers or real numbers. Half precision
        is read as single, and more than double as double.
    metadata : dict
        What the file says of the experiment, under `Calibration`'s names and in its units.
    source : Source
        Where the frames come from.
    excluded : (Ky, Kx) bool array, or None
        Detector pixels that read zero, whatever is stored: see `recon.treatment.mask.without`.

    Raises
    ------
    ValueError
        If the scan or the detector is empty, or pixels are no numbers.
    """

    load: Callable[[int, int], np.ndarray]
    scan_shape: tuple[int, int]
    frame_shape: tuple[int, int]
    dtype: np.dtype
    metadata: dict[str, Any] = field(default_factory=dict)
    source: Source = field(default_factory=lambda: Source("memory", "frames in memory"))
    excluded: np.ndarray | None = None

    def __post_init__(self):
        dtype = np.dtype(self.dtype).newbyteorder("=")
        object.__setattr__(self, "dtype", UNUSUAL.get((dtype.kind, dtype.itemsize), dtype))
        if min(self.scan_shape) < 1:
            raise ValueError("The scan is empty: {} × {} positions.".format(*self.scan_shape))
        if min(self.frame_shape) < 1:
            raise ValueError("The detector is empty: {} × {} pixels.".format(*self.frame_shape))
        if self.dtype.kind not in KINDS:
            raise ValueError(f"Frames hold real numbers or integers, not {self.dtype}.")
        object.__setattr__(self, "excluded", checked_mask(self.excluded, self.frame_shape))

    @property
    def positions(self) -> int:
        """Number of scan positions."""
        return self.scan_shape[0] * self.scan_shape[1]

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.frame_shape[0] * self.frame_shape[1] * self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all frames; more than memory, perhaps."""
        return self.positions * self.frame_bytes

    def read(self, first: int, last: int) -> np.ndarray:
        """(last - first, Ky, Kx) frames, contiguous, in the machine's byte order; masked.

        Raises
        ------
        ValueError
            If the range leaves the scan.
        UnreadableFile
            If the file does not hold what it promised.
        """
        if not 0 <= first <= last <= self.positions:
            raise ValueError(f"Frames {first} to {last} are not in a scan of {self.positions}.")
        found = self.load(first, last)
        if found.shape != (last - first, *self.frame_shape):
            raise UnreadableFile(
                f"{self.source.name}: frames {first} to {last} are cut off: the file is shorter "
                "than it says, or still being written."
            )
        if self.excluded is None:
            return np.ascontiguousarray(found, self.dtype)
        # What was loaded may be the array of someone else.
        frames = np.array(found, self.dtype, order="C")
        frames[:, self.excluded] = 0
        return frames

    def reshaped(self, scan_shape) -> "DenseFrames":
        """The same frames as a scan of another shape.

        Raises
        ------
        ValueError
            If it has another number of positions.
        """
        return replace(self, scan_shape=filled(scan_shape, self.positions))

    def slabs(self, bytes: int = SLAB_BYTES, ahead: bool = True, start: int = 0) -> Iterator:
        """(first, frames) for one stretch of the scan after the other.

        Parameters
        ----------
        bytes : int
            Size of a slab; at least one frame.
        ahead : bool
            Read the next slab while this one is worked on: two are in memory at a time.
        start : int
            Frame to begin with.
        """
        step = max(1, int(bytes) // self.frame_bytes)
        ranges = [(i, min(i + step, self.positions)) for i in range(start, self.positions, step)]
        if not ahead or len(ranges) == 1:
            for first, last in ranges:
                yield first, self.read(first, last)
            return
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self.read, *ranges[0])
            for number, (first, _) in enumerate(ranges):
                frames = coming.result()
                if number + 1 < len(ranges):
                    coming = reader.submit(self.read, *ranges[number + 1])
                yield first, frames
                del frames


def of_array(array, scan_shape=None, **kwargs) -> DenseFrames:
    """Frames of an array in memory, memory-mapped, or anything sliced like one.

    Parameters
    ----------
    array : (Sy, Sx, Ky, Kx) or (F, Ky, Kx) array
        Scan positions in raster order, detector rows and columns.
    scan_shape : (Sy, Sx), optional
        For an array of three dimensions; by default a scan of one row. It replaces the first two
        dimensions of four.
    **kwargs
        `metadata` and `source`.

    Raises
    ------
    ValueError
        If the array has another number of dimensions, or does not fill the scan.
    """
    shape = tuple(array.shape)
    if len(shape) not in (3, 4):
        raise ValueError(
            f"Frames have 3 dimensions (frames, ky, kx) or 4 (y, x, ky, kx), not {len(shape)}."
        )
    stored = shape[:-2] if len(shape) == 4 else (1, shape[0])
    scan_shape = stored if scan_shape is None else filled(scan_shape, stored[0] * stored[1])
    if len(shape) == 3:

        def load(first, last):
            return np.asarray(array[first:last])
    else:

        def load(first, last):
            return rows_of(lambda y0, y1, x0, x1: array[y0:y1, x0:x1], stored[1], first, last)

    return DenseFrames(load, scan_shape, shape[-2:], array.dtype, **kwargs)


def frames_of(frames, scan_shape=None) -> DenseFrames:
    """Frames as they are, or those of an array, as a scan of a shape; see `of_array`.

    Raises
    ------
    ValueError
        As `of_array`.
    """
    if not isinstance(frames, DenseFrames):
        return of_array(frames, scan_shape)
    if scan_shape is None or tuple(scan_shape) == frames.scan_shape:
        return frames
    return frames.reshaped(scan_shape)


def filled(scan_shape, frames: int) -> tuple[int, int]:
    """`scan_shape` as whole numbers if so many frames fill it; else `ValueError`."""
    height, width = (int(n) for n in scan_shape)
    if height < 1 or height * width != frames:
        raise ValueError(
            f"{frames} frames do not fill a scan of {height} × {width} positions "
            f"({height * width}): was the scan stopped early, or is there a flyback column?"
        )
    return height, width


def rows_of(block, columns: int, first: int, last: int) -> np.ndarray:
    """Frames first..last of a scan that is stored row by row.

    Parameters
    ----------
    block : callable
        `block(y0, y1, x0, x1)` returns the (y1 - y0, x1 - x0, Ky, Kx) frames of those positions.
    columns : int
        Positions in a stored row.
    first, last : int
        Range in raster order.
    """
    parts = []
    while first < last:
        row, column = divmod(first, columns)
        if column or last - first < columns:
            stop = min(columns, column + last - first)
            part = block(row, row + 1, column, stop)
            first += stop - column
        else:
            rows = (last - first) // columns
            part = block(row, row + rows, 0, columns)
            first += rows * columns
        part = np.asarray(part)
        parts.append(part.reshape(-1, *part.shape[2:]))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
