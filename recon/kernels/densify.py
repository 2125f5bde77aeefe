"""Events into binned counts, planes first."""

from numba import prange

from recon.kernels import parallel


@parallel
def densify(pixels, offsets, lookup, first, counts):
    """Add each electron to `counts` (P, F) of its plane, as `lookup` numbers it from `first`.

    Each thread owns a stretch of positions, so no two write the same place.
    """
    positions = counts.shape[1]
    parts = 256
    for part in prange(parts):
        for position in range(part * positions // parts, (part + 1) * positions // parts):
            for event in range(offsets[position], offsets[position + 1]):
                plane = lookup[pixels[event]] - first
                if 0 <= plane < counts.shape[0]:
                    counts[plane, position] += 1


@parallel
def widen(counts, out):
    """Copy `counts` (P, Sy, Sx) to single precision."""
    for row in prange(out.shape[1]):
        for plane in range(out.shape[0]):
            for column in range(out.shape[2]):
                out[plane, row, column] = counts[plane, row, column]
