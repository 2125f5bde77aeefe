"""The electrons of a scan that is being made: all that offline work wants of it."""

from collections.abc import Iterator
from threading import Lock

import numpy as np

from recon.live.rows import ScanRows
from recon.scan import spill
from recon.scan.events import ElectronEvents, Source

LEAST = 1 << 16
"""Electrons for which room is made at first."""


class GrowingScan:
    """Electrons of the rows that have come; to be used from any thread.

    Whatever is made of a scan can be made of `events()` at any time: rows that are missing are
    empty frames there, and what takes out empty frames puts the mean pattern in their place. A look
    copies no electrons while rows come in their order.

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
        # (first row, first electron, the one after the last) of each block, as they came.
        self._parts: list[tuple[int, int, int]] = []
        self._pixels = np.empty(0, np.uint32)
        self._places: np.ndarray | None = None
        self._filled, self._ordered = 0, True
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
            self._append(first_row, events)
            self._excluded = events.excluded
            self._whole = None
            self.rows.came(block)

    @property
    def excluded(self):
        """(Ky, Kx) bool array of pixels that hold no electrons, or None."""
        return self._excluded

    @property
    def electrons(self) -> int:
        """Electrons that have come."""
        with self._lock:
            return self._filled

    def events(self) -> ElectronEvents:
        """The scan of all rows that have come; frames of the others are empty.

        Its electrons lie row by row, in whatever order the rows came. A scan that is complete says
        nothing of how it grew; in the notes of another it stands how many rows are missing.
        """
        with self._lock:
            if self._whole is None:
                self._whole = self._joined()
            return self._whole

    def blocks(
        self, most: int = 32, but: np.ndarray | None = None
    ) -> Iterator[tuple[int, ElectronEvents]]:
        """(first row, events) of rows that have come, as a source gives them, in their order.

        For what follows the scan at its own pace, or is begun anew while it is made: other
        detectors, another disc.

        Parameters
        ----------
        most : int
            Rows of a block, at most.
        but : (Sy,) bool array, optional
            Rows that are not wanted.
        """
        with self._lock:
            scanned = self.rows.scanned.copy()
        if but is not None:
            scanned &= ~but
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

    def _append(self, first_row, events):
        start, stop = self._filled, self._filled + events.pixels.size
        if start == 0 and events.subpixel is not None:
            self._places = np.empty(0, np.uint8)
        if events.subpixel is None:
            self._places = None
        if stop > self._pixels.size:
            # Twice as much as there is; who holds what there was keeps it.
            self._pixels = self._longer(self._pixels, stop, np.uint32)
            if self._places is not None:
                self._places = self._longer(self._places, stop, np.uint8)
        self._pixels[start:stop] = events.pixels
        if self._places is not None:
            self._places[start:stop] = events.subpixel
        self._ordered &= not self._parts or first_row > self._parts[-1][0]
        self._parts.append((first_row, start, stop))
        self._filled = stop

    def _longer(self, array, wanted, kind):
        longer = spill.array(max(wanted, 2 * array.size, LEAST), kind)
        longer[: self._filled] = array[: self._filled]
        return longer

    def _put_in_order(self):
        pixels = spill.array(self._pixels.size)
        places = None if self._places is None else spill.array(pixels.size, np.uint8)
        parts, filled = [], 0
        for row, start, stop in sorted(self._parts):
            end = filled + stop - start
            pixels[filled:end] = self._pixels[start:stop]
            if places is not None:
                places[filled:end] = self._places[start:stop]
            parts.append((row, filled, end))
            filled = end
        self._pixels, self._places, self._parts, self._ordered = pixels, places, parts, True

    def _joined(self):
        if not self._ordered:
            self._put_in_order()
        offsets = np.zeros(self._counts.size + 1, np.int64)
        np.cumsum(self._counts.ravel(), out=offsets[1:])
        pixels = self._pixels[: self._filled]
        subpixel = None if self._places is None else self._places[: self._filled]
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
