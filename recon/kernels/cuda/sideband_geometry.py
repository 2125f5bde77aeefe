"""Which entries G(k, q) lie in a sideband, found on a CUDA device.

The twin of `recon.kernels.cpu.sideband_geometry.find_runs`: the same tables, bit by bit. So this is
the one kernel that is meant to compute in double precision, as the CPU does, and the squares in
it are rounded before they are added: a pixel on the aperture's very edge must fall to the same
side on both devices.

A block owns a row of q, a thread a pixel of it. Along a row each of the pixel's 16 sub-points is
in either term for one interval of columns, and so is its centre: 34 intervals, in shared memory.
Between the ends of these intervals nothing changes; a thread walks from one end to the next (at
most 68, whatever the number of columns), and compares each time with all 34. A row's pixels are
counted first, added up, and then walked again to be written, once more where sub-points are
noted: 3-4 walks in all for counting and filling, some 10⁴ instructions each, for each row within
2 k0 and each pixel. Only masks are written column by column. Neighbouring threads write
neighbouring places, no two the same one: nothing is atomic.
"""

from math import ceil, floor, sqrt

import numpy as np
from numba import config, cuda, int64, uint32

from recon.kernels.cpu.sideband_geometry import (
    BITS,
    LEFT_PART,
    RIGHT_PART,
    TRIPLE,
    TWO_TERMS,
    kind_of,
    side_of,
)
from recon.kernels.formulas import larger, smaller

THREADS = 128
SPANS = 2 * BITS + 2
CENTRE = 2 * BITS
"""First of the two intervals of the pixel's centre; those of its sub-points stand before."""

COUNTED = 4
"""Runs, hard runs, entries and masks."""

if config.ENABLE_CUDASIM:

    @cuda.jit(device=True)
    def _square(x):
        return x * x

else:
    from numba.cuda import libdevice

    @cuda.jit(device=True)
    def _square(x):
        """x², rounded as it stands: the compiler may not fuse it with the sum that it goes into."""
        return libdevice.dmul_rn(x, x)


@cuda.jit(device=True)
def _note(spans, span, thread, centre, y, k0, step, columns):
    """Columns with |centre - column * step| < sqrt(k0² - y²) into `spans`; first one, and end.

    See `recon.kernels.cpu.sideband_geometry`; the empty interval has its first column at the end.
    """
    start, stop = columns, 0
    rest = _square(k0) - _square(y)
    if rest > 0:
        half = sqrt(rest)
        start = smaller(larger(np.int64(floor((centre - half) / step)) + 1, 0), columns)
        stop = smaller(np.int64(ceil((centre + half) / step)), columns)
    if start >= stop:
        spans[span, thread] = 0
        return columns, 0
    spans[span, thread] = start | stop << 16
    return start, stop


@cuda.jit(device=True)
def _note_all(spans, thread, k_y, k_x, q_y, points, k0, step, columns):
    """Note the intervals of a pixel in one row of q; the columns to walk, as a half-open range."""
    low, high = columns, 0
    edge = _square(k0)
    for bit in range(BITS):
        y, x = k_y + points[0, bit], k_x + points[1, bit]
        if _square(y) + _square(x) < edge:
            start, stop = _note(spans, bit, thread, x, y - q_y, k0, step, columns)
            low, high = smaller(low, start), larger(high, stop)
            start, stop = _note(spans, BITS + bit, thread, -x, y + q_y, k0, step, columns)
            low, high = smaller(low, start), larger(high, stop)
        else:
            spans[bit, thread] = 0
            spans[BITS + bit, thread] = 0
    if _square(k_y) + _square(k_x) < edge:
        _note(spans, CENTRE, thread, k_x, k_y - q_y, k0, step, columns)
        _note(spans, CENTRE + 1, thread, -k_x, k_y + q_y, k0, step, columns)
    else:
        spans[CENTRE, thread] = 0
        spans[CENTRE + 1, thread] = 0
    return larger(0, low - 1), smaller(columns, high + 1)


@cuda.jit(device=True)
def _covering(spans, first_span, thread, column, high):
    """Bits of the 16 intervals that hold a column, and the next column where that may change."""
    bits, following = np.int32(0), np.int32(high)
    column = np.int32(column)
    for bit in range(BITS):
        ends = spans[first_span + bit, thread]
        start, stop = np.int32(ends & 0xFFFF), np.int32(ends >> 16)
        if column < start:
            following = smaller(following, start)
        elif column < stop:
            bits = np.int32(bits | np.int32(1 << bit))
            following = smaller(following, stop)
    return bits, following


@cuda.jit(device=True)
def _centre_within(spans, span, thread, column, high):
    """First column and end of an interval of the centre, and the next of these after `column`."""
    ends = np.int64(spans[span, thread])
    start, stop = ends & 0xFFFF, ends >> 16
    following = high
    if column < start:
        following = smaller(following, start)
    elif column < stop:
        following = smaller(following, stop)
    return start, stop, following


@cuda.jit(device=True)
def _stretch(spans, thread, column, high, at_dc, triple):
    """Kind and side of the entries from `column` on, and the first column that may be of others."""
    here, after_here = _covering(spans, 0, thread, column, high)
    there, after_there = _covering(spans, BITS, thread, column, high)
    r_start, r_stop, after_right = _centre_within(spans, CENTRE, thread, column, high)
    l_start, l_stop, after_left = _centre_within(spans, CENTRE + 1, thread, column, high)
    following = smaller(smaller(after_here, after_there), smaller(after_right, after_left))
    if at_dc and column == 0:
        return 0, 0, 1
    side = side_of(column, (r_start, r_stop), (l_start, l_stop), triple)
    kind = kind_of(here, there, side, triple)
    # Sides only lie in kept entries.
    return kind, (side if kind != 0 else 0), following


@cuda.jit(device=True)
def _write_masks(spans, first_span, thread, start, stop, masks, at):
    """Write the bits of one term for the columns of a run."""
    column = start
    while column < stop:
        bits, following = _covering(spans, first_span, thread, column, stop)
        for place in range(column, following):
            masks[at + place - start] = bits
        column = following


@cuda.jit(device=True)
def _walk(spans, thread, low, high, at_dc, triple):
    """Numbers of runs, hard runs, entries and masks of the pixel whose intervals were noted."""
    runs, hards, entries, noted = 0, 0, 0, 0
    kind, side, column = 0, 0, low
    while column < high:
        new_kind, new_side, following = _stretch(spans, thread, column, high, at_dc, triple)
        if new_kind != 0:
            length = following - column
            entries += length
            if new_kind in (RIGHT_PART, TWO_TERMS, TRIPLE):
                noted += length
            if new_kind in (LEFT_PART, TWO_TERMS, TRIPLE):
                noted += length
            if new_kind != kind:
                runs += 1
            if new_side != 0 and (new_side != side or new_kind != kind):
                hards += 1
        kind, side, column = new_kind, new_side, following
    return runs, hards, entries, noted


@cuda.jit(device=True)
def _write(
    spans, thread, low, high, at_dc, triple, plane, places, origin, runs, hard, hard_at, masks
):
    """Write the runs of the pixel whose intervals were noted, from its `places` in the tables on.

    `origin` is the row's first entry.
    """
    run, hard_run, entry, noted = places
    kind, run_start, side, side_start = 0, low, 0, low
    column = low
    # The step beyond the last column ends what is under way.
    while column <= high:
        new_kind, new_side, following = 0, 0, high + 1
        if column < high:
            new_kind, new_side, following = _stretch(spans, thread, column, high, at_dc, triple)
        if new_side != side or new_kind != kind:
            if side != 0:
                hard[hard_run, 0] = plane
                hard[hard_run, 1] = side_start
                hard[hard_run, 2] = column - side_start
                hard[hard_run, 3] = side
                hard_at[hard_run] = entry - origin + side_start - run_start
                hard_run += 1
            side, side_start = new_side, column
        if new_kind != kind:
            if kind != 0:
                length = column - run_start
                runs[run, 0] = plane
                runs[run, 1] = run_start
                runs[run, 2] = length
                runs[run, 3] = kind
                run += 1
                entry += length
                if kind in (RIGHT_PART, TWO_TERMS, TRIPLE):
                    _write_masks(spans, 0, thread, run_start, column, masks, noted)
                    noted += length
                if kind in (LEFT_PART, TWO_TERMS, TRIPLE):
                    _write_masks(spans, BITS, thread, run_start, column, masks, noted)
                    noted += length
            kind, run_start = new_kind, column
        column = following


@cuda.jit
def _count_runs(q_y, k, points, k0, step, columns, triple, first):
    spans = cuda.shared.array((SPANS, THREADS), uint32)
    sums = cuda.shared.array((COUNTED, THREADS), int64)
    thread, row = cuda.threadIdx.x, cuda.blockIdx.x
    q = q_y[row]
    runs, hards, entries, noted = 0, 0, 0, 0
    for plane in range(thread, k.shape[1], THREADS):
        low, high = _note_all(spans, thread, k[0, plane], k[1, plane], q, points, k0, step, columns)
        found = _walk(spans, thread, low, high, q == 0, triple)
        runs += found[0]
        hards += found[1]
        entries += found[2]
        noted += found[3]
    sums[0, thread], sums[1, thread] = runs, hards
    sums[2, thread], sums[3, thread] = entries, noted
    cuda.syncthreads()
    if thread < COUNTED:
        total = np.int64(0)
        for other in range(THREADS):
            total += sums[thread, other]
        first[thread, row + 1] = total


@cuda.jit
def _fill_runs(q_y, k, points, k0, step, columns, triple, first, runs, hard, hard_at, masks):
    spans = cuda.shared.array((SPANS, THREADS), uint32)
    sums = cuda.shared.array((COUNTED, THREADS), int64)
    ends = cuda.shared.array(COUNTED, int64)
    thread, row = cuda.threadIdx.x, cuda.blockIdx.x
    q, origin = q_y[row], first[2, row]
    if thread < COUNTED:
        ends[thread] = first[thread, row]
    begin = 0
    while begin < k.shape[1]:
        plane = begin + thread
        low, high = 0, 0
        found = 0, 0, 0, 0
        if plane < k.shape[1]:
            low, high = _note_all(
                spans, thread, k[0, plane], k[1, plane], q, points, k0, step, columns
            )
            found = _walk(spans, thread, low, high, q == 0, triple)
        sums[0, thread], sums[1, thread] = found[0], found[1]
        sums[2, thread], sums[3, thread] = found[2], found[3]
        cuda.syncthreads()
        # Where each pixel's own begin: four sums, of which each is left to one thread.
        if thread < COUNTED:
            place = ends[thread]
            for other in range(THREADS):
                number = sums[thread, other]
                sums[thread, other] = place
                place += number
            ends[thread] = place
        cuda.syncthreads()
        if found[0] > 0:
            places = sums[0, thread], sums[1, thread], sums[2, thread], sums[3, thread]
            _write(
                spans,
                thread,
                low,
                high,
                q == 0,
                triple,
                plane,
                places,
                origin,
                runs,
                hard,
                hard_at,
                masks,
            )
        cuda.syncthreads()
        begin += THREADS


def find_runs(geometry, first, tables):
    """Count (with empty tables) or fill the tables of runs of every row of q.

    Parameters are those of `recon.kernels.cpu.sideband_geometry.find_runs`, on the device, `first`
    among them.
    """
    grid = geometry.q_y.size, THREADS
    if tables.runs.shape[0] == 0:
        _count_runs[grid](*geometry, first)
    else:
        _fill_runs[grid](*geometry, first, *tables)
