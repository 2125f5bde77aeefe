"""Scores of many first-order aberrations at once."""

from math import cos, log1p, pi, sin
from typing import Any, NamedTuple

import numpy as np
from numba import prange

from recon.kernels import parallel


class Entries(NamedTuple):
    """Entries of G, each at a pixel.

    Attributes
    ----------
    values, weights : (E,) complex128, float64
        Entries and their variances; those of frequency m are `starts[m]:starts[m + 1]`.
    right, left : (E,) float64
        1 where the first and where the second term of γ is there, less at an edge.
    place : (2, E) int64
        Row and column of each entry's pixel.
    starts : (M + 1,) int64
    """

    values: Any
    weights: Any
    right: Any
    left: Any
    place: Any
    starts: Any


@parallel(fastmath=True)
def slope_gains(entries, counts, powers, side, origin, q, maps):
    """Fill `maps` (M, S, S) float32 with the gain of each frequency for each slope of its phase.

    Parameters
    ----------
    entries : Entries
        Of rows and columns from 0 to `side` - 1.
    counts, powers : (M,) float64
        Entries that each frequency is judged by, and Σ |G|² / w of them: those that are given, or
        more, of which the others are taken for noise.
    origin : (2,) float64
        Where pixel (0, 0) lies (y, x), in pixels.
    q : (2, M) float64
        Frequencies (y, x) in pixels.
    maps
        Slopes are i / S turns per pixel along (y, x), in FFT order. See `defocus_search`.
    """
    values, weights, right, left, place, starts = entries
    size = maps.shape[1]
    # exp(-2πi slope (origin + n)) along each axis.
    waves = np.empty((2, side, size), np.complex128)
    for axis in range(2):
        for n in range(side):
            for s in range(size):
                slope = (s if 2 * s < size else s - size) / size
                angle = -2 * pi * slope * (origin[axis] + n)
                waves[axis, n, s] = complex(cos(angle), sin(angle))
    for m in prange(starts.size - 1):
        first = np.zeros((side, size), np.complex128)
        second = np.zeros((side, size), np.complex128)
        count, power = counts[m], powers[m]
        all_weight, one, both = 0.0, 0.0, 0.0
        for e in range(starts[m], starts[m + 1]):
            value, weight = values[e], weights[e]
            all_weight += weight
            one += weight * (right[e] ** 2 + left[e] ** 2)
            both += weight * right[e] * left[e]
            row, column = place[0, e], place[1, e]
            for s in range(size):
                part = value * waves[1, column, s]
                first[row, s] += right[e] * part
                second[row, s] += left[e] * part
        totals = np.empty((2, size), np.complex128)
        turns = np.empty((2, size), np.complex128)
        for axis in range(2):
            for s in range(size):
                slope = (s if 2 * s < size else s - size) / size
                angle = pi * slope * q[axis, m]
                turns[axis, s] = complex(cos(angle), sin(angle))
        chance = count / (count - 1)
        for y in range(size):
            for s in range(size):
                totals[0, s], totals[1, s] = 0j, 0j
            for row in range(side):
                wave = waves[0, row, y]
                for s in range(size):
                    totals[0, s] += wave * first[row, s]
                    totals[1, s] += wave * second[row, s]
            for x in range(size):
                # Half of q away from the pixel, one term ahead and one behind.
                turn = turns[0, y] * turns[1, x]
                total = turn * totals[0, x] - turn.conjugate() * totals[1, x]
                cosine = turn.real**2 - turn.imag**2
                norm = max(one - 2 * both * cosine, 1e-3 * all_weight)
                coherence = (total.real**2 + total.imag**2) / (norm * power)
                maps[m, y, x] = -count * log1p(-min(coherence, 1 - 1e-6)) - chance


@parallel
def score_matrices(maps, q, tried):
    """Σ over frequencies of `maps` (M, S, S) at the slopes M q of each of `tried` (3, n).

    `q` (2, M) holds the frequencies (y, x) in units that make a slope an index; slopes beyond
    half the table alias, and count nothing. Returns (n,) float64.
    """
    size = maps.shape[1]
    scores = np.zeros(tried.shape[1])
    for n in prange(tried.shape[1]):
        c10, c12a, c12b = tried[0, n], tried[1, n], tried[2, n]
        total = 0.0
        for m in range(maps.shape[0]):
            along_y = (c10 - c12a) * q[0, m] + c12b * q[1, m]
            along_x = c12b * q[0, m] + (c10 + c12a) * q[1, m]
            y, x = int(np.rint(along_y)), int(np.rint(along_x))
            if abs(y) < size // 2 and abs(x) < size // 2:
                total += maps[m, y % size, x % size]
        scores[n] = total
    return scores
