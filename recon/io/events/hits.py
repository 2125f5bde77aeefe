"""From hits of an event-driven detector, batch by batch, to the electrons of a scan."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recon.errors import UnreadableFile
from recon.io.events.scan_timing import Timing
from recon.kernels import threads
from recon.kernels.decode import clusters as kernels
from recon.kernels.decode.timepix import PIXEL_BITS, TIME_BITS, TOT_BITS

OPTIONS = {
    "cluster_window_ns": "longest time between two hits of one electron [ns]; 100 unless told, "
    "0 takes each hit for an electron",
}
WINDOW_NS = 100.0
"""Charge drifts through the sensor in tens of ns, and small signals are seen that much later."""
HIT_NS = 25 / 16
BATCH = 1 << 22
"""Hits that are clustered in one go."""
PART = 1 << 16
"""Hits that are sorted on one core."""
SPAN = 1 << (TIME_BITS - 2)
"""Longest duration of a batch, in units of 25/16 ns."""
MOST_BATCHES = 1 << 10
"""Of `SPAN` each: 3.8 hours."""
SPARSEST = 1 << 22
"""Positions that a scan may have however few electrons there are."""


@dataclass(frozen=True)
class Electrons:
    """The electrons of a scan and those that lie in none of its positions.

    Parameters
    ----------
    pixels : (E,) uint32 array
        Linear indices, position after position.
    subpixel : (E,) uint8 array
        Sixteenths of a pixel, y in the high four bits, 8 in the middle.
    offsets : (F + 1,) int64 array
        Where each position begins.
    hits, found : int
        Hits, and electrons found in them.
    before, flyback, after : int
        Electrons before the first position, between lines, and after the last position.
    last : int
        Last position with an electron; -1 without any.
    """

    pixels: np.ndarray
    subpixel: np.ndarray
    offsets: np.ndarray
    hits: int
    found: int
    before: int
    flyback: int
    after: int
    last: int

    def notes(self, timing: Timing) -> tuple[str, ...]:
        """Sentences of doubt about the scan's time."""
        notes = []
        if self.before or self.after:
            notes.append(
                f"{self.before + self.after} of {self.found} electrons came before the scan began "
                f"({self.before}) or after it ended ({self.after}) and are left out."
            )
        lines, width = timing.shape
        if self.found and self.last < (lines - 1) * width:
            notes.append(
                f"No electron came after line {self.last // width + 1} of {lines}: was the "
                "recording stopped early, or is the timing wrong?"
            )
        return tuple(notes)


def window_of(cluster_window_ns=None) -> int:
    """The cluster window in units of 25/16 ns; -1 where each hit is an electron."""
    window = WINDOW_NS if cluster_window_ns is None else cluster_window_ns
    try:
        window = float(window)
    except (TypeError, ValueError, OverflowError):
        window = -1.0
    if not 0 <= window <= 1e6:
        raise UnreadableFile(
            f"the cluster window must be 0 to 1000000 ns, not {str(cluster_window_ns)[:40]}"
        )
    return int(window / HIT_NS) if window > 0 else -1


def in_order(first, last, counts, fetch, progress):
    """Batches of hits in the order of time, of a recording whose chunks overlap in time.

    Parameters
    ----------
    first, last : (C,) int64 array
        Time of the earliest and latest hit of each chunk, in the order of the file.
    counts : (C,) int64 array
        Hits of each chunk, at least one.
    fetch : callable
        Given the chunks as an ascending (N,) index array and two times, returns their hits from
        the first time to before the second, counted from the first (`timepix.pack`).
    progress : callable
        Called with the fraction done.

    Yields
    ------
    See `find_electrons`.
    """
    order = np.argsort(first, kind="stable")
    first, last, counts = first[order], last[order], counts[order]
    latest, total = np.maximum.accumulate(last), np.concatenate([[0], np.cumsum(counts)])
    begin, number = int(first[0]), 0
    while begin is not None:
        number += 1
        if number > MOST_BATCHES + 2 * total[-1] // BATCH:
            raise UnreadableFile("its times run over more than 3 hours: it is damaged")
        ahead = int(np.searchsorted(first, begin))
        reach = int(np.searchsorted(total, total[ahead] + BATCH, side="right")) - 1
        reach = max(reach, int(np.searchsorted(first, begin, side="right")))
        end = begin + SPAN
        if reach < first.size:
            end = min(end, int(first[reach]))
        hits = fetch(np.sort(order[(first < end) & (last >= begin)]), begin, end)
        read = int(np.searchsorted(first, end))
        if read and latest[read - 1] >= end:
            following = end
        else:
            following = int(first[read]) if read < first.size else None
        yield begin, following, hits
        begin = following
        progress(total[read] / total[-1])


def in_order_of_time(hits):
    """(H,) uint64 hits, sorted on all cores."""
    if hits.size < PART:
        return np.sort(hits)
    shift = max(0, int(hits.max()).bit_length() - 8)
    starts, parts = np.empty(257, np.int64), np.empty_like(hits)
    kernels.split(hits, shift, starts, parts)
    with ThreadPoolExecutor(threads()) as pool:
        # NumPy sorts without the interpreter's lock.
        list(pool.map(lambda part: parts[slice(*part)].sort(), pairwise(starts.tolist())))
    return parts


def find_electrons(batches, frame_shape, window):
    """Clusters of hits as electrons, in the order of their earliest hits.

    Parameters
    ----------
    batches : iterable of (int, int or None, (H,) uint64 array)
        First time of a batch, the time at which it ends (None for the last one), both in units
        of 25/16 ns, and its hits in any order, with times from the first (`timepix.pack`).
    frame_shape : (Ky, Kx)
        Detector pixels.
    window : int
        See `window_of`.

    Yields
    ------
    times : (C,) int64 array
        In units of 25/16 ns.
    pixels : (C,) uint32 array
    subpixel : (C,) uint8 array
    """
    left, left_start = np.empty(0, np.uint64), 0
    shift = PIXEL_BITS + TOT_BITS
    for start, end, hits in batches:
        if left.size:
            later = start - left_start
            hits = np.concatenate([left, hits + np.uint64(later << shift)])
            start = left_start
        hits = in_order_of_time(hits)
        # A cluster that spans batch after batch has to end somewhere.
        too_long = end is not None and end - start >= 2 * SPAN
        finish = (1 << 62) if end is None or too_long else end - start
        bounds = kernels.bounds_of(hits)
        parent, unfinished = kernels.connect(hits, bounds, window, finish, frame_shape)
        counts = np.empty(bounds.size - 1, np.int64)
        kernels.count_roots(parent, unfinished, bounds, counts)
        total = int(counts.sum())
        times, pixels = np.empty(total, np.int64), np.empty(total, np.uint32)
        subpixel = np.empty(total, np.uint8)
        kernels.centroids(
            hits,
            parent,
            unfinished,
            bounds,
            window,
            frame_shape[1],
            np.cumsum(counts) - counts,
            times,
            pixels,
            subpixel,
        )
        yield times + start, pixels, subpixel
        left, left_start = kernels.pending(hits, parent, unfinished), start
        if left.size:
            first = int(left[0] >> np.uint64(shift))
            left -= np.uint64(first << shift)
            left_start += first


def arrange(found, hits: int, timing: Timing) -> Electrons:
    """Electrons in the scan positions in whose time they came.

    Parameters
    ----------
    found : iterable
        As from `find_electrons`.
    hits : int
        Of the whole recording: there are no more electrons than these.
    timing : Timing
        When each position was lit.
    """
    size = timing.shape[0] * timing.shape[1]
    if size > max(SPARSEST, 64 * hits):
        raise UnreadableFile(
            "a scan of {} × {} positions is too large for {} hits".format(*timing.shape, hits)
        )
    # Memory that is never written to is never taken from the system.
    pixels, subpixel = np.empty(hits, np.uint32), np.empty(hits, np.uint8)
    where = np.empty(hits, np.int64) if timing.repeat else None
    counts = np.zeros(size, np.int64)
    missed = np.zeros(3, np.int64)
    kept, electrons = 0, 0
    for times, some, fine in found:
        place = np.empty(times.size, np.int64)
        kernels.positions(6 * times, *timing.arguments(), place)
        kernels.tally(place, counts, missed)
        electrons += times.size
        inside = place >= 0
        number = int(np.count_nonzero(inside))
        if number == inside.size:
            inside = slice(None)  # A copy takes a tenth of a choice.
        pixels[kept : kept + number] = some[inside]
        subpixel[kept : kept + number] = fine[inside]
        if where is not None:
            where[kept : kept + number] = place[inside]
        kept += number
    # Shrinks in place: a copy would hold all electrons twice.
    pixels.resize(kept, refcheck=False)
    subpixel.resize(kept, refcheck=False)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    if where is not None:
        loose, loose_subpixel = pixels, subpixel
        pixels, subpixel = np.empty_like(loose), np.empty_like(loose_subpixel)
        kernels.sort_by_position(
            where[:kept], offsets[:-1].copy(), loose, loose_subpixel, pixels, subpixel
        )
    lit = np.flatnonzero(counts)
    before, flyback, after = (int(number) for number in missed)
    last = int(lit[-1]) if lit.size else -1
    return Electrons(pixels, subpixel, offsets, hits, electrons, before, flyback, after, last)
