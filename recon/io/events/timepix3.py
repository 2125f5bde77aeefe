"""Raw Timepix3 packets (`.tpx3`), as SERVAL writes them for one chip or four.

A file is a row of chunks, each of one chip: a header (the letters TPX3, the chip, the size) and
words of 64 bits, of which hits, triggers and global times matter here. Nothing in it says how the
beam was scanned: positions follow from the dwell time and, where they were recorded, from
triggers (see `recon.io.events.scan_timing`). Hits are joined into electrons
(`recon.io.events.hits`).

The file is read twice: once for the time of each chunk, without roll-overs, and once for the
hits, in the order of time, so that memory holds one batch of them however large the file is and
however much its chunks are out of order. Times are not corrected for the phase of the columns'
clocks (up to 25 ns), nor for the slower rise of small signals.

Four chips lie as tpx3awkward (BSD-3) and the manufacturer's example place them, without the gap
between them: 512 × 512 pixels.
"""

import os
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.events import hits as electrons
from recon.io.events import scan_timing
from recon.io.files.slabs import fill
from recon.io.scanning import without_last_column
from recon.kernels.decode import timepix as kernels
from recon.scan.events import ElectronEvents, Source

NAME = "Timepix3 raw packets"
OPTIONS = scan_timing.OPTIONS | electrons.OPTIONS
EDGES = {0xF: "tdc1 rising", 0xA: "tdc1 falling", 0xE: "tdc2 rising", 0xB: "tdc2 falling"}
CHIPS = 4
SLAB = 1 << 23
"""Words (of eight bytes) that are read in one go; a chunk has up to 2^13."""
PATIENCE = 8
"""How many times the size of the file is read at most, however its chunks are out of order."""
CHUNKS = 1 << 16
"""Chunks that are listed in one go."""


def matches(path: Path) -> bool:
    """Whether the file begins with the header of a chunk."""
    with open(path, "rb") as file:
        return file.read(4) == b"TPX3"


def read(path: Path, *, keep_flyback=None, scan_shape=None, progress, **options) -> ElectronEvents:
    """Events of a file; see `recon.io.open_events`."""
    window = electrons.window_of(options.pop("cluster_window_ns", None))
    with open(path, "rb", buffering=0) as raw:
        recording = _Recording(raw, lambda fraction: progress(0.4 * fraction))
        timing, notes = scan_timing.timing_of(
            scan_shape, options, recording.triggers, recording.start, recording.duration
        )
        batches = recording.batches(lambda fraction: progress(0.4 + 0.6 * fraction))
        found = electrons.find_electrons(batches, recording.frame_shape, window)
        scan = electrons.arrange(found, recording.hits, timing)
    form = f"{NAME}, {recording.hits} hits"
    events = ElectronEvents(
        scan.pixels,
        scan.offsets,
        timing.shape,
        recording.frame_shape,
        scan_timing.metadata_of(options),
        Source(
            path.name,
            form if window < 0 else f"{form} in {scan.found} clusters",
            timing.scans,
            "dropped" if scan.flyback else "none",
            recording.notes + notes + scan.notes(timing),
        ),
        subpixel=None if window < 0 else scan.subpixel,
    )
    return without_last_column(events) if keep_flyback is False else events


class _Recording:
    """The chunks of a file, their times without roll-overs, and its triggers."""

    def __init__(self, raw, progress):
        self.raw = raw
        self.words = os.fstat(raw.fileno()).st_size // 8
        self.odd = os.fstat(raw.fileno()).st_size % 8
        self.left = PATIENCE * self.words + 16 * SLAB
        self.stray = self.unknown = self.untimed = self.cut = 0
        self.kept, self.opened, self.quad = None, -1, False
        reference = np.array([-1, -1, 0], np.int64)
        tables, kinds, times = [], [], []
        place = 0
        while place < self.words:
            words = self.read(place, min(SLAB, self.words - place))
            done = 0
            while done < words.size:
                table, after = self._chunks(words, done, place)
                if after == done:
                    break  # A chunk goes on in the next slab.
                done = after
                kernels.survey(words, table)
                kernels.unroll(table, reference)
                kernels.extent(words, table)
                number = int(table[:, kernels.TRIGGERS].sum())
                some_kinds, some = np.empty(number, np.uint8), np.empty(number, np.int64)
                kernels.triggers(words, table, some_kinds, some)
                kinds.append(some_kinds)
                times.append(some)
                if self.opened < 0:
                    self.opened = int(kernels.shutter(words, table))
                table[:, kernels.START] += place
                self._count(table)
                tables.append(table[table[:, kernels.HITS] > 0])
            place += done
            progress(place / self.words)
        self.table = np.concatenate([*tables, np.empty((0, 10), np.int64)])
        self.unconfirmed = int(reference[2])
        self._settle(np.concatenate([*kinds, np.empty(0, np.uint8)]), times)

    def read(self, place, size):
        """(N,) uint64 words of the file from `place` on."""
        if self.kept is not None:
            return self.kept[place : place + size]
        self.left -= size
        if self.left < 0:
            raise UnreadableFile("its chunks are too much out of order in time: it is damaged")
        words = np.empty(size, "<u8")
        fill(self.raw.fileno(), words, 8 * place)
        if size == self.words:
            self.kept = words
        return words

    def _chunks(self, words, done, place):
        """Chunks of `words` from `done` on, which are all there, and where the next one begins."""
        table = np.zeros((CHUNKS, 10), np.int64)
        number, after, stray = kernels.walk(words, done, table)
        table = table[:number]
        if after > words.size:
            last = table[-1]
            if place + words.size == self.words:
                self.cut = after - words.size
                last[kernels.WORDS] -= self.cut
                after = words.size
            else:
                after = int(last[kernels.START]) - 1
                table = table[:-1]
        self.stray += stray
        return table.copy(), after

    def _count(self, table):
        self.untimed += int(table[:, kernels.UNTIMED].sum())
        self.unknown += int(table[:, kernels.UNKNOWN].sum())
        chips = table[:, kernels.CHIP_INDEX]
        self.quad |= bool(np.any((chips > 0) & (chips < CHIPS)))

    def _settle(self, kinds, times):
        """What the table says of the whole recording."""
        table = self.table
        foreign = table[:, kernels.CHIP_INDEX] >= CHIPS
        self.foreign = int(table[foreign, kernels.HITS].sum())
        if 2 * self.foreign > table[:, kernels.HITS].sum():
            raise UnreadableFile(
                f"chip {table[foreign, kernels.CHIP_INDEX][0]} is not one of {CHIPS}: detectors "
                "of more chips are not supported"
            )
        table = self.table = table[~foreign]
        self.hits = int(table[:, kernels.HITS].sum())
        if not self.hits:
            raise UnreadableFile(
                f"its {self.untimed} hits are of a mode without time (integrated ToT)"
                if self.untimed
                else "there are no hits in it"
            )
        self.frame_shape = ((1 + self.quad) * kernels.CHIP,) * 2
        self.first = int(table[:, kernels.FIRST].min())
        self.last = int(table[:, kernels.LAST].max())
        self.duration = 6 * (self.last - self.first)
        self.triggers = {}
        times = np.concatenate([*times, np.empty(0, np.int64)])
        for kind, name in EDGES.items():
            # Several chips may have passed on the same edge.
            self.triggers[name] = np.unique(times[kinds == kind])
        self.start = (6 * self.first, "the first hit")
        if self.opened >= 0:
            # Its packet may come before any that tells how often the clock began anew.
            before = (self.first - self.opened) % kernels.PERIOD
            self.start = (6 * (self.first - before), "the opening of the shutter")

    @property
    def notes(self):
        """Sentences of doubt about the packets."""
        notes = []
        if self.cut:
            notes.append(
                f"The last chunk lacks {8 * self.cut - self.odd} bytes: the recording was cut off."
            )
        elif self.odd:
            notes.append(f"{self.odd} bytes at the end are no packet: the recording was cut off.")
        for number, what in (
            (self.stray, "words that belong to no chunk"),
            (self.unknown, "packets of unknown kind"),
            (self.untimed, "hits of a mode without time (integrated ToT)"),
            (self.foreign, f"hits of chips beyond the {CHIPS} supported ones"),
        ):
            if number:
                notes.append(f"There are {number} {what}, which are left out: is it damaged?")
        if self.unconfirmed:
            notes.append(
                f"{self.unconfirmed} chunks tell a time far from those around them, which was not "
                "believed: is it damaged?"
            )
        return tuple(notes)

    def batches(self, progress):
        """Hits in the order of time, as `recon.io.events.hits.find_electrons` takes them."""
        columns = [kernels.FIRST, kernels.LAST, kernels.HITS]
        return electrons.in_order(*self.table[:, columns].T, self._hits, progress)

    def _hits(self, chunks, begin, end):
        """Hits of these chunks with begin <= time < end."""
        table = self.table[chunks]
        stops = table[:, kernels.START] + table[:, kernels.WORDS]
        parts, chunk = [], 0
        while chunk < len(table):
            base = int(table[chunk, kernels.START])
            until = int(np.searchsorted(stops, base + SLAB, side="right"))
            until = max(until, chunk + 1)
            some = table[chunk:until].copy()
            words = self.read(base, int(stops[until - 1]) - base)
            some[:, kernels.START] -= base
            counts = np.empty(len(some), np.int64)
            kernels.count(words, some, begin, end, counts)
            hits = np.empty(counts.sum(), np.uint64)
            kernels.extract(words, some, begin, end, self.quad, np.cumsum(counts) - counts, hits)
            parts.append(hits)
            chunk = until
        return np.concatenate(parts) if len(parts) > 1 else parts[0]
