"""The frames of a scan for programs that read no electrons: dense HDF5, binned, row by row."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from recon.handover.start import Cut, Start
from recon.io.files.atomic import reason
from recon.scan.kinds import ScanData, by_kind, electrons

DATASET = "data"
CHUNK = 1 << 20
"""Bytes that are compressed together."""


def frames_size(scan: ScanData, cut: Cut) -> int:
    """Bytes of the frames before they are compressed; what a receiver's memory has to hold."""
    return scan.positions * cut.pixels**2 * _type(scan).itemsize


def write_frames(path: Path, scan: ScanData, start: Start, cut: Cut, progress=None) -> None:
    """Write the frames as dataset "data" (Sy, Sx, N, N), compressed, a row at a time.

    Parameters
    ----------
    path : Path
        A new file.
    scan : ElectronEvents or DenseFrames
        Of `start.scan_shape`; it may be larger than memory.
    start : Start
        Its axes of the detector are swapped where the scan is transposed against it.
    cut : Cut
        What is written of the detector, and how it is binned.
    progress : callable, optional
        Called with the fraction done.

    Raises
    ------
    ValueError
        If the scan has another shape.
    OSError
        With one sentence if the disk has too little room, before anything is written.
    """
    if tuple(scan.scan_shape) != start.scan_shape:
        raise ValueError(
            "The scan has {} × {} positions and its results have {} × {}: give the results of "
            "this scan.".format(*scan.scan_shape, *start.scan_shape)
        )
    rows, columns = scan.scan_shape
    size, kind = cut.pixels, _type(scan)
    chunk = max(1, min(columns, CHUNK // (size * size * kind.itemsize)))
    free = shutil.disk_usage(path.parent).free
    # Counts compress well: their number bounds them, two bytes each and what gzip keeps of zeros.
    counted = electrons(scan)
    least = frames_size(scan, cut)
    if counted is not None:
        least = min(least, 3 * counted + least // 500)
    if free < least:
        raise OSError(
            f"{path.name} was not written: it needs about {least / 1e6:.0f} MB, and the disk has "
            f"{free / 1e6:.0f} MB left. Bin more."
        )
    try:
        with h5py.File(path, "w") as file:
            data = file.create_dataset(
                DATASET,
                (rows, columns, size, size),
                kind,
                chunks=(1, chunk, size, size),
                compression="gzip",
                compression_opts=1,
                shuffle=True,
            )
            for row, frames in enumerate(by_kind(scan, _of_events, _of_frames)(scan, cut)):
                data[row] = frames.swapaxes(-1, -2) if start.calibration.transpose else frames
                if progress is not None:
                    progress((row + 1) / rows)
    except OSError as error:
        raise OSError(f"{path.name} was not written: {reason(error)}.") from error


def _type(scan) -> np.dtype:
    """Of the frames: counts in two bytes, sums of a camera's own values as numbers."""
    return np.dtype(np.float32 if electrons(scan) is None else np.uint16)


def _of_events(scan, cut: Cut) -> Iterator[np.ndarray]:
    """(Sx, N, N) uint16 counts of one row of the scan after the other."""
    columns, size = scan.scan_shape[1], cut.pixels
    for first in range(0, scan.positions, columns):
        offsets = scan.offsets[first : first + columns + 1]
        pixels = scan.pixels[offsets[0] : offsets[-1]]
        position = np.repeat(np.arange(columns), np.diff(offsets))
        y, x = np.divmod(pixels.astype(np.int64), scan.frame_shape[1])
        y, x = ((v - begin) // cut.bin for v, begin in zip((y, x), cut.first, strict=True))
        kept = (y >= 0) & (y < size) & (x >= 0) & (x < size)
        index = (position[kept] * size + y[kept]) * size + x[kept]
        counts = np.bincount(index, minlength=columns * size * size)
        if counts.max(initial=0) > np.iinfo(np.uint16).max:
            raise ValueError(
                f"A binned pixel holds {counts.max()} electrons, and a file of frames has room for "
                f"{np.iinfo(np.uint16).max}: bin less."
            )
        yield counts.astype(np.uint16).reshape(columns, size, size)


def _of_frames(scan, cut: Cut) -> Iterator[np.ndarray]:
    """(Sx, N, N) float32 sums of one row of the scan after the other."""
    columns, side = scan.scan_shape[1], cut.pixels * cut.bin
    y, x = (slice(begin, begin + side) for begin in cut.first)
    for first in range(0, scan.positions, columns):
        frames = scan.read(first, first + columns)[:, y, x].astype(np.float32)
        split = columns, cut.pixels, cut.bin, cut.pixels, cut.bin
        yield frames.reshape(split).sum((2, 4))
