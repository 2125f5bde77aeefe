"""The twin of `recon.kernels.cpu.weighing` on a CUDA device.

A thread owns one frequency; a block stages its row's runs, `TILE` at a time, in shared memory.
"""

import numpy as np
from numba import cuda, float32, int32

from recon.kernels.cpu.sideband_geometry import LEFT, RIGHT, TRIPLE
from recon.kernels.cuda.sidebands import BOTH_POWERS, POWERS, WARP, fill_line, keep_close, phase_at
from recon.kernels.cuda.weights import BOTH_LEVELS, LEVELS, note_depth, weight_from
from recon.kernels.formulas import TWO, ZERO, cosine_turns, near_turn, smaller

TILE = 2 * WARP


@cuda.jit(fastmath=True)
def _weighed_power(
    first,
    hard,
    k,
    chi,
    powers,
    mirrored,
    q_y,
    q_x,
    curve,
    lean_y,
    lean_x,
    spread,
    weights,
    wanted,
    pixels,
    power,
):
    flat = cuda.shared.array(BOTH_POWERS, float32)
    here = cuda.shared.array((7, TILE), float32)
    there = cuda.shared.array((7, TILE), float32)
    levels = cuda.shared.array((BOTH_LEVELS, TILE), float32)
    planes = cuda.shared.array(TILE, int32)
    start = cuda.shared.array(TILE, int32)
    lengths = cuda.shared.array(TILE, int32)
    sides = cuda.shared.array(TILE, int32)
    thread, row = cuda.threadIdx.x, cuda.blockIdx.y
    keep_close(powers, flat, 0, 7, thread, TILE)
    keep_close(mirrored, flat, POWERS, 7, thread, TILE)
    cuda.syncthreads()
    column = np.int32(cuda.blockIdx.x * TILE + thread)
    inside = column < power.shape[1]
    q = q_x[column] if inside else ZERO
    total, weighed_total = ZERO, ZERO
    begin, end = first[1, row], first[1, row + 1]
    while begin < end:
        run = begin + thread
        lengths[thread] = 0
        if run < end and wanted >> np.int32(hard[run, 3]) & 1:
            plane = hard[run, 0]
            planes[thread], start[thread], lengths[thread] = plane, hard[run, 1], hard[run, 2]
            sides[thread] = np.int32(hard[run, 3])
            depth = curve, lean_y, lean_x, spread
            note_depth(levels, thread, depth, k[0, plane], k[1, plane], q_y[row])
            if hard[run, 3] == TRIPLE:
                fill_line(flat, 0, k[0, plane] - q_y[row], here, thread)
                here[0, thread] -= chi[plane]
                fill_line(flat, POWERS, -k[0, plane] - q_y[row], there, thread)
                there[0, thread] += chi[plane]
        cuda.syncthreads()
        for slot in range(smaller(end - begin, TILE)):
            offset = np.int32(column - start[slot])
            if inside and offset >= 0 and offset < lengths[slot]:
                x, side = k[1, planes[slot]], sides[slot]
                one, other = ZERO, ZERO
                if side != LEFT:
                    one = weight_from(levels, 0, slot, x - q)
                if side != RIGHT:
                    other = weight_from(levels, LEVELS, slot, -x - q)
                size = one * one + other * other
                if side == TRIPLE:
                    turns = near_turn(phase_at(here, slot, x - q) - phase_at(there, slot, -x - q))
                    size -= TWO * one * other * cosine_turns(turns)
                total += size
                weighed_total += size * weights[planes[slot]]
        cuda.syncthreads()
        begin += TILE
    if inside:
        pixels[row, column] = total
        power[row, column] = weighed_total


def weighed_power(
    first, hard, k, chi, powers, mirrored, q_y, q_x, depth, weights, wanted, pixels, power
):
    """Fill `pixels` and `power` (Sy, Qx) float32 with Σ_M |gamma|² and Σ_M |gamma|² weights(k)."""
    chi = k, chi, powers, mirrored, q_y, q_x
    _weighed_power[(-(-power.shape[1] // TILE), power.shape[0]), (TILE, 1)](
        first, hard, *chi, *depth, weights, wanted, pixels, power
    )
