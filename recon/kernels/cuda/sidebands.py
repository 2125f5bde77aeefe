"""Sums over the sideband entries of G on a CUDA device, with gamma at the pixels' centres.

The twins of `recon.kernels.cpu.sidebands`: the same tables, the same names, the same parameters.

A block of threads owns one row of q and `TILE` neighbouring columns, and adds in registers: no
two threads write one place, so nothing is atomic, and the order of the sums is always the same.
The row's runs are taken `THREADS` at a time: each thread puts one run's place and coefficients
into shared memory, if it meets the tile; then warps take the staged runs in turns. A warp's 32
lanes are neighbouring q, hence neighbouring entries: each is read once, 128 bytes at a time.
Each lane does two columns, 32 apart, so that a run's coefficients are fetched for two entries
and four loads are under way before the first is needed. Indices in the inner loops are unsigned:
signed ones may count from an array's end, and finding that out costs as much as the sum itself.
"""

import numpy as np
from numba import config, cuda, float32, int32

from recon.kernels.cpu.sideband_geometry import LEFT, RIGHT, TRIPLE
from recon.kernels.cuda.weights import (
    BOTH_LEVELS,
    LEVELS,
    NO_DEPTH,
    as_it_is,
    note_depth,
    note_nothing,
    weighed,
)
from recon.kernels.formulas import (
    HALF,
    TWO,
    ZERO,
    cosine_turns,
    near_turn,
    polynomial,
    polynomial5,
    sine_turns,
    smaller,
)

WARP = 32
TILE = 2 * WARP
SHARES = 8
THREADS = SHARES * WARP
HERE, THERE = 1, 2
POWERS, SLOPES = 7 * 7, 6 * 6
"""Coefficients of chi's polynomial and of a slope's."""

BOTH_POWERS = 2 * POWERS


def _at_most(registers):
    """The option of `cuda.jit`, which the simulator does not know."""
    return {} if config.ENABLE_CUDASIM else {"max_registers": registers}


FEW_REGISTERS = _at_most(40)
"""So that six blocks share a multiprocessor: what waits for memory needs company."""

MORE_REGISTERS = _at_most(48)
"""So that five do: with weights, forty would not hold what a thread works with."""


@cuda.jit(device=True)
def keep_close(powers, flat, at, width, thread, threads):
    """Copy a polynomial's coefficients to shared memory, side by side from place `at` on."""
    for column in range(thread, width, threads):
        for row in range(width):
            flat[at + row * width + column] = powers[row, column]


@cuda.jit(device=True)
def fill_line(p, o, y, lines, slot):
    """Coefficients in x of chi = Σ p[o + 7 i + j] x^i y^j for one y, into `lines` (7, …) at `slot`.

    Written out, with places known when it is compiled: a loop would take twenty instructions for
    each of its multiplications.
    """
    lines[0, slot] = polynomial(y, p[o], p[o + 1], p[o + 2], p[o + 3], p[o + 4], p[o + 5], p[o + 6])
    lines[1, slot] = polynomial5(y, p[o + 7], p[o + 8], p[o + 9], p[o + 10], p[o + 11], p[o + 12])
    _upper_lines(p, o + 14, 7, y, lines, slot, 2)


@cuda.jit(device=True)
def fill_slope_line(p, o, y, lines, slot):
    """The same of a slope of chi, whose polynomial is one order lower: six coefficients."""
    lines[0, slot] = polynomial5(y, p[o], p[o + 1], p[o + 2], p[o + 3], p[o + 4], p[o + 5])
    _upper_lines(p, o + 6, 6, y, lines, slot, 1)


@cuda.jit(device=True)
def _upper_lines(p, o, width, y, lines, slot, first):
    """The last five coefficients of a line, of which the `first` one's stand from place `o` on."""
    a, b, c, d = o + width, o + 2 * width, o + 3 * width, o + 4 * width
    lines[first, slot] = p[o] + y * (p[o + 1] + y * (p[o + 2] + y * (p[o + 3] + y * p[o + 4])))
    lines[first + 1, slot] = p[a] + y * (p[a + 1] + y * (p[a + 2] + y * p[a + 3]))
    lines[first + 2, slot] = p[b] + y * (p[b + 1] + y * p[b + 2])
    lines[first + 3, slot] = p[c] + y * p[c + 1]
    lines[first + 4, slot] = p[d]


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


def _kernel_of_hard_sums(name, note, weigh, shape, registers):
    """The kernel with weights that are noted and applied so; `shape` is that of their numbers."""

    def kernel(
        re,
        im,
        first,
        hard,
        hard_at,
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
        norm,
        wanted,
        out,
    ):
        flat = cuda.shared.array(BOTH_POWERS, float32)
        here = cuda.shared.array((7, THREADS), float32)
        there = cuda.shared.array((7, THREADS), float32)
        levels = cuda.shared.array(shape, float32)
        pixel = cuda.shared.array(THREADS, float32)
        start = cuda.shared.array(THREADS, int32)
        lengths = cuda.shared.array(THREADS, int32)
        places = cuda.shared.array(THREADS, int32)
        terms = cuda.shared.array(THREADS, int32)
        sums = cuda.shared.array((4, SHARES, WARP), float32)
        lane, share = cuda.threadIdx.x, cuda.threadIdx.y
        thread = share * WARP + lane
        keep_close(powers, flat, 0, 7, thread, THREADS)
        keep_close(mirrored, flat, POWERS, 7, thread, THREADS)
        cuda.syncthreads()
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
                    depth = curve, lean_y, lean_x, spread
                    note(levels, thread, depth, k[0, plane], k[1, plane], q_y[row])
                    use = 0
                    if side != LEFT:
                        use = HERE
                        fill_line(flat, 0, k[0, plane] - q_y[row], here, thread)
                        here[0, thread] -= chi[plane]
                    if side != RIGHT:
                        use |= THERE
                        fill_line(flat, POWERS, -k[0, plane] - q_y[row], there, thread)
                        # Half a turn: this term is subtracted.
                        there[0, thread] += chi[plane] + HALF
                    terms[thread] = use
            cuda.syncthreads()
            for place in range(share, smaller(end - begin, THREADS), SHARES):
                slot = np.uint64(place)
                offset = np.int32(near - start[slot])
                further = np.int32(offset + WARP)
                length = lengths[slot]
                in_near = offset >= 0 and offset < length
                in_far = further >= 0 and further < length
                if in_near or in_far:
                    place = origin + places[slot] + offset
                    at, beyond = np.uint64(place), np.uint64(place + WARP)
                    a_re, a_im, b_re, b_im = ZERO, ZERO, ZERO, ZERO
                    if in_near:
                        a_re, a_im = np.float32(re[at]), np.float32(im[at])
                    if in_far:
                        b_re, b_im = np.float32(re[beyond]), np.float32(im[beyond])
                    use, x = terms[slot], pixel[slot]
                    if use & HERE:
                        turns = phase_at(here, slot, x - q_near)
                        real, imaginary = cosine_turns(turns), sine_turns(turns)
                        real, imaginary = weigh(real, imaginary, levels, 0, slot, x - q_near)
                        near_re += a_re * real - a_im * imaginary
                        near_im += a_re * imaginary + a_im * real
                        turns = phase_at(here, slot, x - q_far)
                        real, imaginary = cosine_turns(turns), sine_turns(turns)
                        real, imaginary = weigh(real, imaginary, levels, 0, slot, x - q_far)
                        far_re += b_re * real - b_im * imaginary
                        far_im += b_re * imaginary + b_im * real
                    if use & THERE:
                        turns = phase_at(there, slot, -x - q_near)
                        real, imaginary = cosine_turns(turns), sine_turns(turns)
                        real, imaginary = weigh(real, imaginary, levels, LEVELS, slot, -x - q_near)
                        near_re += a_re * real - a_im * imaginary
                        near_im += a_re * imaginary + a_im * real
                        turns = phase_at(there, slot, -x - q_far)
                        real, imaginary = cosine_turns(turns), sine_turns(turns)
                        real, imaginary = weigh(real, imaginary, levels, LEVELS, slot, -x - q_far)
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

    kernel.__name__ = name
    return cuda.jit(fastmath=True, **registers)(kernel)


_sum_hard = _kernel_of_hard_sums("_sum_hard", note_nothing, as_it_is, (1, 1), FEW_REGISTERS)
_sum_hard_weighed = _kernel_of_hard_sums(
    "_sum_hard_weighed", note_depth, weighed, (BOTH_LEVELS, THREADS), MORE_REGISTERS
)


def sum_hard(
    re, im, first, hard, hard_at, k, chi, powers, mirrored, q_y, q_x, depth, norm, wanted, out
):
    """Fill `out` with -i norm Σ_M gamma* G, with M chosen by the pixels' centres.

    Parameters are those of `recon.kernels.cpu.sidebands.sum_hard`, on the device; `re` and `im` may
    be float16, whose scale `norm` then undoes.
    """
    grid = -(-out.shape[1] // TILE), out.shape[0]
    kernel, numbers = (_sum_hard, NO_DEPTH) if depth is None else (_sum_hard_weighed, depth)
    chi = k, chi, powers, mirrored, q_y, q_x
    kernel[grid, (WARP, SHARES)](re, im, first, hard, hard_at, *chi, *numbers, norm, wanted, out)


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
    flat = cuda.shared.array(BOTH_POWERS, float32)
    here = cuda.shared.array((7, TILE), float32)
    there = cuda.shared.array((7, TILE), float32)
    planes = cuda.shared.array(TILE, int32)
    start = cuda.shared.array(TILE, int32)
    lengths = cuda.shared.array(TILE, int32)
    thread, row = cuda.threadIdx.x, cuda.blockIdx.y
    keep_close(powers, flat, 0, 7, thread, TILE)
    keep_close(mirrored, flat, POWERS, 7, thread, TILE)
    cuda.syncthreads()
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
            fill_line(flat, 0, k[0, plane] - q_y[row], here, thread)
            here[0, thread] -= chi[plane]
            fill_line(flat, POWERS, -k[0, plane] - q_y[row], there, thread)
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
