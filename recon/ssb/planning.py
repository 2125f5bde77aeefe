"""What a reconstruction needs of a device's memory, known before any of it is taken.

A scan is worked on in phases, and what is left over between them stays: the events, the tables
and the entries of G. On top comes what the most demanding phase works with. G is built from slabs
of counts and batches of transforms, which take what room there is, down to a plane at a time; and
events without room stay on the host, from where each pass streams them. So a scan fits as long as
G does.
"""

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import ceil, sqrt

import numpy as np

from recon.calibration import Calibration
from recon.device import residence
from recon.device.backend import CPU, Device, Memory
from recon.device.failure import DeviceFull
from recon.kernels.cpu.simd import LANES
from recon.ssb.bright_field import bright_field
from recon.ssb.tables import estimate_entries

MARGIN = 1.06
"""On the tables and entries of G, whose number is estimated from a coarse grid: its error in bytes
was found to be below 3 %, and below 6 % in half precision."""

SHARE = 8
"""Counts, and transforms with their plans, may each take this part of the memory that is left when
G has its place: counts of four bytes, or an awkward size's larger plan, then still fit."""

MOST_TRANSFORMS = 4 * 2**30
"""Bytes of transforms held at a time, at most: a batch is then long beside its launches."""

DRAWING = 64
"""Bytes for each scan position that a redraw with its complex image takes, and what it remembers
of a few band limits; virtual detectors take as much."""

INTEGRATION = 180
"""Bytes for each scan position that DPC takes, on its grid of twice the scan's rows and columns."""

FEWEST_PIXELS = 4


@dataclass(frozen=True, eq=False)
class Request:
    """What is to be reconstructed, as `plan` was asked."""

    scan_shape: tuple[int, int]
    frame_shape: tuple[int, int]
    electrons: int
    calibration: Calibration
    pixels_across: int
    planes: int
    full: bool
    half: bool
    excluded: np.ndarray | None

    @property
    def positions(self) -> int:
        """Number of scan positions."""
        return self.scan_shape[0] * self.scan_shape[1]

    @property
    def count_bytes(self) -> int:
        """Bytes of a count that no frame overflows, if frames are like the mean one."""
        mean = self.electrons / self.positions
        return np.min_scalar_type(ceil(mean + 8 * sqrt(mean))).itemsize

    def building(self, usable: int) -> tuple[int, int]:
        """Bytes of counts, and of transforms, where G is built in so much memory."""
        slab, batch = slab_sizes(usable, self.positions, self.planes)
        # A plan for each size of a batch: the usual one, and what is left over of a slab.
        sizes = {batch, slab % batch, (self.planes % slab) % batch} - {0}
        half = 8 * self.scan_shape[0] * (self.scan_shape[1] // 2 + 1)
        real = 4 * self.positions
        return self.count_bytes * slab * self.positions, batch * (real + half) + sum(sizes) * half

    @property
    def streamed_bytes(self) -> int:
        """Bytes on the device of events that pass through it: see `recon.device.residence`."""
        electrons = min(residence.CHUNK_ELECTRONS, self.electrons)
        frames = min(residence.CHUNK_FRAMES, self.positions)
        slots = 1 if (electrons, frames) == (self.electrons, self.positions) else 2
        return slots * (4 * electrons + 8 * (frames + 1))


@dataclass(frozen=True)
class Plan:
    """Bytes that a scan takes on a device.

    Attributes
    ----------
    events : int
        Copy of the events; 0 where they are streamed from the host.
    counts, transforms : int
        Slab of binned planes and batch of transforms, while G is built.
    tables, entries : int
        G: where its entries lie, and the entries.
    redraw : int
        Work of a redraw, its complex image included.
    integration : int
        Work of DPC.
    streamed : int
        Chunks of events under way, where they are streamed.
    request : Request
        What was planned.
    """

    events: int
    counts: int
    transforms: int
    tables: int
    entries: int
    redraw: int
    integration: int
    streamed: int = 0
    request: "Request" = field(default=None, repr=False, compare=False)

    @property
    def g(self) -> int:
        """Bytes of G, tables and entries."""
        return self.tables + self.entries

    @property
    def resident(self) -> int:
        """Bytes that stay as long as the scan is looked at."""
        return self.events + self.g

    @property
    def work(self) -> int:
        """Bytes of the phase that needs most on top of what stays."""
        building = self.counts + self.transforms + self.streamed
        return max(building, self.redraw, self.integration + self.streamed)

    @property
    def peak(self) -> int:
        """Most bytes that are taken at a time."""
        return self.resident + self.work

    def statement(self, device: str = "GPU") -> str:
        """One sentence: what the scan needs, and of what that is made up."""
        return f"{self.needs(device)}."

    def needs(self, device: str = "GPU") -> str:
        """The beginning of that sentence."""
        rows, columns = self.request.scan_shape
        events = f"events {_giga(self.events)}" if self.events else "events streamed"
        half = " in half precision" if self.request.half else ""
        return (
            f"This scan of {rows} × {columns} positions at {self.request.pixels_across} pixels "
            f"across{half} needs {_giga(self.peak)} GB on the {device} (G {_giga(self.g)}, "
            f"{events}, work {_giga(self.work)})"
        )

    def within(self, usable: int) -> "Plan | None":
        """The same in `usable` bytes, with slabs as they will be there; None if it does not fit.

        Events that leave no room for the rest are streamed.
        """
        plans = [self] if self.events <= residence.SHARE * usable else []
        plans.append(replace(self, events=0, streamed=self.request.streamed_bytes))
        return next((plan._filling(usable) for plan in plans if plan.peak <= usable), None)

    def _filling(self, usable):
        """The same with slabs as large as `gfunction` makes them in so much memory."""
        counts, transforms = self.request.building(usable - self.resident - self.streamed)
        return replace(self, counts=counts, transforms=transforms)


def slab_sizes(usable: int, positions: int, planes: int) -> tuple[int, int]:
    """Planes to a slab of counts, and to a batch of transforms, while G is built on a device.

    Parameters
    ----------
    usable : int
        Bytes of memory that are left there.
    positions : int
        Of the scan.
    planes : int
        All there are.

    Notes
    -----
    Each slab costs a pass over the electrons, each batch a launch of the transform. Where memory
    is scarce, both come down to one plane.
    """
    room = usable // SHARE
    # Of each plane in a batch: real, complex, and two plans as large as the complex one.
    slab, batch = room // positions, min(room, MOST_TRANSFORMS) // (16 * positions)
    slab = max(1, min(slab, planes))
    batch = max(1, min(batch, slab))
    # All batches of about one size.
    return slab, -(-slab // -(-slab // batch))


@lru_cache(maxsize=64)
def _estimated(calibration, frame_shape, pixels_across, scan_shape, full):
    """Planes, and numbers of entries, of a disc without excluded pixels."""
    disc = bright_field(calibration, frame_shape, pixels_across)
    return disc.size, estimate_entries(calibration, disc, scan_shape, full)


def plan(
    scan_shape: tuple[int, int],
    frame_shape: tuple[int, int],
    electrons: int,
    calibration: Calibration,
    pixels_across: int,
    *,
    full: bool = False,
    half: bool = False,
    excluded=None,
) -> Plan:
    """Bytes that a scan will take on a device, in milliseconds and without touching it.

    Parameters
    ----------
    scan_shape : (Sy, Sx)
    frame_shape : (Ky, Kx)
    electrons : int
    calibration : Calibration
    pixels_across, full, half, excluded
        As for `recon.ssb.gfunction.build_sidebands`.

    Returns
    -------
    Plan
        The least, with one plane of counts and transforms at a time; `require` says what will
        be taken where there is more.

    Raises
    ------
    ValueError
        If the disc does not lie on the detector, or the scan is too small or too large.
    """
    scan_shape, frame_shape = tuple(scan_shape), tuple(frame_shape)
    if excluded is None:
        planes, counts = _estimated(calibration, frame_shape, pixels_across, scan_shape, full)
    else:
        disc = bright_field(calibration, frame_shape, pixels_across, excluded)
        planes, counts = disc.size, estimate_entries(calibration, disc, scan_shape, full)
    positions = scan_shape[0] * scan_shape[1]
    request = Request(
        scan_shape,
        frame_shape,
        int(electrons),
        calibration,
        pixels_across,
        planes,
        full,
        half,
        excluded,
    )
    least = request.building(0)
    entries = MARGIN * (4 if half else 8) * (counts.entries + 2 * LANES)
    return Plan(
        events=4 * int(electrons) + 8 * (positions + 1),
        counts=least[0],
        transforms=least[1],
        tables=int(MARGIN * counts.nbytes(half) - entries),
        entries=int(entries),
        redraw=DRAWING * positions,
        integration=INTEGRATION * positions,
        request=request,
    )


def require(wanted: Plan, memory: Memory, device: Device) -> Plan:
    """The plan as it will be on the device: with larger slabs and, if need be, streamed events.

    Parameters
    ----------
    wanted : Plan
    memory : Memory
        What is free there, as from `recon.device.backend.memory`.
    device : Device

    Raises
    ------
    DeviceFull
        If it does not fit, with what is missing and what would fit.
    """
    fitting = wanted.within(memory.usable)
    if fitting is not None:
        return fitting
    ways = [*_fewer_pixels(wanted, memory), *_half(wanted, memory, device)]
    ways = ways or _smaller_scan(wanted, memory)
    ways.append("a machine with more memory" if device is CPU else "the CPU")
    comma = "," if len(ways) > 2 else ""
    way = " or ".join([", ".join(ways[:-1]) + comma, ways[-1]] if ways[:-1] else ways)
    raise DeviceFull(
        f"{wanted.needs(device.name.upper())}, and {_giga(memory.usable)} of "
        f"{_giga(memory.total)} GB are free: take {way}."
    )


def _fits(wanted, memory, **changes) -> bool:
    """Whether the same with some changes can be planned, and fits."""
    request = wanted.request
    how = {"half": request.half, "pixels_across": request.pixels_across}
    how |= {"scan_shape": request.scan_shape, "electrons": request.electrons} | changes
    try:
        changed = plan(
            frame_shape=request.frame_shape,
            calibration=request.calibration,
            full=request.full,
            excluded=request.excluded,
            **how,
        )
    except ValueError:  # too few pixels, or too small a scan, for a reconstruction
        return False
    return changed.within(memory.usable) is not None


def _fewer_pixels(wanted, memory) -> list[str]:
    """The most pixels across that would fit."""
    diameter = 2 * wanted.request.calibration.radius
    # The detector is binned by whole numbers: of those that bin alike, the most pixels.
    most = {}
    for pixels in range(FEWEST_PIXELS, wanted.request.pixels_across):
        most[max(1, round(diameter / pixels))] = pixels
    most.pop(max(1, round(diameter / wanted.request.pixels_across)), None)
    candidates = sorted(most.values())
    # From few pixels to many: the first that does not fit.
    end = bisect_left(
        candidates, True, key=lambda pixels: not _fits(wanted, memory, pixels_across=pixels)
    )
    return [f"{candidates[end - 1]} pixels or fewer"] if end else []


def _half(wanted, memory, device) -> list[str]:
    """Half precision, where it would fit."""
    if wanted.request.half or device is CPU or not _fits(wanted, memory, half=True):
        return []
    return ["half precision"]


def _smaller_scan(wanted, memory) -> list[str]:
    """The largest region of the scan, of its own proportions, that would fit."""
    request = wanted.request

    def region(hundredths):
        return tuple(size * hundredths // 100 for size in request.scan_shape)

    def too_large(hundredths):
        rows, columns = region(hundredths)
        electrons = request.electrons * rows * columns // request.positions
        return not _fits(wanted, memory, scan_shape=(rows, columns), electrons=electrons)

    smallest = next((n for n in range(1, 100) if min(region(n)) >= 4), 100)
    sizes = range(smallest, 100)
    end = bisect_left(sizes, True, key=too_large)
    if not end:
        return []
    return ["a region of {} × {} positions".format(*region(sizes[end - 1]))]


def _giga(size: float) -> str:
    """Bytes in 10⁹, as people read them."""
    return f"{size / 1e9:.1f}" if size >= 5e7 else f"{size / 1e9:.2g}"
