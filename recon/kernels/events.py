"""Passes over the electrons of a scan, on all cores."""

import numpy as np
from numba import prange

from recon.kernels import parallel

PARTS = 64
"""Pieces a pass is cut into: enough to balance any number of cores."""


@parallel
def highest(pixels):
    """Largest pixel index of all electrons; one streaming pass."""
    found = np.zeros(PARTS, np.uint32)
    for part in prange(PARTS):
        start, stop = part * pixels.size // PARTS, (part + 1) * pixels.size // PARTS
        top = np.uint32(0)
        for index in range(start, stop):
            top = max(top, pixels[index])
        found[part] = top
    return found.max()
