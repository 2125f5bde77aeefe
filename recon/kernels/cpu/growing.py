"""Rows of a scan added to G's kept entries, block by block, while the scan goes on.

A block's rows y = c ± d lie in pairs about its middle c, so that for a frequency qy

    Σ_y F(y) exp(-2πi qy y / Sy) = exp(-2πi qy c / Sy) Σ_d (F(c + d) + F(c - d)) cos(2π qy d / Sy)
                                                       - i (F(c + d) - F(c - d)) sin(2π qy d / Sy):

real numbers times complex ones, half the work of the plain sum. Frequencies and rows count here.
"""

import numpy as np
from numba import njit, prange

from recon.kernels import parallel
from recon.kernels.cpu.simd import LANES, fetch_early, load, store, store_between

PARTS = 64

SUM_RE, SUM_IM, DIFFERENCE_RE, DIFFERENCE_IM = 0, 1, 2, 3
"""What a pair holds."""


@parallel
def pair_rows(transform, above, below, factors, pairs):
    """Sums and differences of rows that lie alike about their block's middle.

    Parameters
    ----------
    transform : (K, n, Qx) complex64
        Each plane's rows, transformed along x.
    above, below : (P,) int32
        Row c + d and row c - d of each pair, as numbers of `transform`'s; -1 where it is missing.
    factors : (K,) float32
        What each plane is multiplied by.
    pairs : (K, P, 4, W) float32
        Filled up to Qx.
    """
    columns = transform.shape[2]
    for plane in prange(transform.shape[0]):
        factor = factors[plane]
        for pair in range(above.size):
            out = pairs[plane, pair]
            out[:, :columns] = 0
            if above[pair] >= 0:
                row = transform[plane, above[pair]]
                for column in range(columns):
                    real, imaginary = factor * row[column].real, factor * row[column].imag
                    out[SUM_RE, column] = real
                    out[SUM_IM, column] = imaginary
                    out[DIFFERENCE_RE, column] = real
                    out[DIFFERENCE_IM, column] = imaginary
            if below[pair] >= 0:
                row = transform[plane, below[pair]]
                for column in range(columns):
                    real, imaginary = factor * row[column].real, factor * row[column].imag
                    out[SUM_RE, column] += real
                    out[SUM_IM, column] += imaginary
                    out[DIFFERENCE_RE, column] -= real
                    out[DIFFERENCE_IM, column] -= imaginary


@njit(fastmath=True)
def _put(array, at, value, start, stop):
    """Store the lanes `start` to `stop` and no more: the next entry may be another thread's."""
    if start <= 0 and stop >= LANES:
        store(array, at, value)
    else:
        store_between(array, at, value, start, stop)


@njit(fastmath=True)
def _add_plane(pairs, waves, turns, segments, places, start, stop, old, new):
    """`add_rows` of one plane's segments; `old` and `new` are (re, im)."""
    old_re, old_im = old
    re, im = new
    number, width = pairs.shape[0], pairs.shape[2]
    for segment in range(start, stop):
        row, column = np.int64(segments[segment, 1]), np.int64(segments[segment, 2])
        length, place = np.int64(segments[segment, 3]), places[segment]
        cosine, sine = turns[row, 0], turns[row, 1]
        following = places[min(segment + 1, stop - 1)]
        # Always the same sixteen columns to a vector, so that the block's rows, which are read
        # most, are read in whole lines of the cache; and two vectors at a time: a pair's cosine and
        # sine are fetched for both.
        for done in range(-(column % LANES), length, 2 * LANES):
            at, entry, rest = column + done, place + done, length - done
            # Segments lie apart: the next one's lines are under way while this one is summed.
            for step in (0, LANES):
                fetch_early(old_re, following + done + step)
                fetch_early(old_im, following + done + step)
                fetch_early(re, following + done + step)
                fetch_early(im, following + done + step)
            c, s = waves[row, 0, 0], waves[row, 0, 1]
            real = load(pairs, at) * c + load(pairs, at + 3 * width) * s
            imaginary = load(pairs, at + width) * c - load(pairs, at + 2 * width) * s
            if rest <= LANES:
                for pair in range(1, number):
                    at += 4 * width
                    c, s = waves[row, pair, 0], waves[row, pair, 1]
                    real = real + load(pairs, at) * c + load(pairs, at + 3 * width) * s
                    imaginary = (
                        imaginary + load(pairs, at + width) * c - load(pairs, at + 2 * width) * s
                    )
            else:
                there = at + LANES
                next_real = load(pairs, there) * c + load(pairs, there + 3 * width) * s
                next_imaginary = load(pairs, there + width) * c - load(pairs, there + 2 * width) * s
                for pair in range(1, number):
                    at += 4 * width
                    there += 4 * width
                    c, s = waves[row, pair, 0], waves[row, pair, 1]
                    real = real + load(pairs, at) * c + load(pairs, at + 3 * width) * s
                    imaginary = (
                        imaginary + load(pairs, at + width) * c - load(pairs, at + 2 * width) * s
                    )
                    next_real = next_real + load(pairs, there) * c
                    next_real = next_real + load(pairs, there + 3 * width) * s
                    next_imaginary = next_imaginary + load(pairs, there + width) * c
                    next_imaginary = next_imaginary - load(pairs, there + 2 * width) * s
                then, after = entry + LANES, rest - LANES
                turned = load(old_re, then) + (next_real * cosine + next_imaginary * sine)
                _put(re, then, turned, 0, after)
                turned = load(old_im, then) + (next_imaginary * cosine - next_real * sine)
                _put(im, then, turned, 0, after)
            turned = load(old_re, entry) + (real * cosine + imaginary * sine)
            _put(re, entry, turned, -done, rest)
            turned = load(old_im, entry) + (imaginary * cosine - real * sine)
            _put(im, entry, turned, -done, rest)


@parallel(fastmath=True)
def add_rows(pairs, waves, turns, segments, places, ends, old_re, old_im, re, im):
    """Add a block of rows to all kept entries of G.

    Parameters
    ----------
    pairs : (K, P, 4, W) float32
        What `pair_rows` fills; W reaches `LANES` beyond the last column, or more.
    waves : (Sy, P, 2) float32
        cos and sin of 2π qy d / Sy of each row of q and pair.
    turns : (Sy, 2) float32
        cos and sin of 2π qy c / Sy.
    segments : (S, 4) uint16
        Plane, row of q, first column and length of neighbouring entries, plane by plane.
    places : (S,) int64
        Where each segment begins in the entries.
    ends : (K + 1,) int64
        Where each plane's segments begin, and the last one's end.
    old_re, old_im : (E + 32,) float32
        Entries so far.
    re, im : (E + 32,) float32
        Entries afterwards; may be the same arrays.
    """
    planes = ends.size - 1
    for part in prange(PARTS):
        # Planes in the disc's middle have the most entries: dealt out in turn, they load all alike.
        for plane in range(part, planes, PARTS):
            _add_plane(
                pairs[plane],
                waves,
                turns,
                segments,
                places,
                ends[plane],
                ends[plane + 1],
                (old_re, old_im),
                (re, im),
            )
