"""Parts of a scan of dense frames, and positions joined; read when they are needed."""

from dataclasses import replace

import numpy as np

from recon.scan.frames import DenseFrames, rows_of


def crop_scan(frames: DenseFrames, rows, columns) -> DenseFrames:
    """The scan positions rows[0] <= y < rows[1], columns[0] <= x < columns[1].

    Raises
    ------
    ValueError
        If the region is empty or leaves the scan.
    """
    shape = _region(rows, columns, frames.scan_shape, "scan", "positions")
    return _by_rows(frames, shape, _block(frames, rows[0], columns[0]))


def bin_scan(frames: DenseFrames, factor: int) -> DenseFrames:
    """Neighbouring scan positions joined: the frames of `factor` × `factor` positions summed.

    Rows and columns at the end that do not fill a bin are left out.

    Raises
    ------
    ValueError
        If the factor is below 1, or larger than the scan.
    """
    if not 1 <= factor <= min(frames.scan_shape):
        raise ValueError(
            f"{factor} is no binning of a scan of {{}} × {{}} positions.".format(*frames.scan_shape)
        )
    shape = tuple(size // factor for size in frames.scan_shape)
    dtype = np.dtype({"f": np.float64, "i": np.int64}.get(frames.dtype.kind, np.uint64))
    source = _block(frames, 0, 0)

    def block(y0, y1, x0, x1):
        part = source(y0 * factor, y1 * factor, x0 * factor, x1 * factor)
        part = part.reshape(y1 - y0, factor, x1 - x0, factor, *part.shape[2:])
        return part.sum(axis=(1, 3), dtype=dtype)

    metadata = dict(frames.metadata)
    if "scan_sampling" in metadata:
        metadata["scan_sampling"] = tuple(step * factor for step in metadata["scan_sampling"])
    return _by_rows(frames, shape, block, dtype=dtype, metadata=metadata)


def crop_detector(frames: DenseFrames, rows, columns) -> DenseFrames:
    """The detector pixels of these rows and columns; a centre in the metadata moves along.

    Raises
    ------
    ValueError
        If the region is empty or leaves the detector.
    """
    shape = _region(rows, columns, frames.frame_shape, "detector", "pixels")
    metadata = dict(frames.metadata)
    if "centre" in metadata:
        y, x = metadata["centre"]
        metadata["centre"] = (y - rows[0], x - columns[0])

    def load(first, last):
        return frames.read(first, last)[:, slice(*rows), slice(*columns)]

    excluded = None if frames.excluded is None else frames.excluded[slice(*rows), slice(*columns)]
    return replace(frames, load=load, frame_shape=shape, metadata=metadata, excluded=excluded)


def _by_rows(frames, shape, block, **changes):
    """`frames` with a scan of this shape, whose frames are what `block` gives."""

    def load(first, last):
        return rows_of(block, shape[1], first, last)

    return replace(frames, load=load, scan_shape=shape, **changes)


def _block(frames, top, left):
    """`block(y0, y1, x0, x1)`: (y1 - y0, x1 - x0, Ky, Kx) frames, counted from (top, left)."""
    width = frames.scan_shape[1]

    def block(y0, y1, x0, x1):
        starts = [(top + y) * width + left for y in range(y0, y1)]
        return np.stack([frames.read(start + x0, start + x1) for start in starts])

    return block


def _region(rows, columns, shape, what, unit):
    if not (0 <= rows[0] < rows[1] <= shape[0] and 0 <= columns[0] < columns[1] <= shape[1]):
        raise ValueError(
            f"Rows {rows[0]} to {rows[1]} and columns {columns[0]} to {columns[1]} are no part of "
            f"the {what} of {shape[0]} × {shape[1]} {unit}."
        )
    return rows[1] - rows[0], columns[1] - columns[0]
