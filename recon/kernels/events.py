"""Passes over the electrons of a scan, on all cores."""

import numpy as np
from numba import get_num_threads, prange

from recon.kernels import parallel


@parallel
def highest(pixels):
    """Largest pixel index of all electrons; one streaming pass."""
    parts = get_num_threads() * 4
    found = np.zeros(parts, np.uint32)
    for part in prange(parts):
        start, stop = part * pixels.size // parts, (part + 1) * pixels.size // parts
        top = np.uint32(0)
        for index in range(start, stop):
            top = max(top, pixels[index])
        found[part] = top
    return found.max()
