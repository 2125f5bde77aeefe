"""Sums over the sideband entries of G on a CUDA device, with gamma at the pixels' centres.

The twins of `recon.kernels.sidebands`: the same tables, the same names, the same parameters.

A block of threads owns one row of q and `TILE` neighbouring columns, and adds in registers: no
two threads write one place, so nothing is atomic, and the order of the sums is always the same.
The row's runs are taken `THREADS` at a time: each thread puts one run's place and coefficients
into shared memory, if it meets the tile; then warps take the staged runs in turns. A warp's 32
lanes are neighbouring q, hence neighbouring entries: each is read once, 128 bytes at a time.
Each lane does two columns, 32 apart, so that a run's coefficients are fetched for two entries
and four loads are under way before the first is needed.
"""

import numpy as np
from numba import cuda, float32, int32

from recon.kernels.formulas import (
    HALF,
    TWO,
    ZERO,
    cosine_turns,
    near_turn,
    polynomial,
    sine_turns,
    smaller,
)
from recon.kernels.sideband_geometry import LEFT, RIGHT, TRIPLE

WARP = 32
TILE = 2 * WARP
SHARES = 8
THREADS = SHARES * WARP
HERE, THERE = 1, 2


@cuda.jit(device=True)
def fill_line(powers, y, lines, slot):
    """Coefficients in x of Σ p[i, j] x^i y^j for one y, into column `slot` of `lines`."""
    size = powers.shape[0]
    for i in range(size):
        total = powers[i, size - 1 - i]
        for j in range(size - 2 - i, -1, -1):
            total = total * y + powers[i, j]
        lines[i, slot] = total


@cuda.jit(device=True)
def phase_at(lines, slot, x):
    """Phase of a term at x, within half a turn, from its line of seven coefficients."""
    return near_turn(
        polynomial(
            x,
            lines[0, slot],
            lines[1, slot],
            lines[2, slot],
            lines[3, slot],
            lines[4, slot],
            lines[5, slot],
            lines[6, slot],
        )
    )


@cuda.jit(fastmath=True)
def _sum_hard(re, im, first, hard, hard_at, k, chi, powers, mirrored, q_y, q_x, norm, wanted, out):
    here = cuda.shared.array((7, THREADS), float32)
    there = cuda.shared.array((7, THREADS), float32)
    pixel = cuda.shared.array(THREADS, float32)
    start = cuda.shared.array(THREADS, int32)
    lengths = cuda.shared.array(THREADS, int32)
    places = cuda.shared.array(THREADS, int32)
    terms = cuda.shared.array(THREADS, int32)
    sums = cuda.shared.array((4, SHARES, WARP), float32)
    lane, share = cuda.threadIdx.x, cuda.threadIdx.y
    thread = share * WARP + lane
    row, left_edge = cuda.blockIdx.y, cuda.blockIdx.x * TILE
    columns = out.shape[1]
    near = np.int32(left_edge + lane)
    far = np.int32(near + WARP)
    q_near = q_x[near] if near < columns else ZERO
    q_far = q_x[far] if far < columns else ZERO
    near_re, near_im, far_re, far_im = ZERO, ZERO, ZERO, ZERO
    origin = first[2, row]
    begin, end = first[1, row], first[1, row + 1]
    while begin < end:
        run = begin + thread
        lengths[thread] = 0
        if run < end:
            # The tables are of 16 bits, whose sums Numba would make unsigned.
            column, length = np.int32(hard[run, 1]), np.int32(hard[run, 2])
            side = np.int32(hard[run, 3])
            meets = column < left_edge + TILE and column + length > left_edge
            if meets and wanted >> side & 1:
                plane = hard[run, 0]
                start[thread] = column
                lengths[thread] = length
                places[thread] = hard_at[run]
                pixel[thread] = k[1, plane]
                use = 0
                if side != LEFT:
                    use = HERE
                    fill_line(powers, k[0, plane] - q_y[row], here, thread)
                    here[0, thread] -= chi[plane]
                if side != RIGHT:
                    use |= THERE
                    fill_line(mirrored, -k[0, plane] - q_y[row], there, thread)
                    # Half a turn: this term is subtracted.
                    there[0, thread] += chi[plane] + HALF
                terms[thread] = use
        cuda.syncthreads()
        for slot in range(share, smaller(end - begin, THREADS), SHARES):
            offset = np.int32(near - start[slot])
            further = np.int32(offset + WARP)
            length = lengths[slot]
            in_near = offset >= 0 and offset < length
            in_far = further >= 0 and further < length
            if in_near or in_far:
                at = origin + places[slot] + offset
                a_re, a_im, b_re, b_im = ZERO, ZERO, ZERO, ZERO
                if in_near:
                    a_re, a_im = np.float32(re[at]), np.float32(im[at])
                if in_far:
                    b_re, b_im = np.float32(re[at + WARP]), np.float32(im[at + WARP])
                use, x = terms[slot], pixel[slot]
                if use & HERE:
                    turns = phase_at(here, slot, x - q_near)
                    real, imaginary = cosine_turns(turns), sine_turns(turns)
                    near_re += a_re * real - a_im * imaginary
                    near_im += a_re * imaginary + a_im * real
                    turns = phase_at(here, slot, x - q_far)
                    real, imaginary = cosine_turns(turns), sine_turns(turns)
                    far_re += b_re * real - b_im * imaginary
                    far_im += b_re * imaginary + b_im * real
                if use & THERE:
                    turns = phase_at(there, slot, -x - q_near)
                    real, imaginary = cosine_turns(turns), sine_turns(turns)
                    near_re += a_re * real - a_im * imaginary
                    near_im += a_re * imaginary + a_im * real
                    turns = phase_at(there, slot, -x - q_far)
                    real, imaginary = cosine_turns(turns), sine_turns(turns)
                    far_re += b_re * real - b_im * imaginary
                    far_im += b_re * imaginary + b_im * real
        cuda.syncthreads()
        begin += THREADS
    sums[0, share, lane] = near_re
    sums[1, share, lane] = near_im
    sums[2, share, lane] = far_re
    sums[3, share, lane] = far_im
    cuda.syncthreads()
    column = np.int32(near + WARP * share)
    if share < 2 and column < columns:
        real, imaginary = ZERO, ZERO
        for part in range(SHARES):
            real += sums[2 * share, part, lane]
            imaginary += sums[2 * share + 1, part, lane]
        scale = norm[row, column]
        out[row, column] = complex(imaginary * scale, -real * scale)


def sum_hard(re, im, first, hard, hard_at, k, chi, powers, mirrored, q_y, q_x, norm, wanted, out):
    """Fill `out` with -i norm Σ_M gamma* G, with M chosen by the pixels' centres.

    Parameters are those of `recon.kernels.sidebands.sum_hard`, on the device; `re` and `im` may
    be float16, whose scale `norm` then undoes.
    """
    grid = -(-out.shape[1] // TILE), out.shape[0]
    _sum_hard[grid, (WARP, SHARES)](
        re, im, first, hard, hard_at, k, chi, powers, mirrored, q_y, q_x, norm, wanted, out
    )


@cuda.jit(fastmath=True)
def _hard_power(first, hard, weights, wanted, out):
    column, row = cuda.grid(2)
    if column >= out.shape[1]:
        return
    total = ZERO
    for run in range(first[1, row], first[1, row + 1]):
        if wanted >> np.int32(hard[run, 3]) & 1:
            offset = column - np.int32(hard[run, 1])
            if offset >= 0 and offset < np.int32(hard[run, 2]):
                total += weights[hard[run, 0]]
    out[row, column] = total


def hard_power(first, hard, weights, wanted, out):
    """Fill `out` (Sy, Qx) float32 with Σ_M weights(k) over the `wanted` sides, where |gamma| = 1.

    Once for each G: every column looks through its row's runs, which come from the cache.
    """
    _hard_power[(-(-out.shape[1] // TILE), out.shape[0]), (TILE, 1)](
        first, hard, weights, wanted, out
    )


@cuda.jit(fastmath=True)
def _triple_power(first, hard, k, chi, powers, mirrored, q_y, q_x, weights, out):
    here = cuda.shared.array((7, TILE), float32)
    there = cuda.shared.array((7, TILE), float32)
    planes = cuda.shared.array(TILE, int32)
    start = cuda.shared.array(TILE, int32)
    lengths = cuda.shared.array(TILE, int32)
    thread, row = cuda.threadIdx.x, cuda.blockIdx.y
    left_edge = cuda.blockIdx.x * TILE
    column = np.int32(left_edge + thread)
    inside = column < out.shape[1]
    q = q_x[column] if inside else ZERO
    total = ZERO
    begin, end = first[1, row], first[1, row + 1]
    while begin < end:
        run = begin + thread
        lengths[thread] = 0
        if run < end and hard[run, 3] == TRIPLE:
            plane = hard[run, 0]
            planes[thread], start[thread], lengths[thread] = plane, hard[run, 1], hard[run, 2]
            fill_line(powers, k[0, plane] - q_y[row], here, thread)
            here[0, thread] -= chi[plane]
            fill_line(mirrored, -k[0, plane] - q_y[row], there, thread)
            there[0, thread] += chi[plane]
        cuda.syncthreads()
        for slot in range(smaller(end - begin, TILE)):
            offset = np.int32(column - start[slot])
            if inside and offset >= 0 and offset < lengths[slot]:
                x = k[1, planes[slot]]
                # |e^{iα} - e^{iβ}|² = 2 - 2 cos(α - β)
                turns = near_turn(phase_at(here, slot, x - q) - phase_at(there, slot, -x - q))
                total += weights[planes[slot]] * (TWO - TWO * cosine_turns(turns))
        cuda.syncthreads()
        begin += TILE
    if inside:
        out[row, column] += total


def triple_power(first, hard, k, chi, powers, mirrored, q_y, q_x, weights, out):
    """Add Σ |gamma|² weights(k) over the triple overlap to `out` (Sy, Qx) float32."""
    _triple_power[(-(-out.shape[1] // TILE), out.shape[0]), (TILE, 1)](
        first, hard, k, chi, powers, mirrored, q_y, q_x, weights, out
    )


@cuda.jit
def _gather(re, im, first, hard, hard_at, row, column, values, sides):
    for run in range(first[1, row] + cuda.grid(1), first[1, row + 1], cuda.gridsize(1)):
        offset = column - np.int64(hard[run, 1])
        if offset >= 0 and offset < np.int64(hard[run, 2]):
            at = first[2, row] + hard_at[run] + offset
            values[hard[run, 0]] = complex(np.float32(re[at]), np.float32(im[at]))
            sides[hard[run, 0]] = hard[run, 3]


def gather(re, im, first, hard, hard_at, row, column, values, sides):
    """Fill `values` (K,) complex64 and `sides` (K,) uint8 with one frequency's entries."""
    _gather[1, THREADS](re, im, first, hard, hard_at, row, column, values, sides)
