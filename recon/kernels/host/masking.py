"""Electrons left out by the pixel that they hit."""

from numba import prange

from recon.kernels import parallel
from recon.kernels.cpu.events import PARTS


@parallel
def count_kept(pixels, offsets, first, last, keep, kept):
    """Electrons of the frames first..last on pixels that `keep` (Ky Kx,) bool, into `kept` (F,)."""
    for part in prange(PARTS):
        begin = first + part * (last - first) // PARTS
        end = first + (part + 1) * (last - first) // PARTS
        for frame in range(begin, end):
            number = 0
            for event in range(offsets[frame], offsets[frame + 1]):
                number += keep[pixels[event]]
            kept[frame] = number


@parallel
def keep_values(values, pixels, offsets, first, last, keep, targets, out):
    """What `count_kept` counts, of `values` (E,), frame f from `targets[f]` on in `out`."""
    for part in prange(PARTS):
        begin = first + part * (last - first) // PARTS
        end = first + (part + 1) * (last - first) // PARTS
        for frame in range(begin, end):
            target = targets[frame]
            for event in range(offsets[frame], offsets[frame + 1]):
                if keep[pixels[event]]:
                    out[target] = values[event]
                    target += 1
