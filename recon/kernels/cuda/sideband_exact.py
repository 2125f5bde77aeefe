"""The redraw averaged over pixels, on a CUDA device.

The twin of `recon.kernels.cpu.sideband_exact`: the same tables, the same names, the same
parameters. Runs find their entries as in `recon.kernels.cuda.entries`, and the work is shared out
as in `recon.kernels.cuda.sidebands`: a block owns one row and `TILE` columns, adds in registers,
and reads each entry once.
"""

import numpy as np
from numba import cuda, float32, int32, int64

from recon.kernels.cpu.sideband_geometry import (
    LEFT,
    LEFT_PART,
    RIGHT,
    RIGHT_PART,
    TRIPLE,
    TWO_TERMS,
)
from recon.kernels.cuda.entries import LOW, SHIFT, THREADS, sums_before
from recon.kernels.cuda.sidebands import (
    POWERS,
    SLOPES,
    WARP,
    fill_line,
    fill_slope_line,
    keep_close,
    phase_at,
)
from recon.kernels.cuda.weights import (
    BOTH_LEVELS,
    LEVELS,
    NO_DEPTH,
    as_it_is,
    note_depth,
    note_nothing,
    weighed,
)
from recon.kernels.formulas import ZERO, part_pixel, polynomial5, smaller, whole_pixel

TILE = 2 * WARP
SHARES = THREADS // TILE
TERMS = 38
"""Coefficients of a run: seven of the phase and twice six of its slopes, for either term."""

A_HERE, B_HERE, C_THERE, A_THERE, B_THERE = 7, 13, 19, 26, 32
"""Where the others begin, after the seven of the first term's phase."""

SLOPES_AT = 2 * POWERS
"""Where the four slopes' polynomials begin in shared memory, after chi's and the mirrored one."""

COEFFICIENTS = SLOPES_AT + 4 * SLOPES


@cuda.jit(device=True)
def _slope_at(lines, slot, x):
    """Slope of the phase at x along one edge of the pixel, from its line of six coefficients."""
    return polynomial5(
        x,
        lines[0, slot],
        lines[1, slot],
        lines[2, slot],
        lines[3, slot],
        lines[4, slot],
        lines[5, slot],
    )


def _kernel_of_averaged_sums(name, note, weigh, shape):
    """The kernel with weights that are noted and applied so; `shape` is that of their numbers."""

    def kernel(
        re,
        im,
        first,
        runs,
        masks,
        k,
        values,
        powers,
        mirrored,
        slopes,
        slopes_mirrored,
        q_y,
        q_x,
        curve,
        lean_y,
        lean_x,
        spread,
        wanted,
        last,
        least,
        scale,
        out,
    ):
        sums = cuda.shared.array((2, THREADS), int64)
        flat = cuda.shared.array(COEFFICIENTS, float32)
        lines = cuda.shared.array((TERMS, THREADS), float32)
        levels = cuda.shared.array(shape, float32)
        pixel = cuda.shared.array(THREADS, float32)
        start = cuda.shared.array(THREADS, int32)
        lengths = cuda.shared.array(THREADS, int32)
        kinds = cuda.shared.array(THREADS, int32)
        places = cuda.shared.array(THREADS, int64)
        mask_places = cuda.shared.array(THREADS, int64)
        partial = cuda.shared.array((3, THREADS), float32)
        lane, share = cuda.threadIdx.x, cuda.threadIdx.y
        thread = share * TILE + lane
        keep_close(powers, flat, 0, 7, thread, THREADS)
        keep_close(mirrored, flat, POWERS, 7, thread, THREADS)
        for edge in range(2):
            keep_close(slopes[edge], flat, SLOPES_AT + edge * SLOPES, 6, thread, THREADS)
            place = SLOPES_AT + (2 + edge) * SLOPES
            keep_close(slopes_mirrored[edge], flat, place, 6, thread, THREADS)
        cuda.syncthreads()
        row, left_edge = cuda.blockIdx.y, cuda.blockIdx.x * TILE
        column = np.int32(left_edge + lane)
        limit = last[row]
        q = q_x[column] if column < limit else ZERO
        total_re, total_im, power = ZERO, ZERO, ZERO
        entry, mask_at = first[2, row], first[3, row]
        begin, end = first[0, row], first[0, row + 1]
        if left_edge >= limit:
            begin = end
        while begin < end:
            run = begin + thread
            length, masked, kind = np.int32(0), np.int32(0), np.int32(0)
            if run < end:
                length, kind = np.int32(runs[run, 2]), np.int32(runs[run, 3])
                if kind in (RIGHT_PART, LEFT_PART):
                    masked = length
                elif kind in (TWO_TERMS, TRIPLE):
                    masked = np.int32(2 * length)
            counts = np.int64(length) << SHIFT | np.int64(masked)
            before, total = sums_before(sums, thread, counts)
            lengths[thread] = 0
            if run < end and wanted >> kind & 1:
                first_column = np.int32(runs[run, 1])
                if first_column < left_edge + TILE and first_column + length > left_edge:
                    plane = np.int32(runs[run, 0])
                    start[thread], lengths[thread], kinds[thread] = first_column, length, kind
                    places[thread] = entry + (before >> SHIFT)
                    mask_places[thread] = mask_at + (before & LOW)
                    pixel[thread] = k[1, plane]
                    depth = curve, lean_y, lean_x, spread
                    note(levels, thread, depth, k[0, plane], k[1, plane], q_y[row])
                    if kind != LEFT and kind != LEFT_PART:
                        y = k[0, plane] - q_y[row]
                        fill_line(flat, 0, y, lines, thread)
                        fill_slope_line(flat, SLOPES_AT, y, lines[A_HERE:], thread)
                        fill_slope_line(flat, SLOPES_AT + SLOPES, y, lines[B_HERE:], thread)
                        lines[0, thread] -= values[0, plane]
                        lines[A_HERE, thread] -= values[1, plane]
                        lines[B_HERE, thread] -= values[2, plane]
                    if kind != RIGHT and kind != RIGHT_PART:
                        y = -k[0, plane] - q_y[row]
                        fill_line(flat, POWERS, y, lines[C_THERE:], thread)
                        fill_slope_line(flat, SLOPES_AT + 2 * SLOPES, y, lines[A_THERE:], thread)
                        fill_slope_line(flat, SLOPES_AT + 3 * SLOPES, y, lines[B_THERE:], thread)
                        lines[C_THERE, thread] += values[0, plane]
                        lines[A_THERE, thread] += values[1, plane]
                        lines[B_THERE, thread] += values[2, plane]
            cuda.syncthreads()
            for place in range(share, smaller(end - begin, THREADS), SHARES):
                slot = np.uint64(place)
                offset = np.int32(column - start[slot])
                length = lengths[slot]
                if offset >= 0 and offset < length:
                    at = np.uint64(places[slot] + offset)
                    g_re, g_im = np.float32(re[at]), np.float32(im[at])
                    kind, x = kinds[slot], pixel[slot]
                    mask_here = mask_places[slot] + offset
                    real, imaginary = ZERO, ZERO
                    if kind != LEFT and kind != LEFT_PART:
                        turns = phase_at(lines, slot, x - q)
                        along_x = _slope_at(lines[A_HERE:], slot, x - q)
                        along_y = _slope_at(lines[B_HERE:], slot, x - q)
                        if kind == RIGHT:
                            real, imaginary = whole_pixel(turns, along_x, along_y)
                        else:
                            mask = np.int32(masks[np.uint64(mask_here)])
                            real, imaginary = part_pixel(turns, along_x, along_y, mask)
                        real, imaginary = weigh(real, imaginary, levels, 0, slot, x - q)
                    if kind != RIGHT and kind != RIGHT_PART:
                        turns = phase_at(lines[C_THERE:], slot, -x - q)
                        along_x = _slope_at(lines[A_THERE:], slot, -x - q)
                        along_y = _slope_at(lines[B_THERE:], slot, -x - q)
                        if kind == LEFT:
                            other, imaginary_other = whole_pixel(turns, along_x, along_y)
                        else:
                            mask_there = mask_here
                            if kind != LEFT_PART:
                                mask_there += length
                            mask = np.int32(masks[np.uint64(mask_there)])
                            other, imaginary_other = part_pixel(turns, along_x, along_y, mask)
                        other, imaginary_other = weigh(
                            other, imaginary_other, levels, LEVELS, slot, -x - q
                        )
                        real, imaginary = real - other, imaginary - imaginary_other
                    total_re += g_re * real - g_im * imaginary
                    total_im += g_re * imaginary + g_im * real
                    power += real * real + imaginary * imaginary
            cuda.syncthreads()
            entry += total >> SHIFT
            mask_at += total & LOW
            begin += THREADS
        partial[0, thread], partial[1, thread], partial[2, thread] = total_re, total_im, power
        cuda.syncthreads()
        if share == 0 and column < out.shape[1]:
            real, imaginary, power = ZERO, ZERO, ZERO
            for part in range(SHARES):
                real += partial[0, part * TILE + lane]
                imaginary += partial[1, part * TILE + lane]
                power += partial[2, part * TILE + lane]
            factor = scale / power if column < limit and power > least else ZERO
            out[row, column] = complex(imaginary * factor, -real * factor)

    kernel.__name__ = name
    return cuda.jit(fastmath=True)(kernel)


_sum_averaged = _kernel_of_averaged_sums("_sum_averaged", note_nothing, as_it_is, (1, 1))
_sum_averaged_weighed = _kernel_of_averaged_sums(
    "_sum_averaged_weighed", note_depth, weighed, (BOTH_LEVELS, THREADS)
)


def sum_averaged(
    re,
    im,
    first,
    runs,
    masks,
    k,
    values,
    powers,
    mirrored,
    slopes,
    slopes_mirrored,
    q_y,
    q_x,
    depth,
    wanted,
    last,
    least,
    scale,
    out,
):
    """Fill `out` with -i scale Σ conj(gbar) G / Σ |gbar|², gbar averaged over each pixel (exact).

    Parameters are those of `recon.kernels.cpu.sideband_exact.sum_averaged`, on the device; `re` and
    `im` may be float16, whose scale `scale` then undoes.
    """
    grid = -(-out.shape[1] // TILE), out.shape[0]
    kernel, numbers = (_sum_averaged, NO_DEPTH) if depth is None else (_sum_averaged_weighed, depth)
    kernel[grid, (TILE, SHARES)](
        re,
        im,
        first,
        runs,
        masks,
        k,
        values,
        powers,
        mirrored,
        slopes,
        slopes_mirrored,
        q_y,
        q_x,
        *numbers,
        wanted,
        last,
        least,
        scale,
        out,
    )
