"""Rows of a scan from the times of its electrons and of the triggers that mark them."""

from dataclasses import replace

import numpy as np

from recon.errors import UnreadableFile
from recon.io.events.scan_timing import metadata_of, timing_of
from recon.io.events.timepix3 import EDGES
from recon.kernels.decode import clusters
from recon.live.packets import Found
from recon.live.source import Began, Block, Ended, Late, LiveError, Message, many
from recon.live.whole_rows import SOURCE
from recon.scan.events import ElectronEvents

MARGIN = 6 << 16
"""Time after the end of a row in which an electron of it may still be joined [25/96 ns]."""


class TimedRows:
    """Scans that follow each other in time.

    Parameters
    ----------
    scan_shape : (Sy, Sx)
    options : dict
        How the scan is timed: `recon.io.events.scan_timing.OPTIONS`, but `repeat`, which sums.
    placed : bool
        Whether places in the pixel are told.
    first_number : int
        Of the scans.

    Raises
    ------
    LiveError
        If the timing is not told, or makes no sense.
    """

    def __init__(self, scan_shape, options, placed: bool, first_number: int = 1):
        if options.get("repeat"):
            raise LiveError("Live scans are kept one by one: `repeat` is for files.")
        if scan_shape is None:
            raise LiveError(
                "Timepix3 does not say how the beam was scanned: give the scan shape, and the "
                "dwell time or what triggers mark."
            )
        self.trigger, self._what = options.get("trigger"), options.get("trigger_marks") or "line"
        any_time = np.zeros(1, np.int64)
        try:
            edges = dict.fromkeys(EDGES.values(), any_time)
            self._timing, _ = timing_of(scan_shape, options, edges, (0, ""), 0)
        except UnreadableFile as error:
            raise LiveError(f"Of the scan's timing: {error}.") from error
        if self.trigger is None:
            self._what = "scan"
        height, width = self._timing.shape
        self._marks = {"line": height, "scan": 1, "position": height * width}[self._what]
        self._metadata, self._placed = metadata_of(options), placed
        self._number, self._missed, self._rows = first_number, 0, None
        self._scans, self._held, self._last = 0, [], -1

    def take(
        self, found: Found, marks, until: int, frame_shape, last: bool = False
    ) -> list[Message]:
        """What electrons and triggers tell.

        Parameters
        ----------
        found : Found
            Electrons; none that come later are before `until`, but few.
        marks : (M,) int64 array
            All triggers so far, or the one beginning of the scan [25/96 ns].
        until : int
            Time up to which all is known [25/16 ns].
        frame_shape : (Ky, Kx)
        last : bool
            Whether nothing more comes.
        """
        until, messages = 6 * until, []
        marks = marks if last else marks[marks <= until]
        while True:
            first = self._scans * self._marks
            here, following = np.split(marks[first:], [self._marks])
            if not here.size:
                self._missed += found.times.size
                return messages
            if self._rows is None:
                self._rows, self._last = 0, -1
                shape = self._timing.shape
                messages.append(Began(shape, frame_shape, self._number, dict(self._metadata)))
            border = following[0] + self._timing.delay if following.size else 1 << 62
            inside = 6 * found.times < border
            messages += self._held_back(Found(*(c[inside] for c in found)), here, frame_shape)
            height = self._timing.shape[0]
            whole = height if following.size else self._whole(here, until - MARGIN)
            messages += self._given(min(whole, height), frame_shape)
            if self._rows < height and not last:
                return messages
            found = Found(*(c[~inside] for c in found))
            messages += self._end(frame_shape)

    def _held_back(self, found, marks, frame_shape):
        """Hold electrons until their rows are over; what comes later is given."""
        places = np.empty(found.times.size, np.int64)
        timing = replace(self._timing, marks=marks)
        clusters.positions(6 * found.times, *timing.arguments(), places)
        self._missed += int(
            np.count_nonzero((places == clusters.BEFORE) | (places == clusters.AFTER))
        )
        given = self._rows * timing.shape[1]
        late, coming = (places >= 0) & (places < given), places >= given
        if coming.any():
            self._held.append((places[coming], found.pixels[coming], found.subpixel[coming]))
            self._last = max(self._last, int(places[coming].max()))
        rows, messages = places // timing.shape[1], []
        for row in np.unique(rows[late]):
            some = late & (rows == row)
            columns = places[some], found.pixels[some], found.subpixel[some]
            messages.append(
                Late(int(row), self._events(int(row), int(row) + 1, columns, frame_shape))
            )
        return messages

    def _whole(self, marks, until):
        """Rows whose time is over."""
        timing = self._timing
        if self._what == "position":
            return (marks.size - 1) // timing.shape[1]
        row_time = timing.delay + timing.shape[1] * timing.dwell
        if self._what == "line":
            return int(np.count_nonzero(marks + row_time <= until))
        return max(int((until - marks[0] - row_time) // timing.line_time) + 1, 0)

    def _given(self, until, frame_shape):
        """A block of the rows up to one."""
        first = self._rows
        if until <= first:
            return []
        self._rows = until
        none = np.empty(0, np.int64), np.empty(0, np.uint32), np.empty(0, np.uint8)
        places, *rest = (np.concatenate(column) for column in zip(none, *self._held, strict=True))
        now = places < until * self._timing.shape[1]
        self._held = [(places[~now], *(column[~now] for column in rest))]
        columns = places[now], *(column[now] for column in rest)
        return [Block(first, self._events(first, until, columns, frame_shape))]

    def _events(self, first, last, columns, frame_shape):
        places, pixels, subpixel = columns
        width = self._timing.shape[1]
        if np.any(np.diff(places) < 0):
            order = np.argsort(places, kind="stable")
            places, pixels, subpixel = places[order], pixels[order], subpixel[order]
        counts = np.bincount(places - first * width, minlength=(last - first) * width)
        return ElectronEvents(
            pixels,
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            (last - first, width),
            frame_shape,
            {},
            SOURCE,
            subpixel=subpixel if self._placed else None,
        )

    def _end(self, frame_shape):
        """The rest of the scan, and its end."""
        (height, width), whole = self._timing.shape, self._rows
        messages = self._given(self._last // width + 1, frame_shape)
        frames = max(whole * width, self._last + 1)
        notes = []
        if frames < height * width:
            notes.append(f"The stream ended in row {frames // width} of {height}.")
        if self._missed:
            missed = many(self._missed, "electron")
            notes.append(f"{missed} came before the scan began or after it was over: left out.")
        self._number, self._scans = self._number + 1, self._scans + 1
        self._missed, self._rows, self._held, self._last = 0, None, [], -1
        return [*messages, Ended(frames, height * width - frames, tuple(notes))]
