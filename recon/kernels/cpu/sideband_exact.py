"""Sums over the sideband entries of G with gamma averaged over each pixel's area.

The average runs over the 4 × 4 sub-points of `sideband_geometry`. Across a pixel the phase of a
term changes nearly linearly: with its gradient (a, b), in turns per eighth of a pixel, the mean
of exp(i phase) over a wholly covered pixel is D(a) D(b) with D(a) = cos 2πa cos 4πa, and over a
partly covered one the sum over the bits of its mask. The mean of the phase's curvature is
folded into chi's polynomial beforehand. A pixel over which the phase makes more than two turns
carries no signal and is left out, in the sum and in its normalisation alike.
"""

import numpy as np
from numba import njit, prange

from recon.kernels import parallel
from recon.kernels.cpu.dealing import deal
from recon.kernels.cpu.sideband_geometry import (
    LEFT,
    LEFT_PART,
    RIGHT,
    RIGHT_PART,
    TRIPLE,
    TWO_TERMS,
)
from recon.kernels.cpu.sidebands import AHEAD, PARTS, row_coefficients, seven
from recon.kernels.cpu.simd import (
    LANES,
    clamp,
    fetch_early,
    lanes_between,
    load,
    store,
    where_below,
    where_bit,
)
from recon.kernels.cpu.weights import line_of, weighed
from recon.kernels.formulas import (
    ONE,
    cosine_of_triple,
    cosine_turns,
    four_point_mean,
    nearest_turn,
    polynomial,
    polynomial5,
    sine_of_triple,
    sine_turns,
)

QUARTER = np.float32(0.25)
SIXTEENTH_TURN = np.float32(0.0625)
SHARE = np.float32(1 / 16)


@njit(cache=True)
def _six(lines, plane):
    """The six coefficients of one pixel."""
    return (
        lines[0, plane],
        lines[1, plane],
        lines[2, plane],
        lines[3, plane],
        lines[4, plane],
        lines[5, plane],
    )


@njit(fastmath=True)
def _phase(x, c):
    """Phase of a term at the pixel's centre, within half a turn."""
    c0, c1, c2, c3, c4, c5, c6 = c
    return nearest_turn(polynomial(x, c0, c1, c2, c3, c4, c5, c6))


@njit(fastmath=True)
def _slope(x, c):
    """Change of the phase over an eighth of the pixel, along one of its edges."""
    c0, c1, c2, c3, c4, c5 = c
    return polynomial5(x, c0, c1, c2, c3, c4, c5)


@njit(fastmath=True)
def _whole(x, c, a, b):
    """Real and imaginary part of a term averaged over a wholly covered pixel."""
    turns = _phase(x, c)
    along_x = cosine_turns(clamp(_slope(x, a), -QUARTER, QUARTER))
    along_y = cosine_turns(clamp(_slope(x, b), -QUARTER, QUARTER))
    size = four_point_mean(along_x) * four_point_mean(along_y)
    return size * cosine_turns(turns), size * sine_turns(turns)


@njit(fastmath=True)
def _bits(masks, at, first_bit, c1, s1, c3, s3):
    """Σ exp(i ξ θ) over the set bits of one row of sub-points, ξ = -3, -1, 1, 3."""
    real = (
        where_bit(c3, masks, at, first_bit)
        + where_bit(c1, masks, at, first_bit + 1)
        + where_bit(c1, masks, at, first_bit + 2)
        + where_bit(c3, masks, at, first_bit + 3)
    )
    imaginary = (
        where_bit(s3, masks, at, first_bit + 3)
        - where_bit(s3, masks, at, first_bit)
        + where_bit(s1, masks, at, first_bit + 2)
        - where_bit(s1, masks, at, first_bit + 1)
    )
    return real, imaginary


@njit(fastmath=True)
def _part(x, c, a, b, masks, at):
    """Real and imaginary part of a term averaged over the sub-points in `masks`."""
    turns, slope_x, slope_y = _phase(x, c), _slope(x, a), _slope(x, b)
    tame_x = clamp(slope_x, -QUARTER, QUARTER)
    tame_y = clamp(slope_y, -QUARTER, QUARTER)
    c1, s1 = cosine_turns(tame_x), sine_turns(tame_x)
    c3, s3 = cosine_of_triple(c1), sine_of_triple(s1)
    d1, t1 = cosine_turns(tame_y), sine_turns(tame_y)
    d3, t3 = cosine_of_triple(d1), sine_of_triple(t1)
    r0, i0 = _bits(masks, at, 0, c1, s1, c3, s3)
    r1, i1 = _bits(masks, at, 4, c1, s1, c3, s3)
    r2, i2 = _bits(masks, at, 8, c1, s1, c3, s3)
    r3, i3 = _bits(masks, at, 12, c1, s1, c3, s3)
    # Rows of sub-points at η = -3, -1, 1, 3: multiply by exp(i η θ_y) and add.
    real = d3 * (r0 + r3) + d1 * (r1 + r2) + t3 * (i0 - i3) + t1 * (i1 - i2)
    imaginary = d3 * (i0 + i3) + d1 * (i1 + i2) + t3 * (r3 - r0) + t1 * (r2 - r1)
    real = where_below(real * SHARE, slope_x * slope_x, SIXTEENTH_TURN)
    imaginary = where_below(imaginary * SHARE, slope_x * slope_x, SIXTEENTH_TURN)
    real = where_below(real, slope_y * slope_y, SIXTEENTH_TURN)
    imaginary = where_below(imaginary, slope_y * slope_y, SIXTEENTH_TURN)
    cosine, sine = cosine_turns(turns), sine_turns(turns)
    return real * cosine - imaginary * sine, real * sine + imaginary * cosine


@njit(fastmath=True)
def _add(re, im, at, place, done, length, real, imaginary, total_re, total_im, power):
    """Add (real + i imaginary) G and the weight's power of one vector to its row."""
    fetch_early(re, at + done + AHEAD)
    fetch_early(im, at + done + AHEAD)
    g_re = lanes_between(load(re, at + done), -done, length - done)
    g_im = lanes_between(load(im, at + done), -done, length - done)
    size = lanes_between(real * real + imaginary * imaginary, -done, length - done)
    store(total_re, place, load(total_re, place) + (g_re * real - g_im * imaginary))
    store(total_im, place, load(total_im, place) + (g_re * imaginary + g_im * real))
    store(power, place, load(power, place) + size)


@njit(fastmath=True)
def _add_whole(re, im, at, q_x, column, length, x, c, a, b, line, total):
    """Add a run of wholly covered pixels."""
    for done in range(-(column % LANES), length, LANES):
        place = column + done
        along = x - load(q_x, place)
        real, imaginary = _whole(along, c, a, b)
        real, imaginary = weighed(real, imaginary, along, line)
        _add(re, im, at, place, done, length, real, imaginary, total[0], total[1], total[2])


@njit(fastmath=True)
def _add_part(re, im, at, q_x, column, length, x, c, a, b, line, masks, mask_at, total):
    """Add a run of partly covered pixels."""
    for done in range(-(column % LANES), length, LANES):
        place = column + done
        along = x - load(q_x, place)
        real, imaginary = _part(along, c, a, b, masks, mask_at + done)
        real, imaginary = weighed(real, imaginary, along, line)
        _add(re, im, at, place, done, length, real, imaginary, total[0], total[1], total[2])


@njit(fastmath=True)
def _add_two(re, im, at, q_x, column, length, x, here, there, masks, mask_at, total):
    """Add a run of pixels that both terms cover, at least in part."""
    c, a, b, line = here
    d, e, f, far = there
    for done in range(-(column % LANES), length, LANES):
        place = column + done
        q = load(q_x, place)
        real, imaginary = _part(x - q, c, a, b, masks, mask_at + done)
        real, imaginary = weighed(real, imaginary, x - q, line)
        other, imaginary_other = _part(-x - q, d, e, f, masks, mask_at + length + done)
        other, imaginary_other = weighed(other, imaginary_other, -x - q, far)
        real, imaginary = real - other, imaginary - imaginary_other
        _add(re, im, at, place, done, length, real, imaginary, total[0], total[1], total[2])


@parallel(fastmath=True)
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

    Parameters
    ----------
    re, im, first, runs, masks, k, q_y, q_x
        As `sum_hard` and `find_runs` have them.
    values : (3, K) float32
        At each pixel: chi [turns], and its slopes along the pixel's x and y edge
        [turns per eighth of a pixel].
    powers, mirrored : (7, 7) float32
        chi's polynomial [turns], and minus the polynomial of chi(-k).
    slopes, slopes_mirrored : (2, 6, 6) float32
        The same for the slopes.
    depth : Depth or None
        Its weights are those of the pixels' centres: `recon.ssb.phase` says how far that is off.
    wanted : int
        Kinds of runs to sum, a bit each: 1 << RIGHT | 1 << RIGHT_PART | ...
    last : (Sy,) int32
        Columns of each row to fill; 0 from there on.
    least : float32
        Where Σ |gbar|² stays below this number of pixels, `out` is 0.
    scale : float32
        1 / mean counts of a bright-field pixel.
    out : (Sy, Qx) complex64
    """
    rows, columns = out.shape
    planes = k.shape[1]
    dealt = np.zeros(1, np.int64)
    for _ in prange(PARTS):
        total = np.zeros((2, 3, (columns // LANES + 1) * LANES), np.float32)
        c_here, c_there = np.empty((7, planes), np.float32), np.empty((7, planes), np.float32)
        a_here, a_there = np.empty((6, planes), np.float32), np.empty((6, planes), np.float32)
        b_here, b_there = np.empty((6, planes), np.float32), np.empty((6, planes), np.float32)
        y = np.empty(planes, np.float32)
        while True:
            row = deal(dealt)
            if row >= rows:
                break
            out[row, last[row] :] = 0
            if first[0, row + 1] == first[0, row]:
                out[row, :] = 0
                continue
            total[:] = 0
            q = q_y[row]
            row_coefficients(k, q, values[0], powers, mirrored, y, c_here, c_there)
            row_coefficients(k, q, values[1], slopes[0], slopes_mirrored[0], y, a_here, a_there)
            row_coefficients(k, q, values[2], slopes[1], slopes_mirrored[1], y, b_here, b_there)
            at, mask_at = first[2, row], first[3, row]
            for run in range(first[0, row], first[0, row + 1]):
                plane, column = np.int64(runs[run, 0]), np.int64(runs[run, 1])
                length, kind = np.int64(runs[run, 2]), runs[run, 3]
                x = k[1, plane]
                right = kind in (RIGHT, RIGHT_PART)
                line = line_of(depth, ONE if right else -ONE, k[0, plane], x, q)
                if right:
                    c, a, b = seven(c_here, plane), _six(a_here, plane), _six(b_here, plane)
                else:
                    c, a, b = seven(c_there, plane), _six(a_there, plane), _six(b_there, plane)
                sums, start = (total[0], x) if right else (total[1], -x)
                if wanted >> kind & 1:
                    if kind in (RIGHT, LEFT):
                        _add_whole(re, im, at, q_x, column, length, start, c, a, b, line, sums)
                    elif kind in (RIGHT_PART, LEFT_PART):
                        _add_part(
                            re,
                            im,
                            at,
                            q_x,
                            column,
                            length,
                            start,
                            c,
                            a,
                            b,
                            line,
                            masks,
                            mask_at,
                            sums,
                        )
                    else:
                        there = c, a, b, line
                        line = line_of(depth, ONE, k[0, plane], x, q)
                        here = seven(c_here, plane), _six(a_here, plane), _six(b_here, plane), line
                        _add_two(
                            re,
                            im,
                            at,
                            q_x,
                            column,
                            length,
                            x,
                            here,
                            there,
                            masks,
                            mask_at,
                            total[0],
                        )
                if kind in (RIGHT_PART, LEFT_PART):
                    mask_at += length
                elif kind in (TWO_TERMS, TRIPLE):
                    mask_at += 2 * length
                at += length
            for column in range(last[row]):
                power = total[0, 2, column] + total[1, 2, column]
                real = total[0, 0, column] - total[1, 0, column]
                imaginary = total[0, 1, column] - total[1, 1, column]
                factor = scale / power if power > least else np.float32(0)
                out[row, column] = complex(imaginary * factor, -real * factor)
