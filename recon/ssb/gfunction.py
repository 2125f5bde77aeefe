"""The G-function of a scan, built only where a sideband is: it never exists as a dense array."""

from dataclasses import replace
from math import ceil

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import CPU, Device, guarded, memory, on_host
from recon.device.transforms import planned
from recon.kernels.cpu.simd import LANES
from recon.scan.events import ElectronEvents
from recon.ssb.bright_field import BinnedPlanes, bright_field, plane_counts
from recon.ssb.planning import slab_sizes
from recon.ssb.sidebands import Sidebands, check_half, half_scale
from recon.ssb.tables import SidebandTables, find_tables
from recon.sums.current import BeamCurrent, beam_current, take_out

SLAB_BYTES = 512 * 2**20
"""Counts held at a time while G is built on the CPU."""

FFT_BYTES = 60 * 2**20
"""Transforms held at a time on the CPU: few enough that the allocator keeps their memory and each
batch need not touch fresh pages."""

WAIT_EVERY = 8
"""Batches queued on a device before their end is waited for, so that progress is true."""


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

    current = beam_current(events.counts, calibration, whole=whole)
    return sidebands_of_planes(
        BinnedPlanes(counts, events.scan_shape, disc, events.device, current),
        calibration,
        events.electrons,
        full=full,
        half=half,
        tables=tables,
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
    planes: BinnedPlanes,
    calibration: Calibration,
    total,
    *,
    full: bool,
    half: bool = False,
    tables: SidebandTables | None = None,
    progress=None,
) -> Sidebands:
    """Transform binned planes to G, kept only on the sidebands.

    Parameters
    ----------
    planes : BinnedPlanes
    total : float
        All counts of the scan, on the disc or not.

    Others, and what is raised, as for `build_sidebands`.
    """
    _, scan_shape, disc, device, current = planes
    if half:
        check_half(device)
    tell = progress or (lambda fraction: None)
    tell(0.0)
    if tables is None:
        tables = find_tables(calibration, disc, scan_shape, full, device)
    tell(0.05)
    packing = Packing(tables, device, half)
    scale = half_scale(total / disc.kept.min()) if half else 1.0
    sums = _transform(planes, packing, scale, tell)
    if not sums.any():
        raise no_electrons(calibration)
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
        *packing.entries,
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


def no_electrons(calibration: Calibration) -> ValueError:
    """What is to be raised where the disc holds no electrons."""
    return ValueError(
        f"No electrons in the bright-field disc of radius {calibration.radius:.1f} pixels "
        "around ({:.1f}, {:.1f}): check its centre and radius.".format(*calibration.centre)
    )


def planes_at_a_time(device: Device, positions: int, planes: int) -> tuple[int, int, int]:
    """Planes to a slab of counts, to a batch of transforms, and batches between two waits."""
    if device is not CPU:
        return *slab_sizes(memory(device).usable, positions, planes), WAIT_EVERY
    # Real and complex planes: 4 and 8 bytes for about each position.
    sizes = SLAB_BYTES // positions, FFT_BYTES // (8 * positions)
    slab, batch = (max(1, min(size, planes)) for size in sizes)
    return slab, ceil(slab / ceil(slab / batch)), 1


class Transforms:
    """Makes planes of counts their transforms, a batch at a time.

    Parameters
    ----------
    planes : BinnedPlanes
        What they are; its `counts` are not asked for.
    batch : int
        Most planes at a time.
    scale : float
        What the transforms are multiplied by, a power of two.
    """

    def __init__(self, planes: BinnedPlanes, batch: int, scale: float = 1.0):
        _, self._shape, self._disc, self._device, current = planes
        self._real = self._device.xp.empty((batch, *self._shape), np.float32)
        self._added = current and current.added(self._device.xp)
        self._scale, self._options = scale, {}

    def __call__(self, counts, plane: int, sums):
        """(n, Sy, Qx) complex64 of the counts of the planes from `plane` on; `sums` (n,) filled."""
        device, size = self._device, len(counts)
        part = self._real[:size]
        if size not in self._options:
            self._options[size] = planned(device, part, self._shape, "R2C")
        device.kernels.widen(counts, part)
        transform = device.fft.rfft2(part, **self._options[size])
        take_out(transform, self._added)
        if (shares := self._disc.kept[plane : plane + size]).min() < 1:
            shares = device.xp.asarray((1 / shares).astype(np.float32))
            transform *= shares[:, None, None]
        # At q = 0 the transform is the sum.
        sums[:] = transform[:, 0, 0].real
        if self._scale != 1:
            transform *= np.float32(self._scale)
        return transform


class Packing:
    """Puts transforms of planes, in their order, where the tables say.

    Parameters
    ----------
    tables : SidebandTables
    device : Device
    half : bool
        Whether entries are kept in half precision.

    Attributes
    ----------
    entries : ((E + 32,), (E + 32,)) arrays
        Real and imaginary parts.
    """

    def __init__(self, tables: SidebandTables, device: Device, half: bool = False):
        first, size = tables.first, tables.counts.entries + 2 * LANES
        kind = np.float16 if half else np.float32
        self.entries = tuple(device.xp.zeros(size, kind) for _ in range(2))
        self._tables = tables.runs, first, first[0, :-1].copy(), first[2, :-1].copy()
        self._pack = device.kernels.pack

    def __call__(self, transform, plane: int) -> None:
        """Take the transforms of the planes from `plane` on."""
        self._pack(transform, plane, *self._tables, *self.entries)


def _transform(planes, packing, scale, tell):
    """Fill the entries, slab by slab of planes; the planes' sums, float64 on the host."""
    counted, scan_shape, disc, device, _ = planes
    slab, batch, wait = planes_at_a_time(device, scan_shape[0] * scan_shape[1], disc.size)
    transforms, sums = Transforms(planes, batch, scale), device.xp.empty(disc.size, np.float32)
    queued = 0
    for start in range(0, disc.size, slab):
        stop = min(start + slab, disc.size)
        counts = device.xp.asarray(counted(start, stop))
        for plane in range(start, stop, batch):
            size = min(batch, stop - plane)
            at = slice(plane - start, plane - start + size)
            # No name for this part: it would keep the slab beside the next one.
            transform = transforms(counts[at], plane, sums[plane : plane + size])
            packing(transform, plane)
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
