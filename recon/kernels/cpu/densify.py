"""Events into binned counts, planes first."""

import numpy as np
from numba import prange

from recon.kernels import parallel

LINE = 64
"""Positions that are counted together: a line of the cache, of one byte each."""

CROWDED = 0.25
"""Electrons to a count, above which they are counted line by line."""


def densify(pixels, offsets, lookup, first, counts):
    """Add each electron to `counts` (P, F) of its plane, as `lookup` numbers it from `first`.

    Each thread owns a stretch of positions, so no two write the same place.

    Notes
    -----
    Planes lie a power of two apart, where the scan has such a size: then one position's counts of
    all planes fall into a few places of the cache and drive one another out. Where electrons are
    many, a line of positions is counted in a place of its own first: a third of the time.
    """
    planes, positions = counts.shape
    if offsets[positions] - offsets[0] > CROWDED * planes * positions:
        line_by_line(pixels, offsets, lookup, first, counts)
    else:
        one_by_one(pixels, offsets, lookup, first, counts)


@parallel
def one_by_one(pixels, offsets, lookup, first, counts):
    """`densify` where electrons are few."""
    positions = counts.shape[1]
    parts = 256
    for part in prange(parts):
        for position in range(part * positions // parts, (part + 1) * positions // parts):
            for event in range(offsets[position], offsets[position + 1]):
                plane = lookup[pixels[event]] - first
                if 0 <= plane < counts.shape[0]:
                    counts[plane, position] += 1


@parallel
def line_by_line(pixels, offsets, lookup, first, counts):
    """`densify` where electrons are many."""
    planes, positions = counts.shape
    lines = (positions + LINE - 1) // LINE
    parts = 64
    for part in prange(parts):
        gathered = np.zeros((planes, LINE), counts.dtype)
        for line in range(part * lines // parts, (part + 1) * lines // parts):
            start = LINE * line
            size = min(LINE, positions - start)
            for place in range(size):
                for event in range(offsets[start + place], offsets[start + place + 1]):
                    plane = lookup[pixels[event]] - first
                    if 0 <= plane < planes:
                        gathered[plane, place] += 1
            for plane in range(planes):
                for place in range(size):
                    counts[plane, start + place] += gathered[plane, place]
                    gathered[plane, place] = 0


@parallel
def widen(counts, out):
    """Copy `counts` (P, Sy, Sx) to single precision."""
    for row in prange(out.shape[1]):
        for plane in range(out.shape[0]):
            for column in range(out.shape[2]):
                out[plane, row, column] = counts[plane, row, column]
