"""The G-function of a scan, kept only where a sideband is: it never exists as a dense array."""

from dataclasses import dataclass, field, replace
from math import ceil, frexp

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import CPU, Device, guarded, memory, on_host
from recon.device.transforms import planned
from recon.kernels.cpu.simd import LANES
from recon.scan.events import ElectronEvents
from recon.ssb.bright_field import BrightField, bright_field, plane_counts
from recon.ssb.planning import slab_sizes
from recon.ssb.tables import SidebandTables, find_tables
from recon.sums.current import BeamCurrent, beam_current, take_out

SLAB_BYTES = 512 * 2**20
"""Counts held at a time while G is built on the CPU."""

FFT_BYTES = 60 * 2**20
"""Transforms held at a time on the CPU: few enough that the allocator keeps their memory and each
batch need not touch fresh pages."""

WAIT_EVERY = 8
"""Batches queued on a device before their end is waited for, so that progress is true."""

LARGEST_HALF = 15
"""No entry in half precision reaches two to this power: a factor of two from its largest number."""


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
    re, im : (E + 32,) float32 or float16 arrays
        Entries times `scale`, with a margin of 16 at either end.
    first, runs, hard, hard_at, masks
        Tables of `kernels.sideband_geometry.find_runs`.
    k : (2, K) float64 array
        Pixels (ky, kx) in the scan's frame [1/Å].
    pacbed : (K,) float64 array
        Mean counts of each binned pixel at one position, P(k).
    electrons : float
        All electrons of the scan, inside the disc or not.
    current : BeamCurrent or None
        What was taken out for empty frames and noise of the current.
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
    current: BeamCurrent | None = None
    spare: list = field(default_factory=list)
    """Workspaces not in use, so that a redraw need not touch fresh memory."""
    derived: dict = field(default_factory=dict)
    """What follows from G alone and is wanted at every redraw."""
    device: Device = CPU
    """Where `re`, `im` and the tables are; what is made of them is made there."""
    scale: float = 1.0
    """Power of two by which entries in half precision were multiplied to fit its range."""

    @guarded
    def to_device(self, device: Device) -> "Sidebands":
        """The same G with its entries and tables on `device`; itself, if it is there.

        The CPU reads single precision: entries in half precision are widened on their way.
        """
        if device is self.device:
            return self
        names = "re", "im", "first", "runs", "hard", "hard_at", "masks"
        arrays = {name: on_host(getattr(self, name)) for name in names}
        scale = self.scale
        if device is CPU and self.half:
            for name in ("re", "im"):
                arrays[name] = arrays[name].astype(np.float32) / np.float32(scale)
            scale = 1.0
        moved = {name: device.xp.asarray(array) for name, array in arrays.items()}
        return replace(self, device=device, scale=scale, spare=[], derived={}, **moved)

    @guarded
    def to_half(self) -> "Sidebands":
        """The same G with its entries in half precision: half the memory, and half the reading.

        Each entry is rounded to 11 bits; of their sums, far less is noticed. The power of two in
        `scale` keeps the largest entry, which no pixel's counts exceed, below 2^15.

        Raises
        ------
        ValueError
            On the CPU, which has no arithmetic for it.
        """
        if self.half:
            return self
        _check_half(self.device)
        scale = _half_scale(self.pacbed.max() * self.scan_shape[0] * self.scan_shape[1])
        re, im = ((part * np.float32(scale)).astype(np.float16) for part in (self.re, self.im))
        return replace(self, re=re, im=im, scale=scale, spare=[], derived={})

    @property
    def half(self) -> bool:
        """Whether entries are kept in half precision."""
        return self.re.dtype == np.float16

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


def _check_half(device: Device) -> None:
    if device is CPU:
        raise ValueError(
            "Half precision is for G on a GPU: the CPU's kernels read single precision only."
        )


def _half_scale(largest: float) -> float:
    """The power of two that brings a number up to `largest` below 2^15.

    G's noise is about the square root of a pixel's counts, and half precision keeps its 11 bits
    down to 2^-29 of that: for any dose there is.
    """
    return 2.0 ** (LARGEST_HALF - frexp(largest)[1])


@guarded
def build_sidebands(
    events: ElectronEvents,
    calibration: Calibration,
    pixels_across: int = 18,
    *,
    full: bool = False,
    half: bool = False,
    tables: SidebandTables | None = None,
    whole: BeamCurrent | None = None,
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
    half : bool
        Keep entries in half precision; not on the CPU.
    tables : SidebandTables, optional
        What `recon.ssb.tables.scan_tables` gives for the same arguments; made if not given.
    whole : BeamCurrent, optional
        Of the scan whose electrons these are a part of.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    Sidebands
        On the device of the events.

    Raises
    ------
    ValueError
        If the disc does not lie on the detector, holds no electrons, or the scan is too coarse
        for any sideband; for half precision on the CPU.
    DeviceFull
        If the device's memory does not suffice: said before it is used, with what would fit.
    DeviceError
        If the device fails.

    Notes
    -----
    Pelz et al. (2021), section IV. Counts are binned O(electrons) with the float centre kept in
    k, transformed a few planes at a time, and copied to their runs at once. A plane that lost
    pixels to the events' `excluded` is divided by the share that is left. What empty frames and
    noise of the current add is taken out: `recon.sums.current`.
    """
    disc = bright_field(calibration, events.frame_shape, pixels_across, events.excluded)
    if events.device is not CPU:
        _require_memory(events, disc, calibration, pixels_across, full, half)

    def counts(start, stop):
        return plane_counts(events, disc.lookup, start, stop)

    return sidebands_of_planes(
        counts,
        events.scan_shape,
        disc,
        calibration,
        events.electrons,
        full=full,
        half=half,
        device=events.device,
        tables=tables,
        current=beam_current(events.counts, calibration, whole=whole),
        progress=progress,
    )


def _require_memory(events, disc, calibration, pixels_across, full, half):
    """Raise `DeviceFull`, with numbers and ways out, for a G that the device cannot hold."""
    room = memory(events.device)
    # Twelve bytes for each frequency of the half plane and each pixel are more than any G takes.
    if 16 * disc.size * events.positions < room.usable // 2:
        return
    from recon.ssb.planning import plan, require  # which knows the sizes in here

    if events.copy is not None:
        # The plan counts the events, which are there already.
        room = replace(room, held=room.held + events.copy.nbytes)
    shapes = events.scan_shape, events.frame_shape, events.electrons
    options = {"full": full, "half": half, "excluded": events.excluded}
    require(plan(*shapes, calibration, pixels_across, **options), room, events.device)


@guarded
def sidebands_of_planes(
    planes,
    scan_shape,
    disc: BrightField,
    calibration: Calibration,
    total,
    *,
    full: bool,
    half: bool = False,
    device: Device = CPU,
    tables: SidebandTables | None = None,
    current: BeamCurrent | None = None,
    progress=None,
) -> Sidebands:
    """Transform binned planes to G, kept only on the sidebands.

    Parameters
    ----------
    planes : callable
        `planes(start, stop)` returns the (stop - start, Sy, Sx) counts of those planes, on the
        host or on `device`.
    disc : BrightField
        What the planes are.
    total : float
        All counts of the scan, on the disc or not.
    device : Device
        Where G is made and kept.
    current : BeamCurrent, optional
        What is to be taken out.

    Others, and what is raised, as for `build_sidebands`.
    """
    if half:
        _check_half(device)
    tell = progress or (lambda fraction: None)
    tell(0.0)
    if tables is None:
        tables = find_tables(calibration, disc, scan_shape, full, device)
    tell(0.05)
    entries = tables.counts.entries + 2 * LANES
    re, im = (device.xp.zeros(entries, np.float16 if half else np.float32) for _ in range(2))
    scale = _half_scale(total / disc.kept.min()) if half else 1.0
    sums = _transform(planes, scan_shape, disc, tables, (re, im), scale, current, device, tell)
    if not sums.any():
        raise ValueError(
            f"No electrons in the bright-field disc of radius {calibration.radius:.1f} pixels "
            "around ({:.1f}, {:.1f}): check its centre and radius.".format(*calibration.centre)
        )
    if half and (sums * disc.kept).max() > 1.001 * total:
        raise ValueError(
            f"A pixel of the disc holds {sums.max():g} counts, more than the whole scan's "
            f"{total:g}: half precision needs the true total."
        )
    return Sidebands(
        calibration,
        disc,
        tuple(scan_shape),
        full,
        re,
        im,
        tables.first,
        tables.runs,
        tables.hard,
        tables.hard_at,
        tables.masks,
        calibration.detector_to_scan @ disc.k,
        sums / (scan_shape[0] * scan_shape[1]),
        total,
        current,
        device=device,
        scale=scale,
    )


def planes_at_a_time(device: Device, positions: int, planes: int) -> tuple[int, int, int]:
    """Planes to a slab of counts, to a batch of transforms, and batches between two waits."""
    if device is not CPU:
        return *slab_sizes(memory(device).usable, positions, planes), WAIT_EVERY
    # Real and complex planes: 4 and 8 bytes for about each position.
    sizes = SLAB_BYTES // positions, FFT_BYTES // (8 * positions)
    slab, batch = (max(1, min(size, planes)) for size in sizes)
    return slab, ceil(slab / ceil(slab / batch)), 1


def _transform(planes, scan_shape, disc, tables, entries, scale, current, device, tell):
    """Fill the entries, slab by slab of planes; the planes' sums, float64 on the host."""
    xp, kernels = device.xp, device.kernels
    slab, batch, wait = planes_at_a_time(device, scan_shape[0] * scan_shape[1], disc.size)
    first, runs = tables.first, tables.runs
    real = xp.empty((batch, *scan_shape), np.float32)
    sums = xp.empty(disc.size, np.float32)
    next_run, next_entry = first[0, :-1].copy(), first[2, :-1].copy()
    added = current and current.added(xp)
    options, queued = {}, 0
    for start in range(0, disc.size, slab):
        stop = min(start + slab, disc.size)
        counts = xp.asarray(planes(start, stop))
        for plane in range(start, stop, batch):
            part = real[: min(batch, stop - plane)]
            size = len(part)
            if size not in options:
                options[size] = planned(device, part, scan_shape, "R2C")
            kernels.widen(counts[plane - start : plane - start + size], part)
            transform = device.fft.rfft2(part, **options[size])
            take_out(transform, added)
            if (shares := disc.kept[plane : plane + size]).min() < 1:
                transform *= xp.asarray((1 / shares).astype(np.float32))[:, None, None]
            # At q = 0 the transform is the sum.
            sums[plane : plane + size] = transform[:, 0, 0].real
            if scale != 1:
                transform *= np.float32(scale)
            kernels.pack(transform, plane, runs, first, next_run, next_entry, *entries)
            # Not while the next one is made: that would hold two.
            del transform
            queued += 1
            if queued == wait:
                # Reading a number waits until all that was queued before it is done.
                float(sums[plane])
                tell(0.05 + 0.95 * (plane + size) / disc.size)
                queued = 0
        del counts
    sums = on_host(sums).astype(np.float64)
    if queued:
        tell(1.0)
    return sums
