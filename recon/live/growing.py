"""G of the rows that have come, while a scan goes on.

For a row y let F(k, y, qx) be the transform of pixel k's counts along x. Then
G(k, qy, qx) = Σ_y F(k, y, qx) exp(-2πi qy y / Sy): a sum over rows, of which only the entries that
are kept are made. Rows that have not come count as zero, and as the mean of those that have at
qx = 0, the only column that a constant changes: so the edge of what is scanned adds no step.

Two ways were measured (`livestem bench --live`): to transform the columns of all rows anew at each
look, and to add each block of rows to the kept entries. On two busy cores, for 1024² positions and
18 pixels across, a look every 16 rows takes seven to ten times as long with the first; the second,
which is kept, takes 3 to 7 times the floor, one pass over the entries and the block's electrons.
"""

import weakref
from collections import deque
from threading import RLock

import numpy as np
import scipy.fft

from recon.calibration import Calibration
from recon.device.backend import CPU, Device, guarded, on_host
from recon.device.transforms import planned
from recon.kernels.cpu.simd import LANES
from recon.live.rows import ScanRows
from recon.live.segments import on_device, segments_of
from recon.scan.events import ElectronEvents
from recon.ssb.bright_field import BinnedPlanes, BrightField, count_type, plane_counts
from recon.ssb.gfunction import no_electrons, sidebands_of_planes
from recon.ssb.sidebands import Sidebands
from recon.ssb.tables import SidebandTables, find_tables
from recon.sums.current import beam_current

BLOCK = 32
"""Most rows that wait until they are added together: with more, the passes over G that are saved
are small beside the sums."""


class GrowingSidebands:
    """G on its sidebands that rows are added to, in any order; to be used from any thread.

    Rows wait, as counts, until there are `BLOCK` of them or someone looks; then they are added in
    one pass over the kept entries. Who looks gets a `Sidebands` that never changes: while anyone
    holds it, the next pass writes to other memory. Two copies of G are held while one is looked
    at, and one more for each older one that somebody keeps.

    What empty frames and noise of the current add is not known before the scan is complete, and is
    taken out by `settled` alone.

    Parameters
    ----------
    scan_shape : (Sy, Sx)
        Positions of the whole scan.
    frame_shape : (Ky, Kx)
        Detector pixels.
    disc : BrightField
        From `recon.ssb.bright_field.bright_field`.
    calibration : Calibration
    full : bool
        Keep the triple overlap as well.
    device : Device
        Where G is made and kept.
    tables : SidebandTables, optional
        Of an earlier scan of the same shape and calibration; made if not given.
    block : int
        Most rows that wait.

    Raises
    ------
    ValueError
        If the scan is too small or too coarse for any sideband.
    DeviceError
        If the device fails.
    """

    @guarded
    def __init__(
        self,
        scan_shape,
        frame_shape,
        disc: BrightField,
        calibration: Calibration,
        *,
        full: bool = False,
        device: Device = CPU,
        tables: SidebandTables | None = None,
        block: int = BLOCK,
    ):
        self.rows = ScanRows(scan_shape, frame_shape)
        self.disc, self.calibration, self.full, self.device = disc, calibration, full, device
        shape = self.rows.scan_shape
        self.tables = tables or find_tables(calibration, disc, shape, full, device)
        segments, self._column = segments_of(self.tables, disc.size)
        self._segments = on_device(segments, device)
        self._column_places = device.xp.asarray(self._column.places)
        self._lookup = device.xp.asarray(disc.lookup)
        self._factors = device.xp.asarray((1 / disc.kept).astype(np.float32))
        self._lock, self._free, self._spare = RLock(), deque(), []
        self._entries = self._fresh()
        self._seen: Sidebands | None = None
        self._electrons = 0
        self._sums = np.zeros((disc.size, shape[0]))
        self._waiting = _Waiting(disc.size, shape[1], block, device)

    @guarded
    def add(self, first_row: int, events: ElectronEvents) -> None:
        """Take whole rows of the scan, from row `first_row` on.

        Parameters
        ----------
        first_row : int
        events : ElectronEvents
            Of shape (n, Sx) on the scan's detector.

        Raises
        ------
        ValueError
            If the block is no part of the scan, or a row of it has come before (the first one
            stands); G is as it was then.
        DeviceError
            If the device fails.
        """
        with self._lock:
            block = self.rows.place(first_row, events)
            # Kept on the device only as long as it is counted.
            events = events.to_device(self.device)
            counts = plane_counts(events, self._lookup, 0, self.disc.size)
            of_rows = events.counts.sum(axis=1)
            for row in range(block.start, block.stop):
                if not self._waiting.has_room_for(row):
                    self._add_waiting()
                self._waiting.put(row, counts[:, row - block.start], count_type(events))
                self._electrons += int(of_rows[row - block.start])
                self.rows.came(row)

    @guarded
    def sidebands(self) -> Sidebands:
        """G of all rows that have come: it stays as it is, whatever comes after it.

        `rows` says which these are, and `pacbed` is the mean over them.

        Raises
        ------
        ValueError
            If no electron of the disc has come yet.
        DeviceError
            If the device fails.
        """
        with self._lock:
            self._add_waiting()
            if self._seen is None:
                self._seen = self._look()
            return self._seen

    def settled(self, events: ElectronEvents, **options) -> Sidebands:
        """G of the complete scan, to the last bit that of `recon.ssb.gfunction.build_sidebands`.

        Parameters
        ----------
        events : ElectronEvents
            The whole scan.
        options
            `half`, `progress` of `sidebands_of_planes`.

        Raises
        ------
        ValueError, DeviceError
            As `build_sidebands`.
        """
        events = events.to_device(self.device)
        planes = BinnedPlanes(
            lambda start, stop: plane_counts(events, self.disc.lookup, start, stop),
            self.rows.scan_shape,
            self.disc,
            self.device,
            beam_current(events.counts, self.calibration),
        )
        told = {"full": self.full, "tables": self.tables} | options
        return sidebands_of_planes(planes, self.calibration, events.electrons, **told)

    def _fresh(self):
        """Memory for all entries, zero."""
        size = self.tables.counts.entries + 2 * LANES
        return tuple(self.device.xp.zeros(size, np.float32) for _ in range(2))

    def _add_waiting(self):
        """Add the rows that wait to the entries, in other memory if these are looked at."""
        if not self._waiting.rows:
            return
        rows, transform = self._waiting.transformed()
        self._sums[:, rows] = on_host(transform[:, :, 0].real)
        xp, kernels = self.device.xp, self.device.kernels
        above, below, distance, middle = _paired(rows)
        pairs = self._waiting.pairs(above.size)
        kernels.pair_rows(transform, xp.asarray(above), xp.asarray(below), self._factors, pairs)
        old, new = self._entries, self._target()
        angles = 2 * np.pi * np.arange(self.rows.scan_shape[0]) / self.rows.scan_shape[0]
        waves, turns = (
            xp.asarray(np.stack([np.cos(a), np.sin(a)], axis=-1).astype(np.float32))
            for a in (np.outer(angles, distance), angles * middle)
        )
        kernels.add_rows(pairs, waves, turns, *self._segments, *old, *new)
        # Only now: until here a failure leaves all as it was.
        self._entries, self._seen = new, None
        self._waiting.rows.clear()

    def _target(self):
        """Where the next pass writes: where it reads, unless someone looks at that."""
        if self._seen is None:
            return self._entries
        held, self._seen = weakref.ref(self._seen), None
        self._seen = held()
        if self._seen is None:
            # Nobody else did: its memory has come back, and is taken out from among the free.
            for _ in range(len(self._free)):
                entries = self._free.popleft()
                if entries is self._entries:
                    return entries
                self._free.append(entries)
        return self._free.popleft() if self._free else self._fresh()

    def _look(self):
        """The `Sidebands` of the entries as they are."""
        scanned, (rows, columns) = self.rows.scanned, self.rows.scan_shape
        sums = self._sums / self.disc.kept[:, None]
        number = int(scanned.sum())
        if not sums.any():
            raise no_electrons(self.calibration)
        self._set_column(sums, sums.sum(axis=1) / number)
        g = Sidebands(
            self.calibration,
            self.disc,
            (rows, columns),
            self.full,
            *self._entries,
            self.tables.first,
            self.tables.runs,
            self.tables.hard,
            self.tables.hard_at,
            self.tables.masks,
            self.calibration.detector_to_scan @ self.disc.k,
            sums.sum(axis=1) / (number * columns),
            self._electrons,
            spare=self._spare,
            device=self.device,
            rows=None if number == rows else scanned.copy(),
        )
        weakref.finalize(g, self._free.append, self._entries).atexit = False
        return g

    def _set_column(self, sums, mean):
        """Put the entries at qx = 0 in place: rows that are missing hold the mean there."""
        filled = np.where(self.rows.scanned, sums, mean[:, None])
        spectrum = scipy.fft.rfft(filled, axis=1)
        rows = self.rows.scan_shape[0]
        plane, row, _ = self._column
        # Of real numbers: the upper half are the conjugates of the lower.
        values = spectrum[plane, np.minimum(row, rows - row)]
        imaginary = np.where(2 * row > rows, -values.imag, values.imag)
        for part, value in zip(self._entries, (values.real, imaginary), strict=True):
            part[self._column_places] = self.device.xp.asarray(value.astype(np.float32))


def _paired(rows):
    """How rows (n,) lie about the middle of their block.

    Returns
    -------
    above, below : (P,) int32 arrays
        Numbers of the rows at middle + distance and middle - distance, -1 where there is none.
    distance : (P,) float64 array
    middle : float
    """
    low, high = rows.min(), rows.max()
    span, middle = high - low + 1, (low + high) / 2
    number = np.full(span, -1, np.int32)
    number[rows - low] = np.arange(rows.size)
    half = span // 2
    above = number[half:]
    below = number[: span - half][::-1].copy()
    distance = np.arange(above.size) + (0.5 if span % 2 == 0 else 0.0)
    if span % 2:
        # The row in the middle is one, not two.
        below[0] = -1
    return above, below, distance, middle


class _Waiting:
    """Counts of rows that are not in G yet, and the memory that adding them takes."""

    def __init__(self, planes, columns, most, device):
        self.rows: list[int] = []
        self._planes, self._columns, self._most, self._device = planes, columns, most, device
        self._counts = device.xp.zeros((planes, most, columns), np.uint8)
        self._real = device.xp.empty(planes * most * columns, np.float32)
        self._width = LANES * (-(-(columns // 2 + 1) // LANES) + 1)
        pairs = (most + 1) // 2
        self._pairs = _aligned(planes * pairs * 4 * self._width, device)
        self._options, self._planned = {}, 0

    def has_room_for(self, row):
        """Whether a row fits beside those that wait: a block spans no more than it holds."""
        rows = [*self.rows, row]
        return max(rows) - min(rows) < self._most

    def put(self, row, counts, kind):
        """Let a row's counts (K, Sx) wait."""
        if kind.itemsize > self._counts.dtype.itemsize:
            self._counts = self._counts.astype(kind)
        self._counts[:, len(self.rows)] = counts
        self.rows.append(row)

    def transformed(self):
        """All rows that wait, (n,), and their (K, n, Qx) transform."""
        rows = np.array(self.rows)
        real = self._real[: self._planes * rows.size * self._columns]
        real = real.reshape(self._planes, rows.size, self._columns)
        self._device.kernels.widen(self._counts[:, : rows.size], real)
        if self._planned != rows.size:
            # One plan at a time: on a device each holds as much memory as the transform.
            self._options = planned(self._device, real, (self._columns,), "R2C", axes=(-1,))
            self._planned = rows.size
        return rows, self._device.fft.rfft(real, axis=-1, **self._options)

    def pairs(self, number):
        """(K, number, 4, W) memory for `pair_rows`."""
        size = self._planes * number * 4 * self._width
        return self._pairs[:size].reshape(self._planes, number, 4, self._width)


def _aligned(size, device):
    """(size,) float32 zeros that begin with a line of the cache, where that matters."""
    array = device.xp.zeros(size + LANES, np.float32)
    first = -array.ctypes.data // array.itemsize % LANES if device is CPU else 0
    return array[first : first + size]
