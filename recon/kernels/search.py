"""Scores of many first-order aberrations at once."""

import numpy as np
from numba import prange

from recon.kernels import parallel


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
