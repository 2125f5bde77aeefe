"""The sums behind a checksum of electrons, on all cores: `recon.io.checksum` says what they mean.

Frames are taken as slices: LLVM vectorises the loop over a slice.
"""

import numpy as np
from numba import njit, prange

from recon.kernels import parallel

PARTS = 64
"""Pieces a pass is cut into: enough to balance any number of cores."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)


@njit(cache=True)
def mix(key):
    """A uint64 with all bits of `key` stirred: one to one, so no two keys share a result.

    SplitMix64: Steele, Lea and Flood, OOPSLA 2014, doi:10.1145/2660193.2660195.
    """
    z = np.uint64(key) + GOLDEN
    z = (z ^ (z >> np.uint64(30))) * FIRST
    z = (z ^ (z >> np.uint64(27))) * SECOND
    return z ^ (z >> np.uint64(31))


@parallel
def pixels_sum(pixels, offsets, first, last, before):
    """Sum over the frames first..last (exclusive) of mix(GOLDEN (f + 1) + sum of mix(pixel)).

    So many frames `before` were of other arrays: f counts them.
    """
    sums = np.zeros(PARTS, np.uint64)
    for part in prange(PARTS):
        total = np.uint64(0)
        start = first + part * (last - first) // PARTS
        stop = first + (part + 1) * (last - first) // PARTS
        for f in range(start, stop):
            frame = pixels[offsets[f] : offsets[f + 1]]
            acc = GOLDEN * np.uint64(before + f + 1)
            for index in range(frame.size):
                acc += mix(np.uint64(frame[index]))
            total += mix(acc)
        sums[part] = total
    return sums.sum()


@parallel
def places_sum(pixels, places, offsets, first, last, before):
    """`pixels_sum`, each pixel with its electron's place (uint8) in the upper 32 bits."""
    sums = np.zeros(PARTS, np.uint64)
    for part in prange(PARTS):
        total = np.uint64(0)
        start = first + part * (last - first) // PARTS
        stop = first + (part + 1) * (last - first) // PARTS
        for f in range(start, stop):
            frame = pixels[offsets[f] : offsets[f + 1]]
            place = places[offsets[f] : offsets[f + 1]]
            acc = GOLDEN * np.uint64(before + f + 1)
            for index in range(frame.size):
                key = np.uint64(frame[index]) | (np.uint64(place[index]) << np.uint64(32))
                acc += mix(key)
            total += mix(acc)
        sums[part] = total
    return sums.sum()
