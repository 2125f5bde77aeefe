"""Whether this machine keeps up with a camera: a scan is played while its phase is redrawn.

Two ways lead to the G of the rows that have come, see `recon.live.growing`: adding each block of
rows to its kept entries, and transforming the columns of all rows anew at each look. Both are
measured here, beside what bounds them: one pass over the entries, and one over the electrons.
"""

from statistics import median
from time import perf_counter

import numpy as np

from recon.bench.playing import play, wire
from recon.bench.work import reference_calibration, reference_events
from recon.device.backend import CPU, Device, memory, model
from recon.kernels.cpu import reference
from recon.kernels.cpu.events import total
from recon.kernels.cpu.simd import LANES
from recon.live.growing import GrowingSidebands
from recon.scan.events import ElectronEvents
from recon.ssb.bright_field import bright_field, plane_counts
from recon.ssb.tables import find_tables

CAMERA_US = 1e6 / 87e3
"""Time at a position of the paper's camera [µs]."""

BLOCKS = 1, 4, 8, 16, 32
"""Rows that are added at once."""

WARM = 96, 64
"""Positions of the scan that is played first, so that no kernel is compiled in the others."""

PASSES = 5

MOST_COPIED = 1 << 28
"""Bytes: more take as much longer."""


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
        `live_rows_per_s` and `live_pace_us`: the most rows a second that are received, written,
        counted with all pixels and shown, and the time at a position that this is. Of a scan that
        is played at `live_played_us`, see `recon.bench.playing.play`: `live_lost_frames`,
        `live_images_per_s`, `live_longest_gap_s`, `live_looks`, `live_pixels` that were counted
        across the disc meanwhile; `live_last_row_to_received_ms`, `…_counted_ms`, `…_exact_ms` and
        `…_settled_ms`. `live_wire`: in whose words, and `live_stream_bytes` of it.
        `live_adding_ms`: time a row by rows a block, with a look at each; `live_anew_ms`: one look
        with all columns transformed anew, None where memory is short; `live_floor_ms`: by rows a
        block, time a row of one pass over the entries and the block's electrons;
        `live_stream_floor_ms`: time a row of one copy of the stream. `ratios`, `device`, and the
        work's size.

    Raises
    ------
    ValueError
        If `pixels` or the scan is outside what can be reconstructed.
    DeviceError
        If the device fails.
    LiveError
        If the camera's process has failed.
    """
    tell = progress or (lambda fraction: None)
    work = Work.of(scan, pixels, electrons_per_frame, device)
    tell(0.1)
    figures = {"device": model(device), "scan": list(scan), "pixels": pixels}
    figures |= {"electrons": work.events.electrons, "kept_entries": work.tables.counts.entries}
    figures["live_adding_ms"] = {n: work.adding_ms(n) for n in BLOCKS if n <= scan[0]}
    tell(0.3)
    figures["live_floor_ms"] = {n: work.floor_ms(n) for n in figures["live_adding_ms"]}
    figures["live_anew_ms"] = work.anew_ms()
    tell(0.5)
    # The first time kernels are compiled.
    play(Work.of(WARM, pixels, electrons_per_frame, device), 0.0)
    tell(0.6)
    most = play(work, 0.0, fewer=False)
    figures["live_rows_per_s"] = scan[0] / most["seconds"]
    figures["live_pace_us"] = 1e6 * most["seconds"] / (scan[0] * scan[1])
    tell(0.8)
    figures |= {"live_wire": wire(), "live_played_us": pace_us, **_played(play(work, pace_us))}
    figures["live_stream_floor_ms"] = work.copy_ms(figures["live_stream_bytes"]) / scan[0]
    figures["ratios"] = _ratios(figures, scan[1])
    tell(1.0)
    return figures


def _played(seen):
    """Of a scan that was played, under the names of the benchmark."""
    after = ("received_ms", "counted_ms", "exact_ms", "settled_ms")
    figures = {f"live_last_row_to_{name}": seen[name] for name in after}
    while_made = ("pixels", "looks", "images_per_s", "longest_gap_s")
    figures |= {f"live_{name}": seen[name] for name in while_made}
    return figures | {"live_lost_frames": seen["lost"], "live_stream_bytes": seen["bytes"]}


def _ratios(figures, columns):
    block = min(16, max(figures["live_adding_ms"]))
    adding, floor = figures["live_adding_ms"][block], figures["live_floor_ms"][block]
    # Redraws and all.
    row_ms = 1e3 / figures["live_rows_per_s"]
    ratios = {
        "time of the camera / of the machine, a row": columns * CAMERA_US / 1e3 / row_ms,
        f"a row, all of it / floor of {block} rows and the stream": row_ms
        / (floor + figures["live_stream_floor_ms"]),
        f"adding {block} rows / floor": adding / floor,
    }
    if figures["live_anew_ms"] is not None:
        name = f"all columns anew / adding {block} rows"
        ratios[name] = figures["live_anew_ms"] / (block * adding)
    return ratios


class Work:
    """A scan in blocks, and the tables that an earlier one of its shape has left."""

    def __init__(self, events, electrons_per_frame, calibration, disc, tables, device):
        self.events, self.electrons_per_frame = events, electrons_per_frame
        self.calibration, self.disc = calibration, disc
        self.tables, self.device, self.pixels = tables, device, events.frame_shape[1]

    @classmethod
    def of(cls, scan, pixels, electrons_per_frame, device):
        """The reference work of that size."""
        events = reference_events(scan, pixels, electrons_per_frame)
        calibration = reference_calibration(pixels)
        disc = bright_field(calibration, events.frame_shape, pixels)
        tables = find_tables(calibration, disc, events.scan_shape, False, device)
        return cls(events, electrons_per_frame, calibration, disc, tables, device)

    def block(self, first, number):
        """Whole rows, as a source gives them."""
        columns = self.events.scan_shape[1]
        offsets = self.events.offsets[first * columns : (first + number) * columns + 1]
        pixels = self.events.pixels[offsets[0] : offsets[-1]]
        shape = (offsets.size - 1) // columns, columns
        return ElectronEvents(pixels, offsets - offsets[0], shape, self.events.frame_shape)

    def growing(self, **options):
        """G that its rows can be added to."""
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

    def copy_ms(self, size):
        """Time of a copy of so many bytes on the host."""
        source = np.ones(min(size, MOST_COPIED) // 4 + 1, np.float32)
        target, times = np.zeros_like(source), []
        for _ in range(PASSES):
            start = perf_counter()
            reference.copy(source, target)
            times.append(1e3 * (perf_counter() - start))
        return median(times[1:]) * size / source.nbytes

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

    def _wait(self, g):
        if self.device is not CPU:
            float(g.re[0])
