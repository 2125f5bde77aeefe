"""Timepix3 hits as records (`.t3p`), as PIXet writes them and riCOM reads them, of one chip.

    pixel       uint32   y * 256 + x
    time        uint64   in 25 ns, without roll-over
    overflow    uint8
    fine time   uint8    counts back in 25/16 ns
    tot         uint16   time over threshold

There is no header: a file is recognised by records that all make sense. There are no triggers
either, so that the scan's positions follow from the dwell time alone
(`recon.io.events.scan_timing`).

Source: the struct `e_event` of riCOM (Yu and Friedrich, University of Antwerp).
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

NAME = "Timepix3 records (t3p)"
OPTIONS = {
    name: line for name, line in scan_timing.OPTIONS.items() if not name.startswith("trigger")
} | electrons.OPTIONS
RECORD = 16
"""Bytes of a record."""
BLOCK = 1 << 12
"""Records whose times are kept as one range."""
SLAB = 1 << 10
"""Blocks that are read in one go."""
PATIENCE = 8
"""How many times the size of the file is read at most, however its records are out of order."""
LOOK = 256
"""Records by which a file is recognised."""
LONGEST_TOT = 1023
LONGEST = 1 << 41
"""Units of 25/16 ns (57 minutes) beyond which a time is not of the recording."""
FOREVER = 1 << 62


def matches(path: Path) -> bool:
    """Whether the file begins with records that make sense, and most of them hold a signal."""
    with open(path, "rb") as file:
        start = file.read(RECORD * LOOK)
    records = np.frombuffer(start[: len(start) // RECORD * RECORD], "<u4").reshape(-1, 4)
    if not len(records):
        return False
    number = np.empty((1, 3), np.int64)
    kernels.extent_of_records(records.copy(), len(records), 0, FOREVER, number)
    tot, overflow = records[:, 3] >> 16, records[:, 3] & 0xFF
    return bool(
        number[0, 0] == len(records)
        and np.all((tot <= LONGEST_TOT) & (overflow <= 1))
        and 2 * np.count_nonzero(tot) >= len(records)
    )


def read(path: Path, *, keep_flyback=None, scan_shape=None, progress, **options) -> ElectronEvents:
    """Events of a file; see `recon.io.open_events`."""
    window = electrons.window_of(options.pop("cluster_window_ns", None))
    with open(path, "rb", buffering=0) as raw:
        records = _Records(raw, lambda fraction: progress(0.4 * fraction))
        start = (6 * records.first, "the first hit")
        timing, notes = scan_timing.timing_of(scan_shape, options, {}, start, records.duration)
        batches = electrons.in_order(
            records.table[:, 1],
            records.table[:, 2],
            records.table[:, 0],
            records.hits_between,
            lambda fraction: progress(0.4 + 0.6 * fraction),
        )
        shape = (kernels.CHIP, kernels.CHIP)
        found = electrons.find_electrons(batches, shape, window)
        scan = electrons.arrange(found, records.hits, timing)
    form = f"{NAME}, {records.hits} hits"
    events = ElectronEvents(
        scan.pixels,
        scan.offsets,
        timing.shape,
        shape,
        scan_timing.metadata_of(options),
        Source(
            path.name,
            form if window < 0 else f"{form} in {scan.found} clusters",
            flyback="dropped" if scan.flyback else "none",
            notes=records.notes + notes + scan.notes(timing),
        ),
        subpixel=None if window < 0 else scan.subpixel,
    )
    return without_last_column(events) if keep_flyback is False else events


class _Records:
    """The records of a file, block by block."""

    def __init__(self, raw, progress):
        self.raw = raw
        size = os.fstat(raw.fileno()).st_size
        self.number, self.odd = divmod(size, RECORD)
        self.left = PATIENCE * self.number + 2 * SLAB * BLOCK
        self.around = (0, FOREVER)
        table = self._extents(lambda fraction: progress(fraction / 2))
        if np.any(table[:, 0]):
            # Damaged times lie anywhere in millennia; those of the recording close together.
            self.around = (int(np.median(table[table[:, 0] > 0, 1])), LONGEST)
            if np.any(np.abs(table[:, 1:] - self.around[0]) > LONGEST):
                table = self._extents(lambda fraction: progress((1 + fraction) / 2))
        self.blocks = np.flatnonzero(table[:, 0])
        self.table = table[self.blocks]
        self.hits = int(self.table[:, 0].sum())
        if 2 * self.hits <= self.number:
            raise UnreadableFile(
                f"only {self.hits} of its {self.number} records make sense: it is damaged"
            )
        self.first = int(self.table[:, 1].min())
        self.duration = 6 * (int(self.table[:, 2].max()) - self.first)

    def _extents(self, progress):
        """(B, 3) int64 records that make sense, first and last time of each block."""
        blocks = -(-self.number // BLOCK)
        table = np.empty((blocks, 3), np.int64)
        for first in range(0, blocks, SLAB):
            part = table[first : first + SLAB]
            records = self._read(first, len(part))
            kernels.extent_of_records(records, BLOCK, *self.around, part)
            progress((first + len(part)) / blocks)
        return table

    @property
    def notes(self):
        """Sentences of doubt about the records."""
        notes = []
        if self.hits < self.number:
            notes.append(
                f"{self.number - self.hits} of {self.number} records make no sense and are left "
                "out: is it damaged?"
            )
        if self.odd:
            notes.append(f"The last record lacks {RECORD - self.odd} bytes: was it cut off?")
        return tuple(notes)

    def _read(self, block, number):
        """(N, 4) uint32 records of some blocks."""
        first = block * BLOCK
        last = min(first + number * BLOCK, self.number)
        self.left -= last - first
        if self.left < 0:
            raise UnreadableFile("its records are too much out of order in time: it is damaged")
        words = np.empty((last - first, 4), "<u4")
        fill(self.raw.fileno(), words, RECORD * first)
        return words

    def hits_between(self, chunks, begin, end):
        """Hits of these rows of the table with begin <= time < end."""
        parts, blocks = [np.empty(0, np.uint64)], self.blocks[chunks]
        where = (BLOCK, *self.around, begin, end)
        # Neighbouring blocks are read together.
        for run in np.split(blocks, np.flatnonzero(np.diff(blocks) != 1) + 1):
            for first in range(0, run.size, SLAB):
                some = run[first : first + SLAB]
                records = self._read(int(some[0]), some.size)
                starts, counts = np.zeros(some.size, np.int64), np.empty(some.size, np.int64)
                nothing = np.empty(0, np.uint64)
                kernels.hits_of_records(records, *where, starts, counts, nothing)
                hits = np.empty(counts.sum(), np.uint64)
                if hits.size:
                    starts = np.cumsum(counts) - counts
                    kernels.hits_of_records(records, *where, starts, counts, hits)
                parts.append(hits)
        return np.concatenate(parts)
