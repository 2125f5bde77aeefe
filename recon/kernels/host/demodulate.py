"""Patterns summed with a complex weight for each frame."""

from numba import prange

from recon.kernels import parallel


@parallel
def demodulate(pixels, offsets, first, last, weights, lookup, partial):
    """Σ over frames of weight times electrons in each place, added to `partial` (parts, 3, n).

    `weights` (3, F) float64 are the factors of three sums; `lookup` (Ky Kx,) int32 is the place of
    each detector pixel, -1 for one that is left out. Each part writes its own sums.
    """
    parts = partial.shape[0]
    for part in prange(parts):
        begin = first + part * (last - first) // parts
        end = first + (part + 1) * (last - first) // parts
        mine = partial[part]
        for frame in range(begin, end):
            a, b, c = weights[0, frame], weights[1, frame], weights[2, frame]
            for event in range(offsets[frame], offsets[frame + 1]):
                place = lookup[pixels[event]]
                if place >= 0:
                    mine[0, place] += a
                    mine[1, place] += b
                    mine[2, place] += c
