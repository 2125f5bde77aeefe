"""Electrons left out at random: each by a number of its own, hashed from the seed and its place."""

import numpy as np
from numba import prange

from recon.kernels import parallel
from recon.kernels.cpu.events import PARTS
from recon.kernels.host.simulate import mix

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@parallel
def count_kept(offsets, first, last, seed, low, high, kept):
    """Electrons of each frame whose number, of 2³², lies in low <= number < high.

    `kept` (F,) int64 receives them for the frames first..last.
    """
    start = mix(np.uint64(seed) + GOLDEN)
    for part in prange(PARTS):
        begin = first + part * (last - first) // PARTS
        end = first + (part + 1) * (last - first) // PARTS
        for frame in range(begin, end):
            number = 0
            for event in range(offsets[frame], offsets[frame + 1]):
                drawn = mix(start + np.uint64(event) * GOLDEN) >> np.uint64(32)
                number += low <= drawn and drawn < high
            kept[frame] = number


@parallel
def keep(pixels, offsets, first, last, seed, low, high, targets, out):
    """The electrons that `count_kept` counts, frame f from `targets[f]` on in `out`."""
    start = mix(np.uint64(seed) + GOLDEN)
    for part in prange(PARTS):
        begin = first + part * (last - first) // PARTS
        end = first + (part + 1) * (last - first) // PARTS
        # Every electron is written, and stays if the place moves on: no branch to be guessed. What
        # follows the last one belongs to another thread.
        beyond = targets[end]
        for frame in range(begin, end):
            place = targets[frame]
            for event in range(offsets[frame], offsets[frame + 1]):
                drawn = mix(start + np.uint64(event) * GOLDEN) >> np.uint64(32)
                if place < beyond:
                    out[place] = pixels[event]
                place += low <= drawn and drawn < high
