"""Sums over the sideband entries of G, row by row of q, with gamma at the pixels' centres.

Entries are stored as runs of neighbouring q for one pixel, real and imaginary parts apart, so
that the inner loops walk along q, a `Vector` at a time; they and `q_x` are padded by `LANES`.
Along a run chi(k - q) is a polynomial in qx whose coefficients are fixed for the row;
frequencies are in units of k0, phases in turns. The left sideband is walked as a right one of
the mirrored aberration function, negated.
"""

import numpy as np
from numba import njit, prange

from recon.kernels import parallel
from recon.kernels.cpu.dealing import deal
from recon.kernels.cpu.sideband_geometry import LEFT, RIGHT, TRIPLE
from recon.kernels.cpu.simd import LANES, fetch_early, lanes_between, load, store
from recon.kernels.cpu.weights import line_of, weighed
from recon.kernels.formulas import (
    ONE,
    TWO,
    cosine_turns,
    nearest_turn,
    polynomial,
    sine_turns,
)

PARTS = 64

AHEAD = 512
"""Entries between what is summed and what is fetched: 2 KB of either part.

Runs are too short, and lie too far apart, for a core to see by itself what comes next: on AMD's
Zen 5 it then waits for memory half of the time. Entries in half precision would save a tenth of
what is left, and cost half of G's memory again, since the exact sum wants them in single.
"""


@njit(cache=True, fastmath=True)
def line_coefficients(powers, y, out):
    """Fill `out` (I, K) with the coefficients in x of Σ p[i, j] x^i y^j, for each pixel's y."""
    size = powers.shape[0]
    for i in range(size):
        line = out[i]
        line[:] = powers[i, size - 1 - i]
        for j in range(size - 2 - i, -1, -1):
            coefficient = powers[i, j]
            for n in range(y.size):
                line[n] = line[n] * y[n] + coefficient


@njit(cache=True, fastmath=True)
def row_coefficients(k, q_y, chi, powers, mirrored, y, here, there):
    """Coefficients for one row of q of both terms' phases, chi(k ∓ q) - chi(k) [turns]."""
    for n in range(y.size):
        y[n] = k[0, n] - q_y
    line_coefficients(powers, y, here)
    for n in range(y.size):
        here[0, n] -= chi[n]
        y[n] = -k[0, n] - q_y
    line_coefficients(mirrored, y, there)
    for n in range(y.size):
        there[0, n] += chi[n]


@njit(cache=True)
def seven(lines, plane):
    """The seven coefficients of one pixel."""
    return (
        lines[0, plane],
        lines[1, plane],
        lines[2, plane],
        lines[3, plane],
        lines[4, plane],
        lines[5, plane],
        lines[6, plane],
    )


@njit(fastmath=True)
def _add_run(re, im, at, q_x, column, length, x, c, line, total_re, total_im):
    """Add exp(2πi p(x - qx)) G of one run to its row, weighed where there is a `line`."""
    c0, c1, c2, c3, c4, c5, c6 = c
    # Always the same sixteen columns to a vector: a load that overlaps two earlier stores would
    # wait for both to reach memory.
    lead = column % LANES
    for done in range(-lead, length, LANES):
        place = column + done
        fetch_early(re, at + done + AHEAD)
        fetch_early(im, at + done + AHEAD)
        along = x - load(q_x, place)
        turns = nearest_turn(polynomial(along, c0, c1, c2, c3, c4, c5, c6))
        real, imaginary = weighed(cosine_turns(turns), sine_turns(turns), along, line)
        g_re = lanes_between(load(re, at + done), -done, length - done)
        g_im = lanes_between(load(im, at + done), -done, length - done)
        store(total_re, place, load(total_re, place) + (g_re * real - g_im * imaginary))
        store(total_im, place, load(total_im, place) + (g_re * imaginary + g_im * real))


@parallel(fastmath=True)
def sum_hard(
    re, im, first, hard, hard_at, k, chi, powers, mirrored, q_y, q_x, depth, norm, wanted, out
):
    """Fill `out` with -i norm Σ_M gamma* G, with M chosen by the pixels' centres.

    Parameters
    ----------
    re, im : (E,) float32
        Entries of G in the order of `find_runs`.
    first, hard, hard_at
        Tables of `find_runs`.
    k : (2, K) float32
        Pixels (ky, kx) in the scan's frame, in units of k0.
    chi : (K,) float32
        Aberration phase of each pixel [turns].
    powers, mirrored : (7, 7) float32
        chi's polynomial [turns], and minus the polynomial of chi(-k).
    q_y, q_x : (Sy,), (Qx,) float32
        Frequencies of rows and columns, in units of k0.
    depth : Depth or None
    norm : (Sy, Qx) float32
        1 / Σ_M P(k), or 0 where nothing is to be shown.
    wanted : int
        Sides to sum, a bit each: 1 << RIGHT | 1 << LEFT | 1 << TRIPLE.
    out : (Sy, Qx) complex64
    """
    rows, columns = out.shape
    planes = k.shape[1]
    dealt = np.zeros(1, np.int64)
    for _ in prange(PARTS):
        total = np.zeros((4, (columns // LANES + 1) * LANES), np.float32)
        here, there = np.empty((7, planes), np.float32), np.empty((7, planes), np.float32)
        y = np.empty(planes, np.float32)
        while True:
            row = deal(dealt)
            if row >= rows:
                break
            if first[1, row + 1] == first[1, row]:
                out[row, :] = 0
                continue
            total[:] = 0
            row_coefficients(k, q_y[row], chi, powers, mirrored, y, here, there)
            for run in range(first[1, row], first[1, row + 1]):
                plane, column = np.int64(hard[run, 0]), np.int64(hard[run, 1])
                length, side = np.int64(hard[run, 2]), hard[run, 3]
                at = first[2, row] + hard_at[run]
                if not wanted >> side & 1:
                    continue
                if side != LEFT:
                    c, x = seven(here, plane), k[1, plane]
                    line = line_of(depth, ONE, k[0, plane], x, q_y[row])
                    _add_run(re, im, at, q_x, column, length, x, c, line, total[0], total[1])
                if side != RIGHT:
                    c, x = seven(there, plane), -k[1, plane]
                    line = line_of(depth, -ONE, k[0, plane], k[1, plane], q_y[row])
                    _add_run(re, im, at, q_x, column, length, x, c, line, total[2], total[3])
            for column in range(columns):
                real = total[0, column] - total[2, column]
                imaginary = total[1, column] - total[3, column]
                scale = norm[row, column]
                out[row, column] = complex(imaginary * scale, -real * scale)


@parallel
def hard_power(first, hard, weights, wanted, out):
    """Fill `out` (Sy, Qx) float32 with Σ_M weights(k) over the `wanted` sides, where |gamma| = 1.

    `weights` (K,) float32 is P(k), or one to count pixels. In the triple overlap |gamma| is not
    one: see `triple_power`.
    """
    for row in prange(out.shape[0]):
        line = out[row]
        line[:] = 0
        for run in range(first[1, row], first[1, row + 1]):
            if wanted >> hard[run, 3] & 1:
                column, length = np.int64(hard[run, 1]), np.int64(hard[run, 2])
                line[column : column + length] += weights[hard[run, 0]]


@parallel(fastmath=True)
def triple_power(first, hard, k, chi, powers, mirrored, q_y, q_x, weights, out):
    """Add Σ |gamma|² weights(k) over the triple overlap to `out` (Sy, Qx) float32."""
    rows = out.shape[0]
    planes = k.shape[1]
    for part in prange(PARTS):
        here, there = np.empty((7, planes), np.float32), np.empty((7, planes), np.float32)
        y = np.empty(planes, np.float32)
        for row in range(part, rows, PARTS):
            if first[1, row + 1] == first[1, row]:
                continue
            row_coefficients(k, q_y[row], chi, powers, mirrored, y, here, there)
            for run in range(first[1, row], first[1, row + 1]):
                if hard[run, 3] != TRIPLE:
                    continue
                plane, column = np.int64(hard[run, 0]), np.int64(hard[run, 1])
                a0, a1, a2, a3, a4, a5, a6 = seven(here, plane)
                b0, b1, b2, b3, b4, b5, b6 = seven(there, plane)
                x = k[1, plane]
                for at in range(column, column + np.int64(hard[run, 2])):
                    # |e^{iα} - e^{iβ}|² = 2 - 2 cos(α - β)
                    turns = polynomial(x - q_x[at], a0, a1, a2, a3, a4, a5, a6) - polynomial(
                        -x - q_x[at], b0, b1, b2, b3, b4, b5, b6
                    )
                    out[row, at] += weights[plane] * (TWO - TWO * cosine_turns(nearest_turn(turns)))


@njit(cache=True, nogil=True)
def gather(re, im, first, hard, hard_at, row, column, values, sides):
    """Fill `values` (K,) complex64 and `sides` (K,) uint8 with one frequency's entries."""
    for run in range(first[1, row], first[1, row + 1]):
        start = np.int64(hard[run, 1])
        if start <= column < start + np.int64(hard[run, 2]):
            at = first[2, row] + hard_at[run] + column - start
            values[hard[run, 0]] = complex(re[at], im[at])
            sides[hard[run, 0]] = hard[run, 3]
