"""What is made of a scan while it grows: sums, disc and G of the rows that have come.

Sessions with the same settings share it. Each asks when it wants to look, and the rows that have
come since are added then, in blocks: so whoever looks seldom costs little, and who receives rows
waits for nobody.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from time import monotonic

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import CPU, Device
from recon.device.failure import DeviceError
from recon.live.growing import BLOCK, GrowingSidebands
from recon.live.scan import GrowingScan
from recon.live.sums import GrowingSums
from recon.ssb.bright_field import bright_field
from recon.sums.detectors import PRESETS, annulus

MOST = 3
"""Settings of G, or of detectors, that are followed at once; those asked for last."""

MOVED = 0.02
"""Part of the disc's radius by which it must have moved for all to be made anew."""

LOOK_S, SHARE, LOOKS = 0.2, 0.7, 3
"""Seconds in which a look may count rows, and the share that these may be of the time in which the
rows came: the rest is for what is drawn. Where `LOOKS` on end take more, fewer pixels are counted,
until half of the scan is there: to count all that came anew would then cost more than it gives."""

FEWER, LEAST = 2 / 3, 6
"""Share of the pixels across the disc that is left each time, and how few there may be."""


class Growth:
    """Of one scan; to be used from any thread.

    Parameters
    ----------
    scan : GrowingScan
    device : Device
        Where it is made.
    clock : callable
        Seconds.
    fewer : bool
        Whether fewer pixels may be counted.
    """

    def __init__(
        self, scan: GrowingScan, device: Device = CPU, clock=monotonic, fewer: bool = True
    ):
        self._fewer = fewer
        self.scan, self.device, self._clock = scan, device, clock
        self._lock = Lock()
        self._sums: OrderedDict[tuple, _Followed] = OrderedDict()
        self._g: OrderedDict[tuple, _Followed] = OrderedDict()
        self._found: dict[object, tuple[int, object]] = {}
        self._pixels: dict[tuple, int] = {}
        self._slow: dict[tuple, int] = {}
        self._began = clock()

    @property
    def rows(self) -> int:
        """Rows that have come."""
        return int(self.scan.rows.scanned.sum())

    # ---- sums ----

    def sums(self) -> GrowingSums:
        """Mean pattern and centre of mass of the rows that have come."""
        with self._lock:
            followed = next(reversed(self._sums.values()), None)
        return followed.up_to_date() if followed else self._detectors((), {})

    def detectors(self, centre, radius: float, chosen) -> GrowingSums:
        """The same, with the virtual images of the disc and of an `Annulus`."""
        shape, radii = self.scan.rows.frame_shape, dict(PRESETS)
        radii["annulus"] = chosen.inner, chosen.outer
        masks = {
            name: annulus(shape, centre, *np.multiply(pair, radius)) for name, pair in radii.items()
        }
        return self._detectors((centre, radius, chosen), masks)

    def _detectors(self, key, masks):
        def make():
            shapes = self.scan.rows.scan_shape, self.scan.rows.frame_shape
            return GrowingSums(*shapes, masks, device=self.device)

        made = self._followed(self._sums, key, make).up_to_date()
        if key:
            with self._lock:
                self._sums.pop((), None)  # the others hold all that it does
        return made

    # ---- the disc ----

    def found(self, geometry, find: Callable[[], object]):
        """Where the disc lies: looked for again each time the rows have doubled.

        What is found has a `centre`, None where there is no disc, and a `radius`.

        It stays where it was unless it has moved by more than `MOVED`, as all that was counted
        would have to be counted again.
        """
        now = self.rows
        with self._lock:
            at, known = self._found.get(geometry, (0, None))
        missed = known is not None and known.centre is None
        if known is not None and now < (at + 1 if missed else 2 * at):
            return known
        found = find()
        if known is not None and known.radius and found.radius:
            away = *np.subtract(found.centre, known.centre), found.radius - known.radius
            if np.abs(away).max() < MOVED * known.radius:
                found = known
        with self._lock:
            self._found[geometry] = now, found
        return found

    # ---- G ----

    def sidebands(self, calibration: Calibration, pixels: int, full: bool, tables):
        """G of the rows that have come; None while no electron of the disc has.

        Where the machine does not keep up, it has fewer pixels: see `coarser`.

        Parameters
        ----------
        calibration : Calibration
        pixels : int
            Across the disc, as asked for.
        full : bool
            Keep the triple overlap as well.
        tables : callable
            `tables(disc, pixels)` gives those of a scan of this shape.

        Raises
        ------
        ValueError
            If the scan is too small or too coarse for any sideband.
        """
        asked = calibration, pixels, full
        with self._lock:
            across = self._pixels.get(asked, pixels)

        def make():
            shapes = self.scan.rows.scan_shape, self.scan.rows.frame_shape
            disc = bright_field(calibration, shapes[1], across, self.scan.excluded)
            known = tables(disc, across)
            return GrowingSidebands(
                *shapes, disc, calibration, full=full, tables=known, device=self.device
            )

        followed = self._followed(self._g, (calibration, across, full), make)
        start, before = self._clock(), followed.rows
        try:
            growing = followed.up_to_date()
            seen = None
            if growing.rows.scanned.any() and self.scan.electrons:
                seen = growing.sidebands()
        except DeviceError:
            if self.device is CPU:
                raise
            self._move_to_cpu()
            return self.sidebands(calibration, pixels, full, tables)
        self._judge(asked, across, followed.rows - before, self._clock() - start)
        return seen

    def coarser(self, calibration: Calibration, pixels: int, full: bool) -> int | None:
        """Pixels across the disc that are counted in place of `pixels`; None for all of them."""
        with self._lock:
            across = self._pixels.get((calibration, pixels, full), pixels)
        return None if across == pixels else across

    def _judge(self, asked, across, counted, seconds):
        """Count fewer pixels from now on, if rows come faster than these can be counted."""
        late = 2 * self.rows > self.scan.rows.scanned.size
        if not counted or not self._fewer or across <= LEAST or late:
            return
        came_in = counted * (self._clock() - self._began) / self.rows
        slow = seconds > max(LOOK_S, SHARE * came_in)
        with self._lock:
            self._slow[asked] = self._slow.get(asked, 0) + 1 if slow else 0
            if self._slow[asked] == LOOKS:
                self._slow[asked] = 0
                self._pixels[asked] = max(LEAST, int(across * FEWER))

    def _move_to_cpu(self):
        with self._lock:
            self.device = CPU
            self._g.clear()
            self._sums.clear()

    def _followed(self, kept, key, make) -> "_Followed":
        with self._lock:
            if key not in kept:
                kept[key] = _Followed(self.scan, make)
            kept.move_to_end(key)
            while len(kept) > MOST:
                kept.popitem(last=False)
            return kept[key]


class _Followed:
    """Something that rows are added to, made when it is first wanted."""

    def __init__(self, scan, make):
        self._scan, self._make, self._made, self._lock = scan, make, None, Lock()

    @property
    def rows(self) -> int:
        """Rows that it holds."""
        return 0 if self._made is None else int(self._made.rows.scanned.sum())

    def up_to_date(self):
        """It, with all rows that had come when it was asked for."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            for first, events in self._scan.blocks(BLOCK, but=self._made.rows.scanned.copy()):
                self._made.add(first, events)
            return self._made
