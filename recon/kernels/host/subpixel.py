"""Electrons on a detector finer than the one they were counted on."""

import numpy as np
from numba import prange

from recon.kernels import parallel
from recon.kernels.cpu.events import PARTS

STEPS = 16
"""Places along an edge of a pixel that a source can tell apart."""


@parallel
def refine(pixels, places, width, factor, out, left):
    """Pixel of each electron on a detector `factor` times finer, and its place in there.

    `pixels` (E,) uint32 lie on a detector of `width` columns; `places` (E,) uint8 hold y in the
    high and x in the low four bits, in sixteenths of a pixel from its edge. `left` (E,) uint8
    receives the places in the new pixels, in sixteenths of those.
    """
    for part in prange(PARTS):
        for event in range(part * pixels.size // PARTS, (part + 1) * pixels.size // PARTS):
            pixel, place = np.int64(pixels[event]), np.int64(places[event])
            row = pixel // width
            y = (place >> 4) * factor
            x = (place & 15) * factor
            fine_y = row * factor + y // STEPS
            fine_x = (pixel - row * width) * factor + x // STEPS
            out[event] = fine_y * width * factor + fine_x
            left[event] = (y % STEPS) << 4 | (x % STEPS)
