"""From electron events to counts of the binned bright-field pixels, one plane a pixel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import CPU, Device, guarded
from recon.scan.events import ElectronEvents
from recon.sums.current import BeamCurrent

SUBPOINTS = 4
"""Sub-points along each edge of a binned pixel, at which its share of the disc is judged."""

LEAST_KEPT = 0.5
"""Share of a binned pixel that must be left of it where pixels are excluded."""

OFFSETS = (np.arange(SUBPOINTS) + 0.5) / SUBPOINTS - 0.5
"""(4,) their places in a pixel, in units of its width."""


@dataclass(frozen=True, eq=False)
class BrightField:
    """Binned detector pixels that touch the bright-field disc.

    Attributes
    ----------
    bin : int
        Detector pixels to a binned pixel, along each axis.
    start : (int, int)
        Detector pixel (y, x) at which the binned grid begins.
    planes : (By, Bx) int32 array
        Plane number of each binned pixel, -1 where it does not touch the disc.
    k : (2, K) float64 array
        Scattering vector (ky, kx) of each plane in the detector's frame [1/Å]: the float centre
        of the disc is kept here, the data are never moved onto a grid.
    coverage : (K,) float64 array
        Share of each pixel's 4 × 4 sub-points inside the disc.
    width : float
        Width of a binned pixel [1/Å].
    lookup : (Ky * Kx,) int16 or int32 array
        Plane of each detector pixel, -1 outside and where it is excluded.
    kept : (K,) float64 array
        Share of each pixel in the disc that is not excluded, from `LEAST_KEPT` to one; its counts
        are to be divided by it.
    """

    bin: int
    start: tuple[int, int]
    planes: np.ndarray
    k: np.ndarray
    coverage: np.ndarray
    width: float
    lookup: np.ndarray
    kept: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Binned pixels (By, Bx) of the grid around the disc."""
        return self.planes.shape

    @property
    def size(self) -> int:
        """Number of planes K."""
        return self.k.shape[1]


class BinnedPlanes(NamedTuple):
    """The scan's image in each binned pixel of the disc, as they are asked for.

    Attributes
    ----------
    counts : callable
        `counts(start, stop)` returns the (stop - start, Sy, Sx) counts of those planes, on the host
        or on `device`.
    scan_shape : (Sy, Sx)
    disc : BrightField
        What the planes are.
    device : Device
        Where they are transformed, and what comes of them is kept.
    current : BeamCurrent, optional
        What is to be taken out.
    """

    counts: Callable
    scan_shape: tuple[int, int]
    disc: BrightField
    device: Device = CPU
    current: BeamCurrent | None = None


def bright_field(
    calibration: Calibration, frame_shape, pixels_across: int = 18, excluded=None
) -> BrightField:
    """Bin the detector so that about `pixels_across` binned pixels span the disc's diameter.

    Parameters
    ----------
    calibration : Calibration
    frame_shape : (Ky, Kx)
        Detector pixels.
    pixels_across : int
        Wanted pixels over the diameter, 4 to 64; the detector is binned by a whole number.
    excluded : (Ky, Kx) bool array, optional
        Detector pixels to leave out.

    Raises
    ------
    ValueError
        If `pixels_across` is outside 4..64, or fewer than four binned pixels lie in the disc.

    Notes
    -----
    Pelz et al. (2021), section IV: more than 32 × 32 pixels bring nothing at moderate
    aberrations. A binned pixel that the detector's edge cuts is left out, and one of which less
    than half is left. Of others the remaining pixels stand for the whole.
    """
    if not 4 <= pixels_across <= 64:
        raise ValueError(
            f"Between 4 and 64 bright-field pixels can span the disc, not {pixels_across}."
        )
    bin_ = max(1, round(2 * calibration.radius / pixels_across))
    centre = np.array(calibration.centre)
    size = int(np.ceil(2 * calibration.radius / bin_)) + 2
    start = np.floor(centre + 0.5 - size * bin_ / 2).astype(int)
    dk = calibration.reciprocal_sampling
    width = bin_ * dk
    # k_b = (start + b B + (B - 1) / 2 - c) dk (physics of binning: the mean of B pixel centres)
    ky, kx = (
        (begin + np.arange(size) * bin_ + (bin_ - 1) / 2 - c) * dk
        for begin, c in zip(start, centre, strict=True)
    )
    fine_y, fine_x = ((axis[:, None] + OFFSETS * width).ravel() for axis in (ky, kx))
    inside = np.hypot(fine_y[:, None], fine_x) < calibration.k0
    coverage = inside.reshape(size, SUBPOINTS, size, SUBPOINTS).mean((1, 3))
    usable = coverage > 0
    for axis, (begin, extent) in enumerate(zip(start, frame_shape, strict=True)):
        first = begin + np.arange(size) * bin_
        on_detector = (first >= 0) & (first + bin_ <= extent)
        usable &= on_detector[:, None] if axis == 0 else on_detector
    detector_y, detector_x = (np.arange(n) - s for n, s in zip(frame_shape, start, strict=True))
    row, column = detector_y // bin_, detector_x // bin_
    in_grid = ((row >= 0) & (row < size))[:, None] & ((column >= 0) & (column < size))
    cell = (np.clip(row, 0, size - 1) * size)[:, None] + np.clip(column, 0, size - 1)
    kept = np.ones(usable.shape)
    if excluded is not None:
        excluded = np.asarray(excluded, bool)
        kept = _kept(in_grid, cell, excluded, centre, calibration.radius, usable.shape)
        usable &= kept >= LEAST_KEPT
    if usable.sum() < 4:
        raise ValueError(
            f"Only {int(usable.sum())} binned pixels lie in the disc of radius "
            f"{calibration.radius:.1f} pixels around ({centre[0]:.1f}, {centre[1]:.1f}) on the "
            f"detector of {frame_shape[0]} × {frame_shape[1]}: check the disc's centre and radius"
            f"{'' if excluded is None else ', and the pixels left out'}."
        )
    planes = np.full(usable.shape, -1, np.int32)
    planes[usable] = np.arange(usable.sum())
    there = in_grid if excluded is None else in_grid & ~excluded
    lookup = np.where(there, planes.ravel()[cell], -1).ravel()
    rows, columns = np.nonzero(usable)
    return BrightField(
        bin_,
        (int(start[0]), int(start[1])),
        planes,
        np.stack([ky[rows], kx[columns]]),
        coverage[usable],
        width,
        lookup.astype(np.int16 if usable.sum() < 2**15 else np.int32),
        kept[usable],
    )


def _kept(in_grid, cell, excluded, centre, radius, shape):
    """(By, Bx) share of the detector pixels in the disc that each binned pixel keeps.

    Where none of a binned pixel's centres is in the disc, of all its pixels.
    """
    y, x = np.ogrid[: cell.shape[0], : cell.shape[1]]
    lit = np.hypot(y - centre[0], x - centre[1]) < radius
    weight = np.where(lit, 1.0, 1e-9)
    cells, size = cell[in_grid], shape[0] * shape[1]
    every = np.bincount(cells, weight[in_grid], size)
    left = np.bincount(cells, (weight * ~excluded)[in_grid], size)
    return np.divide(left, every, out=np.ones(size), where=every > 0).reshape(shape)


def count_type(events: ElectronEvents) -> np.dtype:
    """Smallest unsigned type that no count of one position can overflow."""
    return np.min_scalar_type(events.longest_frame)


@guarded
def plane_counts(events: ElectronEvents, lookup, first: int, stop: int) -> np.ndarray:
    """(stop - first, Sy, Sx) counts of the planes `first` to `stop`, in the smallest type.

    `lookup` (Ky * Kx,) numbers the plane of each detector pixel; it may be on `events.device`,
    where the counts are. O(electrons): each electron is looked up once and lands in its plane.
    Raises `DeviceError` if the device fails or is full.
    """
    xp = events.device.xp
    # Memory comes zeroed from the system, page by page, when it is first touched: by the threads.
    counts = xp.zeros((stop - first, events.positions), count_type(events))
    lookup = xp.asarray(lookup)
    for p in events.pieces():
        events.device.kernels.densify(p.pixels, p.offsets, lookup, first, counts[:, p.frames])
    return counts.reshape(stop - first, *events.scan_shape)
