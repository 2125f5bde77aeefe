"""Rows of a scan added to G's kept entries on a CUDA device, block by block.

The twins of `recon.kernels.cpu.growing`: the same tables, the same names, the same parameters.
A warp takes a segment at a time, and its lanes neighbouring entries: entries are read and written
once, in whole lines, and a block's rows, which are few, come out of the cache. No two lanes write
one place.
"""

import numpy as np
from numba import cuda

from recon.kernels.cpu.growing import DIFFERENCE_IM, DIFFERENCE_RE, SUM_IM, SUM_RE
from recon.kernels.formulas import ZERO

WARP, WARPS = 32, 8
THREADS = 128

MOST_BLOCKS = 4096
"""Blocks of a launch: each takes segments in turn."""


@cuda.jit(fastmath=True)
def _pair_rows(transform, above, below, factors, pairs):
    column = cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    pair, plane = cuda.blockIdx.y, cuda.blockIdx.z
    if column >= transform.shape[2]:
        return
    factor = factors[plane]
    real, imaginary, other, imaginary_other = ZERO, ZERO, ZERO, ZERO
    if above[pair] >= 0:
        value = transform[plane, above[pair], column]
        real, imaginary = factor * value.real, factor * value.imag
    if below[pair] >= 0:
        value = transform[plane, below[pair], column]
        other, imaginary_other = factor * value.real, factor * value.imag
    pairs[plane, pair, SUM_RE, column] = real + other
    pairs[plane, pair, SUM_IM, column] = imaginary + imaginary_other
    pairs[plane, pair, DIFFERENCE_RE, column] = real - other
    pairs[plane, pair, DIFFERENCE_IM, column] = imaginary - imaginary_other


def pair_rows(transform, above, below, factors, pairs):
    """Sums and differences of rows that lie alike about their block's middle.

    Parameters are those of `recon.kernels.cpu.growing.pair_rows`, on the device.
    """
    planes, _, columns = transform.shape
    grid = -(-columns // THREADS), above.shape[0], planes
    _pair_rows[grid, THREADS](transform, above, below, factors, pairs)


@cuda.jit(fastmath=True)
def _add_rows(pairs, waves, turns, segments, places, old_re, old_im, re, im):
    lane, warp = cuda.threadIdx.x, cuda.threadIdx.y
    number = pairs.shape[1]
    for segment in range(cuda.blockIdx.x * WARPS + warp, segments.shape[0], cuda.gridDim.x * WARPS):
        plane, row = np.int32(segments[segment, 0]), np.int32(segments[segment, 1])
        column, length = np.int32(segments[segment, 2]), np.int32(segments[segment, 3])
        cosine, sine = turns[row, 0], turns[row, 1]
        for done in range(lane, length, WARP):
            real, imaginary = ZERO, ZERO
            for pair in range(number):
                c, s = waves[row, pair, 0], waves[row, pair, 1]
                values = pairs[plane, pair]
                at = column + done
                real += values[SUM_RE, at] * c + values[DIFFERENCE_IM, at] * s
                imaginary += values[SUM_IM, at] * c - values[DIFFERENCE_RE, at] * s
            entry = places[segment] + done
            re[entry] = old_re[entry] + (real * cosine + imaginary * sine)
            im[entry] = old_im[entry] + (imaginary * cosine - real * sine)


def add_rows(pairs, waves, turns, segments, places, ends, old_re, old_im, re, im):
    """Add a block of rows to all kept entries of G.

    Parameters are those of `recon.kernels.cpu.growing.add_rows`, on the device; `ends` is not used.
    """
    blocks = min(MOST_BLOCKS, -(-segments.shape[0] // WARPS))
    _add_rows[blocks, (WARP, WARPS)](pairs, waves, turns, segments, places, old_re, old_im, re, im)
