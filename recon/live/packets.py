"""Electrons from raw Timepix3 packets that come piece by piece.

The same packets, clusters and times as `recon.io.events.timepix3` finds in a file, however the
stream is cut. Chips send their chunks in no order of time; hits are therefore held until the
stream has gone on by `LAG`, and what comes later than that is told apart.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from recon.io.events.hits import HIT_NS, find_electrons
from recon.io.events.timepix3 import CHIPS, CHUNKS, EDGES
from recon.kernels.decode import timepix as kernels
from recon.live.source import many

LAG = 1 << 25
"""In units of 25/16 ns: 52 ms."""
STEP = 1 << 20
"""Least time that is worked on in one go: 1.6 ms."""
LAG_MS = LAG * HIT_NS * 1e-6


class Found(NamedTuple):
    """Electrons in the order of their earliest hits."""

    times: np.ndarray
    """(E,) int64, in units of 25/16 ns."""
    pixels: np.ndarray
    """(E,) uint32 linear indices."""
    subpixel: np.ndarray
    """(E,) uint8, see `recon.scan.events`."""


NONE = Found(np.empty(0, np.int64), np.empty(0, np.uint32), np.empty(0, np.uint8))


class Packets:
    """What a stream of packets holds.

    Parameters
    ----------
    window : int
        See `recon.io.events.hits.window_of`.
    quad : bool
        Whether there are four chips for certain; else it is what the first electrons say.

    Attributes
    ----------
    begin : int or None
        When the scan begins if no trigger says so [25/16 ns]: the shutter's opening or the first
        hit; None before the first electrons.
    done : int or None
        Time before which all electrons have been given [25/16 ns].
    late : int
        Hits that came later than that; the electrons of them are given nevertheless.
    """

    def __init__(self, window: int, quad: bool = False):
        self.window, self.quad = window, quad
        self.begin = self.done = None
        self.late = self.stray = self.unknown = self.untimed = self.foreign = 0
        self._rest, self._reference = bytearray(), np.array([-1, -1, 0], np.int64)
        self._newest, self._opened = -1, -1
        self._chunks: list = []
        self._late: list = []
        self._triggers = {name: np.empty(0, np.int64) for name in EDGES.values()}
        self._batches: deque = deque()
        self._electrons = None

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Detector pixels, once electrons were found."""
        return ((1 + self.quad) * kernels.CHIP,) * 2

    def feed(self, data) -> None:
        """Take bytes of the stream, cut anywhere."""
        # Words that may be written, as those of a file: Numba has one kernel for both.
        data = self._rest + data
        words = np.frombuffer(data, "<u8", len(data) // 8)
        place = 0
        while place < words.size:
            table = np.zeros((min(CHUNKS, words.size), 10), np.int64)
            number, after, stray = kernels.walk(words, place, table)
            table = table[:number].copy()
            if after > words.size:  # the last chunk goes on in what is to come
                after = int(table[-1, kernels.START]) - 1
                table = table[:-1]
            if after == place:
                break
            self.stray += stray
            place = after
            self._take(words, table)
        self._rest = data[8 * place :]

    def ready(self) -> Found:
        """Electrons of which nothing more can come."""
        begin = self._earliest() if self.done is None else self.done
        if begin is None or self._newest - LAG - begin < STEP:
            return NONE
        return self._until(self._newest - LAG)

    def rest(self) -> Found:
        """All electrons that are left; the stream is over."""
        if self.done is None and not self._chunks:
            return NONE
        latest = [int(table[:, kernels.LAST].max()) + 1 for _, table in self._chunks]
        return self._until(max(*latest, self._newest, self.done or 0), last=True)

    def triggers(self, name: str) -> np.ndarray:
        """(T,) int64 ascending times of the edges of that name [25/96 ns], as far as known."""
        return self._triggers[name]

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences of doubt about the packets."""
        doubts = (
            (self.stray, "word", "of no chunk"),
            (self.unknown, "packet", "of unknown kind"),
            (self.untimed, "hit", "of a mode without time (integrated ToT)"),
            (self.foreign, "hit", "of chips that were not there in the beginning"),
        )
        notes = [f"{many(n, what)} {kind}: left out." for n, what, kind in doubts if n]
        if self.late:
            notes.append(
                f"{many(self.late, 'hit')} came more than {LAG_MS:.0f} ms late: joined into "
                "electrons for themselves."
            )
        return tuple(notes)

    def _take(self, words, table):
        kernels.survey(words, table)
        kernels.unroll(table, self._reference)
        kernels.extent(words, table)
        self._newest = max(self._newest, int(self._reference[0]))
        number = int(table[:, kernels.TRIGGERS].sum())
        if number:
            kinds, times = np.empty(number, np.uint8), np.empty(number, np.int64)
            kernels.triggers(words, table, kinds, times)
            for kind, name in EDGES.items():
                more = times[kinds == kind]
                if more.size:
                    # Several chips may have passed on the same edge.
                    self._triggers[name] = np.union1d(self._triggers[name], more)
        if self._opened < 0:
            self._opened = int(kernels.shutter(words, table))
        self.untimed += int(table[:, kernels.UNTIMED].sum())
        self.unknown += int(table[:, kernels.UNKNOWN].sum())
        chips = table[:, kernels.CHIP_INDEX]
        if self.done is None:
            self.quad |= bool(np.any((chips > 0) & (chips < CHIPS)))
        known = chips < (CHIPS if self.quad or self.done is None else 1)
        self.foreign += int(table[~known, kernels.HITS].sum())
        table = table[known & (table[:, kernels.HITS] > 0)]
        if not len(table):
            return
        self._chunks.append((words, table))
        if self.done is not None and table[:, kernels.FIRST].min() < self.done:
            begin = int(table[:, kernels.FIRST].min())
            hits = self._hits_of(words, table, begin, self.done)
            self.late += hits.size
            self._late.append((begin, None, hits))

    def _earliest(self):
        """Time of the earliest hit that is held, or None."""
        return min((int(t[:, kernels.FIRST].min()) for _, t in self._chunks), default=None)

    def _until(self, end, last=False):
        """Electrons before a time, late ones first."""
        if self.done is None:
            self.begin = self.done = self._earliest()
            if self._opened >= 0:
                # Its packet may come before any that tells how often the clock began anew.
                self.begin -= (self.begin - self._opened) % kernels.PERIOD
        late, self._late = self._late, []
        found = [e for one in late for e in find_electrons([one], self.frame_shape, self.window)]
        hits = [self._hits_of(*some, self.done, end) for some in self._chunks]
        hits = np.concatenate([np.empty(0, np.uint64), *hits])
        self._batches.append((self.done, None if last else end, hits))
        if self._electrons is None:
            batches = iter(self._batches.popleft, None)
            self._electrons = find_electrons(batches, self.frame_shape, self.window)
        found.append(next(self._electrons))
        self.done = end
        self._chunks = [some for some in self._chunks if some[1][:, kernels.LAST].max() >= end]
        return Found(*map(np.concatenate, zip(*found, strict=True)))

    def _hits_of(self, words, table, begin, end):
        """Hits of chunks with begin <= time < end, counted from `begin`."""
        some = table[(table[:, kernels.FIRST] < end) & (table[:, kernels.LAST] >= begin)]
        counts = np.empty(len(some), np.int64)
        kernels.count(words, some, begin, end, counts)
        hits = np.empty(int(counts.sum()), np.uint64)
        starts = np.cumsum(counts) - counts
        kernels.extract(words, some, begin, end, self.quad, starts, hits)
        return hits
