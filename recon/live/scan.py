"""The electrons of a scan that is being made: all that offline work wants of it."""

from collections.abc import Iterator
from threading import Lock

import numpy as np

from recon.live.rows import ScanRows
from recon.scan import spill
from recon.scan.events import ElectronEvents, Source


class GrowingScan:
    """Electrons of the rows that have come; to be used from any thread.

    Whatever is made of a scan can be made of `events()` at any time: rows that are missing are
    empty frames there, and what takes out empty frames puts the mean pattern in their place.

    Parameters
    ----------
    scan_shape : (Sy, Sx)
        Positions of the whole scan.
    frame_shape : (Ky, Kx)
        Detector pixels.
    metadata : dict, optional
        As `ElectronEvents` has it.
    source : Source, optional
        Where the electrons come from.
    """

    def __init__(self, scan_shape, frame_shape, metadata=None, source: Source | None = None):
        self.rows = ScanRows(scan_shape, frame_shape)
        self.metadata = metadata or {}
        self.source = source or Source("live", "electrons as they come")
        self._counts = np.zeros(self.rows.scan_shape, np.int64)
        self._blocks: dict[int, tuple] = {}
        self._whole: ElectronEvents | None = None
        self._excluded = None
        self._lock = Lock()

    def add(self, first_row: int, events: ElectronEvents) -> None:
        """Take whole rows of the scan, from row `first_row` on.

        Raises
        ------
        ValueError
            If the block is no part of the scan, or a row of it has come before (the first one
            stands).
        """
        with self._lock:
            block = self.rows.place(first_row, events)
            self._counts[block] = events.counts
            self._blocks[first_row] = events.pixels, events.subpixel
            self._excluded = events.excluded
            self._whole = None
            self.rows.came(block)

    @property
    def electrons(self) -> int:
        """Electrons that have come."""
        with self._lock:
            return int(self._counts.sum())

    def events(self) -> ElectronEvents:
        """The scan of all rows that have come; frames of the others are empty.

        Its electrons lie row by row, in whatever order the rows came. A scan that is complete says
        nothing of how it grew; in the notes of another it stands how many rows are missing.
        """
        with self._lock:
            if self._whole is None:
                self._whole = self._joined()
            return self._whole

    def blocks(self, most: int = 32) -> Iterator[tuple[int, ElectronEvents]]:
        """(first row, events) of all rows that have come, as a source gives them, in their order.

        For what is begun anew while a scan is made: other detectors, another disc.

        Parameters
        ----------
        most : int
            Rows of a block, at most.
        """
        with self._lock:
            scanned = self.rows.scanned.copy()
        events, columns = self.events(), self.rows.scan_shape[1]
        row = 0
        while row < scanned.size:
            if not scanned[row]:
                row += 1
                continue
            missing = np.flatnonzero(~scanned[row : row + most])
            stop = row + int(missing[0]) if missing.size else min(row + most, scanned.size)
            offsets = events.offsets[row * columns : stop * columns + 1]
            part = slice(offsets[0], offsets[-1])
            yield (
                row,
                ElectronEvents(
                    events.pixels[part],
                    offsets - offsets[0],
                    (stop - row, columns),
                    events.frame_shape,
                    subpixel=None if events.subpixel is None else events.subpixel[part],
                    excluded=events.excluded,
                ),
            )
            row = stop

    def _joined(self):
        offsets = np.zeros(self._counts.size + 1, np.int64)
        np.cumsum(self._counts.ravel(), out=offsets[1:])
        blocks = sorted(self._blocks.items())
        pixels = spill.array(int(offsets[-1]))
        located = bool(blocks) and all(places is not None for _, (_, places) in blocks)
        subpixel = spill.array(pixels.size, np.uint8) if located else None
        for row, (part, places) in blocks:
            start = offsets[row * self.rows.scan_shape[1]]
            stop = start + part.size
            pixels[start:stop] = part
            if located:
                subpixel[start:stop] = places
            # The parts' own memory can go.
            self._blocks[row] = pixels[start:stop], subpixel[start:stop] if located else None
        return ElectronEvents(
            pixels,
            offsets,
            self.rows.scan_shape,
            self.rows.frame_shape,
            dict(self.metadata),
            self._described(),
            subpixel=subpixel,
            excluded=self._excluded,
        )

    def _described(self):
        if self.rows.complete:
            return self.source
        came, rows = int(self.rows.scanned.sum()), self.rows.scan_shape[0]
        note = f"{came} of {rows} rows have been scanned: the frames of the others are empty."
        source = self.source
        return Source(
            source.name,
            source.format,
            source.frames_per_position,
            source.flyback,
            (*source.notes, note),
        )
