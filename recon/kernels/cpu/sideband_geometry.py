"""Which entries G(k, q) lie in a sideband, found row by row of q as runs of neighbouring q.

A pixel is judged at its 4 × 4 sub-points: `here` has a bit for each sub-point k' with
|k'| < k0 and |k' - q| < k0 (the term A*(k) A(k - q)), `there` for |k'| < k0 and |k' + q| < k0
(the term A(k) A*(k + q)). An entry is kept where the two differ, which is where one sideband
leaves a trace, and where the pixel's centre lies in a sideband; where both cover the pixel
alike (triple overlap) only if asked.
"""

from math import ceil, floor, sqrt

import numpy as np
from numba import njit, prange

from recon.kernels import parallel

RIGHT, LEFT, RIGHT_PART, LEFT_PART, TWO_TERMS, TRIPLE = 1, 2, 3, 4, 5, 6
"""Kinds of runs: which terms cover the pixel, wholly or in part."""

FULL = np.uint16(0xFFFF)
BITS = 16


@njit(cache=True)
def _interval(centre, y, k0, step, columns):
    """Columns with |centre - column * step| < sqrt(k0² - y²), as a half-open range."""
    rest = k0 * k0 - y * y
    if rest <= 0:
        return 0, 0
    half = sqrt(rest)
    start = max(0, floor((centre - half) / step) + 1)
    stop = min(columns, ceil((centre + half) / step))
    return start, max(start, stop)


@njit(cache=True)
def _mark(masks, k_y, k_x, q_y, sign, points, k0, step):
    """Set the bits of one term for one pixel and one row of q; the range of columns touched."""
    columns = masks.size
    low, high = columns, 0
    for bit in range(BITS):
        y, x = k_y + points[0, bit], k_x + points[1, bit]
        if y * y + x * x >= k0 * k0:
            continue
        start, stop = _interval(sign * x, y - sign * q_y, k0, step, columns)
        if stop > start:
            flag = np.uint16(1 << bit)
            touched = masks[start:stop]
            for column in range(touched.size):
                touched[column] |= flag
            low, high = min(low, start), max(high, stop)
    return low, high


@njit(cache=True)
def kind_of(here, there, side, triple):
    """Kind of run an entry belongs to; 0 if it is not kept."""
    if here == there and side != RIGHT and side != LEFT:
        return TRIPLE if triple and here else 0
    if there == 0:
        return RIGHT if here == FULL else RIGHT_PART
    if here == 0:
        return LEFT if there == FULL else LEFT_PART
    return TWO_TERMS


@njit(cache=True)
def side_of(column, right, left, triple):
    """RIGHT, LEFT or (if asked) TRIPLE by the pixel's centre alone; 0 outside.

    `right` and `left` are the columns where the centre lies in the disc around q and -q.
    """
    here, there = right[0] <= column < right[1], left[0] <= column < left[1]
    if here and there:
        return TRIPLE if triple else 0
    return RIGHT if here else (LEFT if there else 0)


@njit(cache=True)
def _run_end(labels, start, high):
    """First column from `start` whose label differs from that at `start`."""
    stop = start + 1
    while stop < high and labels[stop] == labels[start]:
        stop += 1
    return stop


@njit(cache=True)
def _scan_row(q_y, geometry, lines, totals, tables):
    """Find the runs of one row of q; only count them while the tables are empty.

    `totals` (runs, hard runs, entries, masks) is where the row begins in each table and is
    moved to where it ends.
    """
    _, k, points, k0, step, _, triple = geometry
    runs, hard, hard_at, masks = tables
    write = runs.shape[0] > 0
    here, there, kinds, sides = lines[0], lines[1], lines[2], lines[3]
    columns = here.size
    row_entries = totals[2]
    for plane in range(k.shape[1]):
        k_y, k_x = k[0, plane], k[1, plane]
        low, high = _mark(here, k_y, k_x, q_y, 1.0, points, k0, step)
        low_there, high_there = _mark(there, k_y, k_x, q_y, -1.0, points, k0, step)
        right, left = (0, 0), (0, 0)
        if k_y * k_y + k_x * k_x < k0 * k0:
            right = _interval(k_x, k_y - q_y, k0, step, columns)
            left = _interval(-k_x, k_y + q_y, k0, step, columns)
        low, high = max(0, min(low, low_there) - 1), min(columns, max(high, high_there) + 1)
        for column in range(low, high):
            side = side_of(column, right, left, triple)
            if q_y == 0.0 and column == 0:
                kinds[column], sides[column] = 0, 0
            else:
                sides[column] = side
                kinds[column] = kind_of(here[column], there[column], side, triple)
        column = low
        while column < high:
            stop = _run_end(kinds, column, high)
            kind, length = kinds[column], stop - column
            if kind:
                # Sides only lie in kept entries: their place follows from the run's.
                inner = column
                while inner < stop:
                    inner_stop = _run_end(sides, inner, stop)
                    if sides[inner]:
                        if write:
                            hard[totals[1], 0] = plane
                            hard[totals[1], 1] = inner
                            hard[totals[1], 2] = inner_stop - inner
                            hard[totals[1], 3] = sides[inner]
                            hard_at[totals[1]] = totals[2] - row_entries + inner - column
                        totals[1] += 1
                    inner = inner_stop
                if write:
                    runs[totals[0], 0] = plane
                    runs[totals[0], 1] = column
                    runs[totals[0], 2] = length
                    runs[totals[0], 3] = kind
                totals[0] += 1
                totals[2] += length
                if kind in (RIGHT_PART, TWO_TERMS, TRIPLE):
                    if write:
                        masks[totals[3] : totals[3] + length] = here[column:stop]
                    totals[3] += length
                if kind in (LEFT_PART, TWO_TERMS, TRIPLE):
                    if write:
                        masks[totals[3] : totals[3] + length] = there[column:stop]
                    totals[3] += length
            column = stop
        here[low:high] = 0
        there[low:high] = 0


@parallel
def find_runs(geometry, first, tables):
    """Count (with empty tables) or fill the tables of runs of every row of q.

    Parameters
    ----------
    geometry : Geometry
    first : (4, Sy + 1) int64
        When counting, receives each row's numbers of runs, hard runs, entries and masks in
        [:, 1:]; when filling, holds where each row begins.
    tables : Tables
    """
    q_y, columns = geometry.q_y, geometry.columns
    rows = q_y.size
    parts = 64
    for part in prange(parts):
        lines = np.zeros((4, columns), np.uint16)
        totals = np.zeros(4, np.int64)
        # Rows near DC are the long ones: dealt out in turn, they load all threads alike.
        for row in range(part, rows, parts):
            if tables.runs.shape[0] > 0:
                totals[:] = first[:, row]
            else:
                totals[:] = 0
            _scan_row(q_y[row], geometry, lines, totals, tables)
            if tables.runs.shape[0] == 0:
                first[:, row + 1] = totals
