"""Loops from sorted hits to electrons: connected clusters, their centroids, their positions.

A hit is a word as `recon.kernels.decode.timepix.pack` makes it. Two hits belong together if their
pixels touch (also at a corner, or are the same) and their times differ by no more than the window;
a cluster is what such pairs connect. It is found whatever way the hits are split among cores, so
the result does not depend on their number.
"""

import numpy as np
from numba import njit, prange

from recon.kernels import parallel
from recon.kernels.decode.timepix import PIXEL_BITS, TOT_BITS

PART = 1 << 16
"""Hits that make it worth while to start another part."""
MOST_PARTS = 64


@njit(cache=True, nogil=True)
def _time(hit):
    return np.int64(hit >> np.uint64(PIXEL_BITS + TOT_BITS))


@njit(cache=True, nogil=True)
def _place(hit):
    return np.int64(hit >> np.uint64(TOT_BITS)) & ((1 << PIXEL_BITS) - 1)


@njit(cache=True, nogil=True)
def _root(parent, index):
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index


@njit(cache=True, nogil=True)
def _join(parent, one, other):
    """The earliest hit of a cluster is its root, whatever the order of joining."""
    one, other = _root(parent, one), _root(parent, other)
    if one < other:
        parent[other] = one
    else:
        parent[one] = other


@njit(cache=True, nogil=True)
def _join_neighbours(hits, index, window, height, width, latest, parent):
    """Join a hit with the latest ones on its pixel and the eight around it.

    Earlier hits of those pixels that are within the window are already joined with the latest.
    """
    time, place = _time(hits[index]), _place(hits[index])
    y, x = place // width, place % width
    for row in range(max(y - 1, 0), min(y + 2, height)):
        for column in range(max(x - 1, 0), min(x + 2, width)):
            other = latest[row * width + column]
            if other >= 0 and time - _time(hits[other]) <= window:
                _join(parent, np.int64(index), np.int64(other))


@parallel
def _join_within(hits, bounds, window, height, width, parent):
    for part in prange(bounds.size - 1):
        latest = np.full(height * width, -1, np.int32)
        for index in range(bounds[part], bounds[part + 1]):
            _join_neighbours(hits, index, window, height, width, latest, parent)
            latest[_place(hits[index])] = index


@njit(cache=True, nogil=True)
def _join_across(hits, bounds, window, height, width, parent):
    """Join the hits on both sides of each bound but the first and last."""
    latest = np.full(height * width, -1, np.int32)
    for bound in bounds[1:-1]:
        middle = _time(hits[bound])
        first = bound
        while first > 0 and middle - _time(hits[first - 1]) <= window:
            first -= 1
        for index in range(first, bound):
            latest[_place(hits[index])] = index
        index = bound
        while index < hits.size and _time(hits[index]) - _time(hits[bound - 1]) <= window:
            _join_neighbours(hits, index, window, height, width, latest, parent)
            index += 1
    for index in range(hits.size):
        parent[index] = parent[parent[index]]


@njit(cache=True, nogil=True)
def _open(hits, end, window, parent):
    """Whether each cluster, at its root's index, has to wait for hits from the time `end` on.

    Clusters that begin after one that may go on wait too: electrons come in the order of time.
    """
    unfinished = np.zeros(hits.size, np.bool_)
    index = hits.size - 1
    while index >= 0 and end - _time(hits[index]) <= window:
        unfinished[parent[index]] = True
        index -= 1
    for index in range(1, hits.size):
        unfinished[index] |= unfinished[index - 1]
    return unfinished


@njit(cache=True, nogil=True)
def split(hits, shift, starts, out):
    """Hits by their bits from `shift` on, in stable order, so that parts can be sorted apart.

    `starts` (B + 1,) int64 gets where the hits of each value begin in `out` (H,) uint64.
    """
    starts[:] = 0
    for index in range(hits.size):
        starts[np.int64(hits[index] >> np.uint64(shift)) + 1] += 1
    for value in range(1, starts.size):
        starts[value] += starts[value - 1]
    cursors = starts.copy()
    for index in range(hits.size):
        value = np.int64(hits[index] >> np.uint64(shift))
        out[cursors[value]] = hits[index]
        cursors[value] += 1


def bounds_of(hits):
    """(P + 1,) int64 where each part of the hits begins, and where the last one ends."""
    parts = max(1, min(MOST_PARTS, hits.size // PART))
    return np.arange(parts + 1) * hits.size // parts


def connect(hits, bounds, window, end, shape):
    """Cluster of each hit, and the hits of clusters that may not be complete.

    Parameters
    ----------
    hits : (H,) uint64 array
        Sorted.
    bounds : (P + 1,) int64 array
        Parts, from `bounds_of`.
    window : int
        Longest time between two hits of a pair, in units of 25/16 ns.
    end : int
        Time from which on hits are missing, in the same units.
    shape : (Ky, Kx)
        Detector pixels.

    Returns
    -------
    parent : (H,) int32 array
        Index of the earliest hit of each hit's cluster.
    unfinished : (H,) bool array
        Whether a cluster, at the index of its earliest hit, may go on after `end`.
    """
    parent = np.arange(hits.size, dtype=np.int32)
    _join_within(hits, bounds, window, *shape, parent)
    _join_across(hits, bounds, window, *shape, parent)
    return parent, _open(hits, end, window, parent)


@parallel
def count_roots(parent, unfinished, bounds, out):
    """Finished clusters whose earliest hit lies in each part into `out` (P,) int64."""
    for part in prange(bounds.size - 1):
        number = 0
        for index in range(bounds[part], bounds[part + 1]):
            number += parent[index] == index and not unfinished[index]
        out[part] = number


@parallel
def centroids(hits, parent, unfinished, bounds, window, width, starts, times, pixels, subpixel):
    """One electron for each finished cluster, in the order of its earliest hit.

    Parameters
    ----------
    hits, parent, unfinished, bounds, window
        As in `connect`.
    width : int
        Detector columns.
    starts : (P,) int64 array
        Where each part's electrons begin.
    times : (C,) int64 array
        Time of the earliest hit, in the units of the hits. Filled in place, as are:
    pixels : (C,) uint32 array
        Pixel nearest to the centroid, weighted by time over threshold (at least 1).
    subpixel : (C,) uint8 array
        Centroid from the middle of that pixel in sixteenths plus 8, y in the high four bits.
    """
    for part in prange(bounds.size - 1):
        first, last = bounds[part], bounds[part + 1]
        slot = np.empty(last - first, np.int64)
        number = 0
        for index in range(first, last):
            if parent[index] == index and not unfinished[index]:
                slot[index - first] = number
                number += 1
        sums = np.zeros((number, 3), np.int64)
        index, latest = first, np.int64(-1)
        # Clusters that begin in this part may reach into the next.
        while index < hits.size and (index < last or _time(hits[index]) - latest <= window):
            root = parent[index]
            if first <= root < last:
                latest = _time(hits[index])
                if not unfinished[root]:
                    weight = max(np.int64(hits[index]) & ((1 << TOT_BITS) - 1), 1)
                    place = _place(hits[index])
                    row = sums[slot[root - first]]
                    row[0] += weight
                    row[1] += weight * (place // width)
                    row[2] += weight * (place % width)
            index += 1
        target = starts[part]
        for index in range(first, last):
            if parent[index] == index and not unfinished[index]:
                weight, sum_y, sum_x = sums[slot[index - first]]
                # Sixteenths of a pixel, to the nearest, 8 in the middle of pixel 0.
                y = (32 * sum_y + 17 * weight) // (2 * weight)
                x = (32 * sum_x + 17 * weight) // (2 * weight)
                times[target] = _time(hits[index])
                pixels[target] = (y >> 4) * width + (x >> 4)
                subpixel[target] = (y & 15) << 4 | (x & 15)
                target += 1


@njit(cache=True, nogil=True)
def pending(hits, parent, unfinished):
    """The hits of unfinished clusters."""
    number = 0
    for index in range(hits.size):
        number += unfinished[parent[index]]
    left = np.empty(number, np.uint64)
    number = 0
    for index in range(hits.size):
        if unfinished[parent[index]]:
            left[number] = hits[index]
            number += 1
    return left


BEFORE, FLYBACK, AFTER = -1, -2, -3
"""In place of a scan position: before the first, between two lines, after the last."""


@parallel
def positions(times, marks, delay, lines, width, line_time, dwell, size, repeat, out):
    """Scan position of each electron.

    Parameters
    ----------
    times : (E,) int64 array
        Of the electrons, in units of 25/96 ns.
    marks : (M,) int64 array
        Ascending times at which a known part of the scan begins, in the same units.
    delay : int
        From a mark to its first position.
    lines : int
        Lines of the scan after each mark.
    width : int
        Positions of a line.
    line_time, dwell : float
        From one line to the next, and at each position.
    size : int
        Positions of the scan.
    repeat : bool
        Whether the scan begins anew after its last position; else what follows is AFTER.
    out : (E,) int64 array
        Linear positions, filled in place.
    """
    for index in prange(times.size):
        mark = np.searchsorted(marks, times[index] - delay, side="right") - 1
        if mark < 0:
            out[index] = BEFORE
            continue
        elapsed = float(times[index] - delay - marks[mark])
        # Not floor division, which is many times slower: nothing here is negative.
        line = int(elapsed / line_time)
        column = int(max(elapsed - line * line_time, 0.0) / dwell)
        if line >= lines or column >= width:
            out[index] = AFTER if mark == marks.size - 1 and line >= lines else FLYBACK
            continue
        position = (mark * lines + line) * width + column
        if position >= size:
            position = position % size if repeat else AFTER
        out[index] = position


@njit(cache=True, nogil=True)
def sort_by_position(positions, cursors, pixels, subpixel, out, out_subpixel):
    """Electrons of each position side by side, in the order in which they came.

    `cursors` (P,) int64 is where each position's electrons begin, and is moved along.
    """
    for index in range(positions.size):
        target = cursors[positions[index]]
        cursors[positions[index]] += 1
        out[target] = pixels[index]
        out_subpixel[target] = subpixel[index]


@njit(cache=True, nogil=True)
def tally(positions, counts, missed):
    """Add up electrons by position, and the others by what they are: before, flyback, after."""
    for index in range(positions.size):
        position = positions[index]
        if position >= 0:
            counts[position] += 1
        else:
            missed[-1 - position] += 1
