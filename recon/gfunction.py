"""The G-function of a scan, kept only where a sideband is: it never exists as a dense array."""

from dataclasses import dataclass, field, replace

import numpy as np
import scipy.fft

from recon.backend import CPU, Device, on_host
from recon.calibration import Calibration
from recon.datacube import OFFSETS, BrightField, bright_field, plane_counts
from recon.events import ElectronEvents
from recon.kernels import densify, sideband_geometry, sidebands
from recon.kernels.simd import LANES

SLAB_BYTES = 512 * 2**20
"""Counts held at a time while G is built."""

FFT_BYTES = 60 * 2**20
"""Transforms held at a time while G is built: few enough that the allocator keeps their memory
and each batch need not touch fresh pages."""


@dataclass(frozen=True, eq=False)
class Sidebands:
    """G(k, q) = Σ_R I(k, R) exp(-2πi q·R) on the sidebands, for half of the q.

    I is real, so that G(k, -q) is the conjugate of G(k, q) and the half plane of a real FFT
    holds all. Entries lie as runs of neighbouring qx for one row qy and one pixel k.

    Attributes
    ----------
    calibration, bright_field, scan_shape
        What it was built with.
    full : bool
        Whether the triple overlap is kept as well.
    re, im : (E + 32,) float32 arrays
        Entries, with a margin of 16 at either end.
    first, runs, hard, hard_at, masks
        Tables of `kernels.sideband_geometry.find_runs`.
    k : (2, K) float64 array
        Pixels (ky, kx) in the scan's frame [1/Å].
    pacbed : (K,) float64 array
        Mean counts of each binned pixel at one position, P(k).
    electrons : float
        All electrons of the scan, inside the disc or not.
    """

    calibration: Calibration
    bright_field: BrightField
    scan_shape: tuple[int, int]
    full: bool
    re: np.ndarray
    im: np.ndarray
    first: np.ndarray
    runs: np.ndarray
    hard: np.ndarray
    hard_at: np.ndarray
    masks: np.ndarray
    k: np.ndarray
    pacbed: np.ndarray
    electrons: float
    spare: list = field(default_factory=list)
    """Spectra not in use, so that a redraw need not touch fresh memory."""
    derived: dict = field(default_factory=dict)
    """What follows from the geometry alone and is wanted at every redraw."""
    device: Device = CPU
    """Where `re`, `im` and the tables are; what is made of them is made there."""

    def to_device(self, device: Device) -> "Sidebands":
        """The same G with its entries and tables on `device`; itself, if it is there."""
        if device is self.device:
            return self
        names = "re", "im", "first", "runs", "hard", "hard_at", "masks"
        moved = {name: device.xp.asarray(on_host(getattr(self, name))) for name in names}
        return replace(self, device=device, spare=[], derived={}, **moved)

    @property
    def entries(self) -> int:
        """Number of entries kept."""
        return self.re.size - 2 * LANES

    @property
    def hard_entries(self) -> int:
        """Number of entries whose pixel's centre lies in a sideband: what a draft reads."""
        return int(self.hard[:, 2].sum(dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes it takes in memory."""
        tables = (self.first, self.runs, self.hard, self.hard_at, self.masks)
        return sum(a.nbytes for a in (self.re, self.im, *tables))

    @property
    def q_shape(self) -> tuple[int, int]:
        """(Sy, Qx) frequencies of the half plane."""
        return self.scan_shape[0], self.scan_shape[1] // 2 + 1

    @property
    def q_y(self) -> np.ndarray:
        """(Sy,) float64 row frequencies in FFT order [1/Å]."""
        return np.fft.fftfreq(self.scan_shape[0], self.calibration.scan_sampling[0])

    @property
    def q_x(self) -> np.ndarray:
        """(Qx,) float64 column frequencies [1/Å]."""
        return np.fft.rfftfreq(self.scan_shape[1], self.calibration.scan_sampling[1])

    @property
    def mean_counts(self) -> float:
        """I0: mean counts at one position of a pixel wholly inside the disc."""
        return float(self.pacbed.sum() / self.bright_field.coverage.sum())


def pixel_edges(calibration: Calibration) -> np.ndarray:
    """(2, 2) float64: unit vectors (y, x) along a detector pixel's x and y edge, scan frame."""
    return calibration.detector_to_scan[:, ::-1].T


def _tables(q_y, k, points, calibration, scan_shape, full):
    """Count, then fill, the tables of runs."""
    columns = scan_shape[1] // 2 + 1
    step = 1 / (scan_shape[1] * calibration.scan_sampling[1])
    first = np.zeros((4, scan_shape[0] + 1), np.int64)
    geometry = (q_y, k, points, calibration.k0, step, columns, full)
    empty = np.empty((0, 4), np.uint16)
    none = np.empty(0, np.uint16)
    sideband_geometry.find_runs(*geometry, first, empty, empty, np.empty(0, np.int32), none)
    first = np.cumsum(first, axis=1)
    # Entries and masks are read in vectors that may begin before a run: leave a margin.
    first[2:] += LANES
    run_count, hard_count, _, mask_end = first[:, -1]
    runs = np.empty((run_count, 4), np.uint16)
    hard = np.empty((hard_count, 4), np.uint16)
    hard_at = np.empty(hard_count, np.int32)
    masks = np.zeros(mask_end + LANES, np.uint16)
    if run_count:
        sideband_geometry.find_runs(*geometry, first, runs, hard, hard_at, masks)
    return first, runs, hard, hard_at, masks


def build_sidebands(
    events: ElectronEvents,
    calibration: Calibration,
    pixels_across: int = 18,
    *,
    full: bool = False,
    excluded=None,
    progress=None,
) -> Sidebands:
    """Transform a scan's events to G, kept only on the sidebands.

    Parameters
    ----------
    events : ElectronEvents
    calibration : Calibration
    pixels_across : int
        Binned bright-field pixels over the disc's diameter, 4 to 64.
    full : bool
        Keep the triple overlap as well, for `sideband="full"`.
    excluded : (Ky, Kx) bool array, optional
        Detector pixels to leave out.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    Sidebands

    Raises
    ------
    ValueError
        If the disc does not lie on the detector, holds no electrons, or the scan is too coarse
        for any sideband.

    Notes
    -----
    Pelz et al. (2021), section IV. Counts are binned O(electrons) with the float centre kept in
    k, transformed a few planes at a time, and copied to their runs at once.
    """
    disc = bright_field(calibration, events.frame_shape, pixels_across, excluded)

    def counts(start, stop):
        return plane_counts(events, disc.lookup, start, stop)

    return sidebands_of_planes(
        counts, events.scan_shape, disc, calibration, events.electrons, full=full, progress=progress
    )


def sidebands_of_planes(
    planes, scan_shape, disc: BrightField, calibration: Calibration, total, *, full, progress=None
) -> Sidebands:
    """Transform binned planes to G, kept only on the sidebands.

    Parameters
    ----------
    planes : callable
        `planes(start, stop)` returns the (stop - start, Sy, Sx) counts of those planes.
    disc : BrightField
        What the planes are.
    total : float
        All counts of the scan, on the disc or not.

    Others, and what is raised, as for `build_sidebands`.
    """
    tell = progress or (lambda fraction: None)
    tell(0.0)
    rows, columns = scan_shape
    if min(scan_shape) < 4:
        raise ValueError(
            "Single-sideband ptychography needs a scan of at least 4 × 4 positions, "
            f"not {rows} × {columns}."
        )
    if max(scan_shape) >= 2**16:
        raise ValueError(f"A scan of {rows} × {columns} positions has too long a side.")
    k = calibration.detector_to_scan @ disc.k
    sub_points = np.stack(np.meshgrid(OFFSETS, OFFSETS, indexing="ij")).reshape(2, -1)
    points = calibration.detector_to_scan @ (sub_points * disc.width)
    q_y = np.fft.fftfreq(rows, calibration.scan_sampling[0])
    first, runs, hard, hard_at, masks = _tables(q_y, k, points, calibration, scan_shape, full)
    if not hard.size:
        raise ValueError(
            "No spatial frequency of this scan has a sideband: the field of "
            f"{rows * calibration.scan_sampling[0]:.3g} × "
            f"{columns * calibration.scan_sampling[1]:.3g} Å holds nothing that the aperture of "
            f"{calibration.semiangle_cutoff:g} mrad resolves; check semi-angle, step and energy."
        )
    tell(0.05)
    entries = first[2, -1] + LANES
    re, im = np.zeros(entries, np.float32), np.zeros(entries, np.float32)
    pacbed = _transform(planes, scan_shape, disc, (runs, first), (re, im), tell)
    if not pacbed.any():
        raise ValueError(
            f"No electrons in the bright-field disc of radius {calibration.radius:.1f} pixels "
            "around ({:.1f}, {:.1f}): check its centre and radius.".format(*calibration.centre)
        )
    return Sidebands(
        calibration,
        disc,
        (rows, columns),
        full,
        re,
        im,
        first,
        runs,
        hard,
        hard_at,
        masks,
        k,
        pacbed,
        total,
    )


def _transform(planes, scan_shape, disc, tables, entries, tell):
    """Fill the entries, slab by slab of planes; the planes' mean counts."""
    positions = scan_shape[0] * scan_shape[1]
    runs, first = tables
    slab = max(1, SLAB_BYTES // positions)
    # Real and complex planes: 4 and 8 bytes for about each position.
    batch = max(1, FFT_BYTES // (8 * positions))
    real = np.empty((batch, *scan_shape), np.float32)
    pacbed = np.empty(disc.size)
    next_run, next_entry = first[0, :-1].copy(), first[2, :-1].copy()
    for start in range(0, disc.size, slab):
        stop = min(start + slab, disc.size)
        counts = planes(start, stop)
        for plane in range(start, stop, batch):
            part = real[: min(batch, stop - plane)]
            densify.widen(counts[plane - start : plane - start + len(part)], part)
            transform = scipy.fft.rfft2(part, workers=-1)
            # At q = 0 the transform is the sum.
            pacbed[plane : plane + len(part)] = transform[:, 0, 0].real / positions
            sidebands.pack(transform, plane, runs, first, next_run, next_entry, *entries)
            tell(0.05 + 0.95 * (plane + len(part)) / disc.size)
    return pacbed
