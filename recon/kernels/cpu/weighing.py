"""How much a thick specimen or a spread focus leaves of the sidebands, frequency by frequency."""

import numpy as np
from numba import njit, prange

from recon.kernels import parallel
from recon.kernels.cpu.sideband_geometry import LEFT, RIGHT, TRIPLE
from recon.kernels.cpu.sidebands import PARTS, row_coefficients, seven
from recon.kernels.cpu.simd import LANES, lanes_between, load, store
from recon.kernels.cpu.weights import weight_of
from recon.kernels.formulas import ONE, TWO, cosine_turns, depth_line, nearest_turn, polynomial


@njit(fastmath=True)
def _add_power(q_x, column, length, x, line, weight, total):
    """Add the squares of one run's weights, and the same times `weight`, to its row."""
    for done in range(-(column % LANES), length, LANES):
        place = column + done
        size = weight_of(x - load(q_x, place), line)
        size = lanes_between(size * size, -done, length - done)
        store(total[0], place, load(total[0], place) + size)
        store(total[1], place, load(total[1], place) + size * weight)


@njit(fastmath=True)
def _take_product(q_x, column, length, x, lines, weight, total):
    """Take away twice the real part of the product of both terms of a run, times their weights."""
    line, other, c, d = lines
    c0, c1, c2, c3, c4, c5, c6 = c
    d0, d1, d2, d3, d4, d5, d6 = d
    for done in range(-(column % LANES), length, LANES):
        place = column + done
        q = load(q_x, place)
        turns = polynomial(x - q, c0, c1, c2, c3, c4, c5, c6)
        turns = nearest_turn(turns - polynomial(-x - q, d0, d1, d2, d3, d4, d5, d6))
        product = weight_of(x - q, line) * weight_of(-x - q, other) * cosine_turns(turns)
        product = lanes_between(TWO * product, -done, length - done)
        store(total[0], place, load(total[0], place) - product)
        store(total[1], place, load(total[1], place) - product * weight)


@parallel(fastmath=True)
def weighed_power(
    first, hard, k, chi, powers, mirrored, q_y, q_x, depth, weights, wanted, pixels, power
):
    """Fill `pixels` and `power` (Sy, Qx) float32 with Σ_M |gamma|² and Σ_M |gamma|² weights(k).

    Of a specimen with a `depth`: |gamma| is not one anywhere. Others are those of `sum_hard`.
    """
    rows, columns = power.shape
    planes = k.shape[1]
    for part in prange(PARTS):
        total = np.zeros((2, (columns // LANES + 1) * LANES), np.float32)
        here, there = np.empty((7, planes), np.float32), np.empty((7, planes), np.float32)
        y = np.empty(planes, np.float32)
        for row in range(part, rows, PARTS):
            total[:] = 0
            if wanted >> TRIPLE & 1:
                row_coefficients(k, q_y[row], chi, powers, mirrored, y, here, there)
            for run in range(first[1, row], first[1, row + 1]):
                plane, column = np.int64(hard[run, 0]), np.int64(hard[run, 1])
                length, side = np.int64(hard[run, 2]), hard[run, 3]
                if not wanted >> side & 1:
                    continue
                x, weight = k[1, plane], weights[plane]
                one = depth_line(depth, ONE, k[0, plane], x, q_y[row])
                other = depth_line(depth, -ONE, k[0, plane], x, q_y[row])
                if side != LEFT:
                    _add_power(q_x, column, length, x, one, weight, total)
                if side != RIGHT:
                    _add_power(q_x, column, length, -x, other, weight, total)
                if side == TRIPLE:
                    lines = one, other, seven(here, plane), seven(there, plane)
                    _take_product(q_x, column, length, x, lines, weight, total)
            for column in range(columns):
                pixels[row, column] = total[0, column]
                power[row, column] = total[1, column]
