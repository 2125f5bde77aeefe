"""Frames in any order, put together into rows."""

from itertools import pairwise

import numpy as np

from recon.live.source import Block, Ended, Late, Message, many
from recon.scan.events import ElectronEvents, Source
from recon.scan.regroup import regrouped

LATE = 64
"""Rows by which a row may lag behind the newest whole one before it is given as it is."""
SOURCE = Source("live", "live stream")


class Rows:
    """The scan that is under way: takes frames, gives whole rows.

    A row is given when all of its frames have come, or when `late` rows further on are whole;
    what comes of it afterwards is given as `Late`.

    Parameters
    ----------
    scan_shape : (Sy, Sx)
    frame_shape : (Ky, Kx)
    frames_per_position : int
        Frames that each position has; their electrons are summed.
    late : int
        See above.
    """

    def __init__(self, scan_shape, frame_shape, frames_per_position: int = 1, late: int = LATE):
        self.scan_shape, self.frame_shape = tuple(scan_shape), tuple(frame_shape)
        self.frames_per_position = frames_per_position
        self._late = late
        height, width = self.scan_shape
        self._seen = np.zeros(height * width, np.uint16)
        self._first = np.full(height * width, -1, np.int64)
        self._more: set[tuple[int, int]] = set()
        self._missing = height * width * frames_per_position
        self._have = np.zeros(height, np.int64)
        self._parts: dict[int, list] = {}
        self._given = np.zeros(height, bool)
        self._whole: list[int] = []
        self._newest = -1
        self.twice = self.outside = self.off_detector = 0

    @property
    def frames(self) -> int:
        """Frames that have come, without those that came twice."""
        return int(self._have.sum())

    @property
    def lost(self) -> int:
        """Frames that have not come."""
        return self._missing

    @property
    def complete(self) -> bool:
        """Whether all frames have come."""
        return self._missing == 0

    @property
    def rows(self) -> int:
        """Rows of which something has come."""
        return int(np.count_nonzero(self._have))

    def add(self, positions, counts, pixels, numbers=None) -> int:
        """Take frames.

        Parameters
        ----------
        positions : (n,) int array
            Place of each frame in raster order.
        counts : (n,) int array
            Its electrons.
        pixels : (E,) uint32 array
            Their linear indices, frame after frame.
        numbers : (n,) int array, optional
            What the camera calls each frame. A frame at a place where one of the same number has
            come, or where numbers are unknown, has come twice; it is left out.

        Returns
        -------
        int
            How many of them were new.
        """
        positions, counts = np.asarray(positions, np.int64), np.asarray(counts, np.int64)
        fresh = (positions >= 0) & (positions < self._seen.size)
        self.outside += int(np.count_nonzero(~fresh))
        fresh &= self._once(positions, fresh, numbers)
        if not fresh.all():
            pixels = pixels[np.repeat(fresh, counts)]
            positions, counts = positions[fresh], counts[fresh]
        counts, pixels = self._on_detector(counts, pixels)
        if not positions.size:
            return 0
        rows, columns = np.divmod(positions, self.scan_shape[1])
        ends = np.concatenate([[0], np.cumsum(counts)])
        borders = [0, *(np.flatnonzero(np.diff(rows)) + 1).tolist(), rows.size]
        for first, last in pairwise(borders):
            part = columns[first:last], counts[first:last], pixels[ends[first] : ends[last]]
            row = int(rows[first])
            self._parts.setdefault(row, []).append(part)
            self._have[row] += last - first
            if self._is_whole(row) and not self._given[row]:
                self._whole.append(row)
                self._newest = max(self._newest, row)
        return positions.size

    def take(self) -> list[Block]:
        """Rows that are whole, or too late to be waited for, and what came late."""
        behind = self._newest - self._late
        ready = {row for row in self._parts if self._given[row] or row <= behind}
        ready.update(self._whole)
        self._whole = []
        return self._blocks(sorted(ready))

    def rest(self) -> list[Block]:
        """All that is left, rows that are not whole included."""
        self._whole = []
        return self._blocks(sorted(self._parts))

    def end(self, *notes: str) -> list[Message]:
        """What is left, and the end of the scan with what went wrong."""
        blocks = self.rest()
        return [*blocks, Ended(self.frames, self.lost, (*notes, *self._doubts()))]

    def _is_whole(self, row):
        return self._have[row] >= self.scan_shape[1] * self.frames_per_position

    def _once(self, positions, fresh, numbers):
        """Which frames have not come before; they are counted as come."""
        places = positions[fresh]
        if np.unique(places).size == places.size and not self._seen[places].any():
            self._seen[places] = 1
            self._missing -= places.size
            if numbers is not None:
                self._first[places] = np.asarray(numbers, np.int64)[fresh]
            return fresh
        once = fresh.copy()
        for index in np.flatnonzero(fresh).tolist():
            place = int(positions[index])
            number = -1 if numbers is None else int(numbers[index])
            once[index] = self._is_new(place, number)
        return once

    def _is_new(self, place, number):
        if not self._seen[place]:
            self._first[place] = number
        elif number < 0 or self._first[place] in (-1, number) or (place, number) in self._more:
            self.twice += 1
            return False
        else:
            self._more.add((place, number))
        if self._seen[place] < self.frames_per_position:
            self._missing -= 1
        self._seen[place] += 1
        return True

    def _on_detector(self, counts, pixels):
        """Counts and pixels without those that lie beside the detector."""
        size = self.frame_shape[0] * self.frame_shape[1]
        if not pixels.size or int(pixels.max()) < size:
            return counts, pixels
        inside = pixels < size
        self.off_detector += int(np.count_nonzero(~inside))
        kept = np.concatenate([[0], np.cumsum(inside)])
        ends = np.concatenate([[0], np.cumsum(counts)])
        return np.diff(kept[ends]), pixels[inside]

    def _blocks(self, rows):
        """Blocks of neighbouring rows, which are given with it."""
        blocks, late = [], []
        for row in rows:
            counts, pixels = self._row(self._parts.pop(row))
            if self._given[row]:
                late.append(Late(row, self._events([counts], [pixels])))
                continue
            self._given[row] = True
            if blocks and blocks[-1][0] + len(blocks[-1][1]) == row:
                blocks[-1][1].append(counts)
                blocks[-1][2].append(pixels)
            else:
                blocks.append((row, [counts], [pixels]))
        return [Block(row, self._events(counts, pixels)) for row, counts, pixels in blocks] + late

    def _row(self, parts):
        """(Sx,) electrons at each position of a row, and their pixels, position after position."""
        columns, counts, pixels = (np.concatenate(column) for column in zip(*parts, strict=True))
        if np.any(np.diff(columns) < 0):
            pixels = pixels[regrouped(columns, counts)]
        sums = np.zeros(self.scan_shape[1], np.int64)
        np.add.at(sums, columns, counts)
        return sums, pixels

    def _events(self, counts, pixels):
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
        pixels = pixels[0] if len(pixels) == 1 else np.concatenate(pixels)
        pixels = np.ascontiguousarray(pixels, np.uint32)
        shape = len(counts), self.scan_shape[1]
        return ElectronEvents(pixels, offsets, shape, self.frame_shape, {}, SOURCE)

    def _doubts(self):
        """What went wrong, in sentences."""
        wanted = self._seen.size * self.frames_per_position
        if self.lost:
            yield f"{self.lost} of {wanted} frames did not come: empty."
        if self.twice:
            yield f"{many(self.twice, 'frame')} came twice: counted once."
        if self.outside:
            yield (
                f"{many(self.outside, 'frame')} lay outside the scan of {self.scan_shape[0]} × "
                f"{self.scan_shape[1]} positions: left out."
            )
        if self.off_detector:
            yield (
                f"{many(self.off_detector, 'electron')} lay outside the detector of "
                f"{self.frame_shape[0]} × {self.frame_shape[1]} pixels: left out."
            )
        if several := int(np.count_nonzero(self._seen > self.frames_per_position)):
            yield f"{many(several, 'position')} had more frames than the others: summed."
