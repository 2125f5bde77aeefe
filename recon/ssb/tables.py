"""Which entries of G are kept: how many, and the tables of runs that say where they lie."""

from dataclasses import dataclass

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import CPU, Device, on_host
from recon.kernels.arguments import Geometry, Tables
from recon.kernels.cpu.simd import LANES
from recon.scan.events import ElectronEvents
from recon.ssb.bright_field import OFFSETS, BrightField, bright_field

SAMPLE = 64, 128
"""Rows and columns of frequencies at which the number of entries is estimated."""


@dataclass(frozen=True)
class EntryCounts:
    """How much of G is kept.

    Attributes
    ----------
    runs, hard : int
        Runs of neighbouring qx that are kept, and that a draft reads.
    entries : int
        Entries of G.
    masks : int
        Sub-point masks, of the partly covered entries.
    rows : int
        Rows of frequencies, Sy.
    """

    runs: int
    hard: int
    entries: int
    masks: int
    rows: int

    def nbytes(self, half: bool = False) -> int:
        """Bytes that `Sidebands` of this size takes, entries in half precision or in single."""
        tables = 8 * self.runs + 12 * self.hard + 2 * (self.masks + 2 * LANES)
        entry = 4 if half else 8
        return entry * (self.entries + 2 * LANES) + tables + 32 * (self.rows + 1)


@dataclass(frozen=True, eq=False)
class SidebandTables:
    """Tables of `kernels.sideband_geometry.find_runs`, on a device, and their sizes."""

    first: np.ndarray
    runs: np.ndarray
    hard: np.ndarray
    hard_at: np.ndarray
    masks: np.ndarray
    counts: EntryCounts


def check_scan(scan_shape) -> None:
    """Raise `ValueError` for a scan too small, or with too long a side, for sidebands."""
    rows, columns = scan_shape
    if min(scan_shape) < 4:
        raise ValueError(
            "Single-sideband ptychography needs a scan of at least 4 × 4 positions, "
            f"not {rows} × {columns}."
        )
    if max(scan_shape) >= 2**16:
        raise ValueError(f"A scan of {rows} × {columns} positions has too long a side.")


def _geometry(calibration: Calibration, disc: BrightField):
    """(2, K) pixels and (2, 16) sub-points of a pixel in the scan's frame [1/Å]."""
    sub_points = np.stack(np.meshgrid(OFFSETS, OFFSETS, indexing="ij")).reshape(2, -1)
    rotate = calibration.detector_to_scan
    return rotate @ disc.k, rotate @ (sub_points * disc.width)


def _counted(device, geometry, rows):
    """(4, rows + 1) int64 on the host: each row's runs, hard runs, entries and masks in [:, 1:]."""
    xp = device.xp
    first = xp.zeros((4, rows + 1), np.int64)
    empty, none = xp.empty((0, 4), np.uint16), xp.empty(0, np.uint16)
    tables = Tables(empty, empty, xp.empty(0, np.int32), none)
    device.kernels.find_runs(geometry, first, tables)
    return on_host(first)


def _arguments(calibration, disc, q_y, columns, step, full, device):
    """What `find_runs` takes before its tables."""
    single = (device.xp.asarray(a) for a in (q_y, *_geometry(calibration, disc)))
    return Geometry(*single, calibration.k0, step, columns, full)


def _scan_arguments(calibration, disc, scan_shape, full, device, lines=None):
    """The same for every frequency of a scan, or some rows of them."""
    q_y = np.fft.fftfreq(scan_shape[0], calibration.scan_sampling[0])[slice(*(lines or (None,)))]
    step = 1 / (scan_shape[1] * calibration.scan_sampling[1])
    return _arguments(calibration, disc, q_y, scan_shape[1] // 2 + 1, step, full, device)


def count_entries(
    calibration: Calibration,
    disc: BrightField,
    scan_shape: tuple[int, int],
    full: bool = False,
    device: Device = CPU,
) -> EntryCounts:
    """Exact numbers of runs, entries and masks that `build_sidebands` will keep.

    Takes as long as about half of finding the tables; `estimate_entries` is faster.

    Raises
    ------
    ValueError
        If the scan is too small or too large for sidebands.
    """
    check_scan(scan_shape)
    arguments = _scan_arguments(calibration, disc, scan_shape, full, device)
    totals = _counted(device, arguments, scan_shape[0]).sum(1)
    return EntryCounts(*map(int, totals), scan_shape[0])


def estimate_entries(
    calibration: Calibration,
    disc: BrightField,
    scan_shape: tuple[int, int],
    full: bool = False,
) -> EntryCounts:
    """Nearly the numbers of `count_entries`, from a coarse grid of frequencies.

    The sidebands' areas do not depend on the size of the scan, only on its step: a grid of
    `SAMPLE` frequencies over the same range finds them to a per cent or two. On the host, in
    milliseconds. A scan no larger than the grid is counted exactly.

    Raises
    ------
    ValueError
        If the scan is too small or too large for sidebands.
    """
    check_scan(scan_shape)
    rows, columns = (min(n, s) for n, s in zip(scan_shape, SAMPLE, strict=True))
    if (rows, columns) == tuple(scan_shape):
        return count_entries(calibration, disc, scan_shape, full)
    arguments = _scan_arguments(calibration, disc, (rows, columns), full, CPU)
    found = _counted(CPU, arguments, rows).sum(1)
    along, across = scan_shape[0] / rows, scan_shape[1] / columns
    scale = np.array([along, along, along * across, along * across])
    return EntryCounts(*map(int, np.ceil(found * scale)), scan_shape[0])


def find_tables(
    calibration: Calibration,
    disc: BrightField,
    scan_shape: tuple[int, int],
    full: bool,
    device: Device,
    lines: tuple[int, int] | None = None,
) -> SidebandTables:
    """Count, then fill, the tables of runs on a device; of a slab, for its rows of q alone.

    Raises
    ------
    ValueError
        If the scan is too small or too large, or too coarse for any sideband.
    """
    check_scan(scan_shape)
    xp = device.xp
    arguments = _scan_arguments(calibration, disc, scan_shape, full, device, lines)
    height = arguments.q_y.size
    # The numbers of a few thousand rows are added up on the host, which needs the totals anyway.
    first = np.cumsum(_counted(device, arguments, height), axis=1)
    counts = EntryCounts(*map(int, first[:, -1]), height)
    if not counts.hard and lines is None:
        rows, columns = scan_shape
        raise ValueError(
            f"An aperture of {calibration.semiangle_cutoff:g} mrad resolves nothing in a field of "
            f"{rows * calibration.scan_sampling[0]:.3g} × "
            f"{columns * calibration.scan_sampling[1]:.3g} Å (no frequency has a sideband): check "
            "semi-angle, step and energy."
        )
    # Entries and masks are read in vectors that may begin before a run: leave a margin.
    first[2:] += LANES
    first = xp.asarray(first)
    runs = xp.empty((counts.runs, 4), np.uint16)
    hard = xp.empty((counts.hard, 4), np.uint16)
    hard_at = xp.empty(counts.hard, np.int32)
    masks = xp.zeros(counts.masks + 2 * LANES, np.uint16)
    tables = Tables(runs, hard, hard_at, masks)
    device.kernels.find_runs(arguments, first, tables)
    return SidebandTables(first, *tables, counts)


def scan_tables(
    events: ElectronEvents, calibration: Calibration, pixels_across: int = 18, full: bool = False
) -> SidebandTables:
    """Which entries of a scan's G are kept, on the device of its events.

    They depend on shapes and calibration alone: scans that differ in their electrons share them.

    Raises
    ------
    ValueError, DeviceError
        As `build_sidebands`.
    """
    disc = bright_field(calibration, events.frame_shape, pixels_across, events.excluded)
    return find_tables(calibration, disc, events.scan_shape, full, events.device)
