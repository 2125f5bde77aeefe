"""The diffraction pattern of one position or of a region, from what was recorded there alone."""

from collections.abc import Iterator

import numpy as np

from recon.scan.frames import SLAB_BYTES
from recon.scan.kinds import ScanData, by_kind

ELECTRONS = 1 << 22
"""Counted at a time: small beside memory, and an answer to `progress` in a fraction of a second."""


def pattern_of(scan: ScanData, rows, columns, progress=None) -> np.ndarray:
    """Sum of the frames of a rectangle of scan positions; nothing else is read.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
        It may be larger than memory. Electrons are read on the host, wherever passes over all of
        them run.
    rows, columns : (int, int)
        First position and the one after the last.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (Ky, Kx) array
        int64 electrons, or float64 in the frames' own unit.

    Raises
    ------
    ValueError
        If the rectangle is empty or leaves the scan, or an electron of it lies off the detector.
    UnreadableFile
        If the file does not hold what it promised.
    """
    (y0, y1), (x0, x1) = rows, columns
    height, width = scan.scan_shape
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise ValueError(
            f"The region of rows {y0} to {y1} and columns {x0} to {x1} does not lie "
            f"in the scan of {height} × {width} positions."
        )
    stretches = [(y * width + x0, y * width + x1) for y in range(y0, y1)]
    if x1 - x0 == width:  # whole rows follow one another
        stretches = [(y0 * width, y1 * width)]
    total = None
    for part, done in by_kind(scan, _of_events, _of_frames)(scan, stretches):
        total = part if total is None else np.add(total, part, out=total)
        if progress is not None:
            progress(done)
    return total.reshape(scan.frame_shape)


def _of_events(events, stretches) -> Iterator[tuple[np.ndarray, float]]:
    """(Ky * Kx,) int64 sums of some of the electrons, and the fraction that is counted then."""
    size = events.frame_shape[0] * events.frame_shape[1]
    ends = [(int(events.offsets[first]), int(events.offsets[last])) for first, last in stretches]
    every = sum(stop - start for start, stop in ends)
    counted, waiting, held = 0, [np.empty(0, np.uint32)], 0
    for start, stop in ends:
        for at in range(start, stop, ELECTRONS):
            waiting.append(events.pixels[at : min(at + ELECTRONS, stop)])
            held += waiting[-1].size
            if held >= ELECTRONS:
                counted += held
                yield _counted(waiting, size, events.frame_shape), counted / every
                waiting, held = [], 0
    if waiting:
        yield _counted(waiting, size, events.frame_shape), 1.0


def _counted(parts, size, shape):
    counts = np.bincount(np.concatenate(parts), minlength=size)
    if counts.size > size:
        raise ValueError(
            f"Pixel index {counts.size - 1} lies outside the detector of "
            f"{shape[0]} × {shape[1]} pixels (highest index {size - 1})."
        )
    return counts


def _of_frames(frames, stretches) -> Iterator[tuple[np.ndarray, float]]:
    """(Ky * Kx,) float64 sums of a slab of the frames, and the fraction that is summed then."""
    step = max(1, SLAB_BYTES // frames.frame_bytes)
    every, summed = sum(last - first for first, last in stretches), 0
    for first, last in stretches:
        for at in range(first, last, step):
            slab = frames.read(at, min(at + step, last))
            summed += len(slab)
            yield slab.reshape(len(slab), -1).sum(axis=0, dtype=np.float64), summed / every
