"""Whether this machine keeps up with a camera: a scan is played while its phase is redrawn.

Two ways lead to the G of the rows that have come, see `recon.live.growing`: adding each block of
rows to its kept entries, and transforming the columns of all rows anew at each look. Both are
measured here, beside what bounds them: one pass over the entries, and one over the electrons.
"""

import queue
import threading
from dataclasses import replace
from statistics import median
from time import perf_counter, sleep

import numpy as np

from recon.bench.work import ABERRATIONS, reference_calibration, reference_events
from recon.device.backend import CPU, Device, memory, model
from recon.kernels.cpu import reference
from recon.kernels.cpu.events import total
from recon.kernels.cpu.simd import LANES
from recon.live.growing import GrowingSidebands
from recon.live.scan import GrowingScan
from recon.live.sums import GrowingSums
from recon.scan.events import ElectronEvents
from recon.ssb.bright_field import bright_field, plane_counts
from recon.ssb.phase import single_sideband
from recon.ssb.tables import find_tables
from recon.sums.detectors import PRESETS, annulus

CAMERA_US = 1e6 / 87e3
"""Time at a position of the paper's camera [µs]."""

BLOCKS = 1, 4, 8, 16, 32
"""Rows that are added at once."""

AT_ONCE = 4
"""Rows that a camera's stream brings together."""

IMAGES_PER_S = 5.0
"""Redraws that are asked for while a scan is made; the defocus changes from one to the next."""

HELD_S = 0.5
"""Seconds of the stream that may wait before rows are lost."""

PASSES = 5


def run(
    scan=(1024, 1024),
    pixels: int = 18,
    electrons_per_frame: float = 50.0,
    *,
    pace_us: float = CAMERA_US,
    device: Device = CPU,
    progress=None,
) -> dict:
    """Measure how fast a scan can come.

    Parameters
    ----------
    scan : (int, int)
        Scan positions.
    pixels : int
        Detector pixels across, 4 to 64.
    electrons_per_frame : float
    pace_us : float
        Time at a position [µs] at which a scan is played.
    device : Device
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    dict
        `live_rows_per_s` and `live_pace_us`: the most rows a second that are taken while
        `IMAGES_PER_S` phase images are drawn, and the time at a position that this is.
        `live_lost_frames`, `live_images_per_s`, `live_last_row_to_exact_ms`: of a scan that is
        played at `live_played_us`. `live_adding_ms`: time a row by rows a block, with a look at
        each; `live_anew_ms`: one look with all columns transformed anew, None where memory is
        short; `live_floor_ms`: by rows a block, time a row of one pass over the entries and the
        block's electrons. `ratios`, `device`, and the work's size.

    Raises
    ------
    ValueError
        If `pixels` or the scan is outside what can be reconstructed.
    DeviceError
        If the device fails.
    """
    tell = progress or (lambda fraction: None)
    work = _Work.of(scan, pixels, electrons_per_frame, device)
    tell(0.1)
    figures = {"device": model(device), "scan": list(scan), "pixels": pixels}
    figures |= {"electrons": work.events.electrons, "kept_entries": work.tables.counts.entries}
    figures["live_adding_ms"] = {n: work.adding_ms(n) for n in BLOCKS if n <= scan[0]}
    tell(0.3)
    figures["live_floor_ms"] = {n: work.floor_ms(n) for n in figures["live_adding_ms"]}
    figures["live_anew_ms"] = work.anew_ms()
    tell(0.5)
    figures |= work.flat_out()
    tell(0.7)
    figures |= work.played(pace_us)
    figures["ratios"] = _ratios(figures, scan[1])
    tell(1.0)
    return figures


def _ratios(figures, columns):
    block = min(16, max(figures["live_adding_ms"]))
    adding = figures["live_adding_ms"][block]
    ratios = {
        "time of the camera / of the machine, a row": columns
        * CAMERA_US
        / 1e3
        # Redraws and all.
        * figures["live_rows_per_s"]
        / 1e3,
        f"adding {block} rows / floor": adding / figures["live_floor_ms"][block],
    }
    if figures["live_anew_ms"] is not None:
        name = f"all columns anew / adding {block} rows"
        ratios[name] = figures["live_anew_ms"] / (block * adding)
    return ratios


class _Work:
    """A scan in blocks, and the tables that an earlier one of its shape has left."""

    def __init__(self, events, calibration, disc, tables, device):
        self.events, self.calibration, self.disc = events, calibration, disc
        self.tables, self.device = tables, device

    @classmethod
    def of(cls, scan, pixels, electrons_per_frame, device):
        events = reference_events(scan, pixels, electrons_per_frame)
        calibration = reference_calibration(pixels)
        disc = bright_field(calibration, events.frame_shape, pixels)
        tables = find_tables(calibration, disc, events.scan_shape, False, device)
        return cls(events, calibration, disc, tables, device)

    def block(self, first, number):
        """Whole rows, as a source gives them."""
        columns = self.events.scan_shape[1]
        offsets = self.events.offsets[first * columns : (first + number) * columns + 1]
        pixels = self.events.pixels[offsets[0] : offsets[-1]]
        shape = (offsets.size - 1) // columns, columns
        return ElectronEvents(pixels, offsets - offsets[0], shape, self.events.frame_shape)

    def growing(self, **options):
        return GrowingSidebands(
            self.events.scan_shape,
            self.events.frame_shape,
            self.disc,
            self.calibration,
            tables=self.tables,
            device=self.device,
            **options,
        )

    def adding_ms(self, number):
        """Time of a row that comes with others in a block, counted, transformed and added."""
        growing, times, seen = self.growing(block=number), [], None
        rows = self.events.scan_shape[0]
        for turn in range(min(PASSES + 2, rows // number)):
            part = self.block(turn * number, number)
            start = perf_counter()
            growing.add(turn * number, part)
            looked = growing.sidebands()
            self._wait(looked)
            times.append(1e3 * (perf_counter() - start))
            # As a page does: the older look goes when the newer one is there.
            seen = looked
        del seen
        # The first two make memory that the others use again.
        return median(times[2:] or times) / number

    def floor_ms(self, number):
        """The least a row costs: entries read and written once a block, electrons read once."""
        xp, size = self.device.xp, self.tables.counts.entries + 2 * LANES
        source, target = (xp.zeros(2 * size, np.float32) for _ in range(2))
        part, times = self.block(0, number), []
        for _ in range(PASSES):
            start = perf_counter()
            if self.device is CPU:
                reference.copy(source, target)
                total(part.pixels)
            else:
                xp.copyto(target, source)
                xp.asarray(part.pixels)
                float(target[0])
            times.append(1e3 * (perf_counter() - start))
        return median(times[1:]) / number

    def anew_ms(self):
        """Time of a look at half a scan with all its rows' transforms kept: columns, and a pack."""
        xp, fft = self.device.xp, self.device.fft
        (rows, columns), planes = self.events.scan_shape, self.disc.size
        half = columns // 2 + 1
        if 2 * 8 * planes * rows * half > memory(self.device).usable:
            return None
        part = self.block(0, rows // 2)
        kept = xp.zeros((planes, rows, half), np.complex64)
        for plane in range(planes):
            counts = plane_counts(part, self.disc.lookup, plane, plane + 1)
            kept[plane, : rows // 2] = fft.rfft(xp.asarray(counts[0]).astype(np.float32), axis=-1)
        batch = max(1, (1 << 26) // (8 * rows * half))
        first, runs = self.tables.first, self.tables.runs
        size = self.tables.counts.entries + 2 * LANES
        entries = tuple(xp.zeros(size, np.float32) for _ in range(2))
        times = []
        for _ in range(3):
            start = perf_counter()
            next_run, next_entry = first[0, :-1].copy(), first[2, :-1].copy()
            for plane in range(0, planes, batch):
                spectra = fft.fft(kept[plane : plane + batch], axis=1, **self.device.fft_options)
                self.device.kernels.pack(
                    spectra, plane, runs, first, next_run, next_entry, *entries
                )
            float(entries[0][0])
            times.append(1e3 * (perf_counter() - start))
        return median(times)

    def flat_out(self):
        """Rows a second that are taken as fast as they can be, while images are drawn."""
        rows, columns = self.events.scan_shape
        with _Receiver(self) as receiver:
            start = perf_counter()
            for first in range(0, rows, AT_ONCE):
                receiver.blocks.put((first, self.block(first, AT_ONCE)))
            receiver.finish()
            taken = perf_counter() - start
        return {"live_rows_per_s": rows / taken, "live_pace_us": 1e6 * taken / (rows * columns)}

    def played(self, pace_us):
        """What is lost of a scan that comes at a camera's pace, and how soon it is there."""
        rows, columns = self.events.scan_shape
        row_s, lost = 1e-6 * pace_us * columns, 0
        blocks = [(first, self.block(first, AT_ONCE)) for first in range(0, rows, AT_ONCE)]
        with _Receiver(self, max(1, int(HELD_S / (AT_ONCE * row_s)))) as receiver:
            start = perf_counter()
            for first, part in blocks:
                # A block is there when its last row is.
                sleep(max(0.0, start + (first + len(part.counts)) * row_s - perf_counter()))
                try:
                    receiver.blocks.put_nowait((first, part))
                except queue.Full:
                    lost += part.positions
            last = perf_counter()
            images = receiver.images / (last - start)
            receiver.finish()
            phase = single_sideband(receiver.growing.sidebands(), ABERRATIONS, "exact")
            float(phase[0, 0])
            exact = 1e3 * (perf_counter() - last)
        return {
            "live_played_us": pace_us,
            "live_lost_frames": lost,
            "live_images_per_s": images,
            "live_last_row_to_exact_ms": exact,
        }

    def _wait(self, g):
        if self.device is not CPU:
            float(g.re[0])


class _Receiver:
    """One thread takes blocks into everything that grows, another drags the defocus."""

    def __init__(self, work: _Work, waiting: int = 2):
        shapes, calibration = (work.events.scan_shape, work.events.frame_shape), work.calibration
        radii = {name: np.multiply(pair, calibration.radius) for name, pair in PRESETS.items()}
        masks = {n: annulus(shapes[1], calibration.centre, *pair) for n, pair in radii.items()}
        self.growing = work.growing()
        self._taking = self.growing, GrowingSums(*shapes, masks), GrowingScan(*shapes)
        self.blocks, self.images = queue.Queue(waiting), 0
        self._stop = threading.Event()
        self._failed = []
        works = self._take, self._draw
        self._threads = [threading.Thread(target=self._kept, args=[work]) for work in works]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *failure):
        self._stop.set()
        self.blocks.put(None)
        for thread in self._threads:
            thread.join()
        if self._failed and failure[0] is None:
            raise self._failed[0]

    def finish(self):
        """Wait until all that came is taken."""
        self.blocks.join()
        self._stop.set()

    def _kept(self, work, *arguments):
        try:
            work(*arguments)
        except BaseException as error:  # raised where the receiver is left
            self._failed.append(error)

    def _take(self):
        while (block := self.blocks.get()) is not None:
            # After a failure nothing is taken any more, and nobody waits for it in vain.
            if not self._failed:
                self._kept(self._add, *block)
            self.blocks.task_done()

    def _add(self, first, part):
        for growing in self._taking:
            growing.add(first, part)

    def _draw(self):
        due = perf_counter()
        while not self._stop.wait(max(0.0, due - perf_counter())):
            due = max(due + 1 / IMAGES_PER_S, perf_counter())
            if not self.growing.rows.scanned.any():
                continue
            defocus = 20 * np.sin(self.images / 3)
            aberrations = replace(ABERRATIONS, C10=ABERRATIONS.C10 + defocus)
            image = single_sideband(self.growing.sidebands(), aberrations, "draft")
            float(image[0, 0])
            self.images += 1
