"""Electrons moved on the detector, each by what its place in the scan and in the pattern wants."""

from math import floor

import numpy as np
from numba import njit, prange

from recon.kernels import parallel
from recon.kernels.cpu.events import PARTS
from recon.kernels.host.simulate import mix
from recon.kernels.host.subpixel import STEPS

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
BITS = STEPS.bit_length() - 1
HALF = STEPS // 2
LOW = np.uint64(0xFFFFFFFF)
UNIT = 2.0**-32
GONE = -1


@njit(cache=True)
def polynomial(c, row, column, height, width):
    """Σ c · (1, u, v, u², uv, v²) with u, v from -1 to 1 over the scan's rows and columns."""
    u = (2.0 * row - (height - 1)) / max(height - 1, 1)
    v = (2.0 * column - (width - 1)) / max(width - 1, 1)
    return c[0] + c[1] * u + c[2] * v + c[3] * u * u + c[4] * u * v + c[5] * v * v


@njit(cache=True)
def _shift(frame, scan_shape, powers):
    """Sixteenths of a pixel (y, x) that the pattern of a frame is off by."""
    row, column = divmod(frame, scan_shape[1])
    return (
        STEPS * polynomial(powers[0], row, column, scan_shape[0], scan_shape[1]),
        STEPS * polynomial(powers[1], row, column, scan_shape[0], scan_shape[1]),
    )


@njit(cache=True)
def _moved(event, pixel, places, frame_shape, divider, matrix, origin, dy, dx, seed):
    """Pixel and place of an electron after M (k - shift) + origin; GONE off the detector.

    Sixteenths of a pixel from the middle of pixel 0. Where in its pixel an electron was is drawn
    from the whole pixel if no place says so, and from the sixteenth that the place stands for.
    """
    bits = mix(seed + np.uint64(event) * GOLDEN)
    y = ((bits & LOW) + 0.5) * UNIT
    x = ((bits >> np.uint64(32)) + 0.5) * UNIT
    row = np.int64((np.uint64(pixel) * divider[0]) >> divider[1])
    column = np.int64(pixel) - row * frame_shape[1]
    if places.size:
        y += (places[event] >> 4) - 0.5
        x += (places[event] & 15) - 0.5
    else:
        y, x = STEPS * y - 0.5, STEPS * x - 0.5
    y += STEPS * row - HALF - dy
    x += STEPS * column - HALF - dx
    new_y = np.int64(floor(matrix[0, 0] * y + matrix[0, 1] * x + STEPS * origin[0] + HALF + 0.5))
    new_x = np.int64(floor(matrix[1, 0] * y + matrix[1, 1] * x + STEPS * origin[1] + HALF + 0.5))
    row, column = new_y >> BITS, new_x >> BITS
    if row < 0 or row >= frame_shape[0] or column < 0 or column >= frame_shape[1]:
        return GONE, 0
    return row * frame_shape[1] + column, (new_y & STEPS - 1) << BITS | new_x & STEPS - 1


@parallel
def count_moved(electrons, first, last, safe, shapes, divider, how, seed, kept):
    """Electrons of each frame that stay on the detector, into `kept` (F,) int64.

    `electrons` are pixels (E,) uint32, places in them (E,) uint8 (of size 0 where nothing is
    known), and offsets. `safe` (Ky Kx,) bool are pixels that no electron leaves the detector from.
    `shapes` (2, 2) int64 are those of scan and frame, `divider` that of
    `recon.sums.com.row_divider`. `how` are M, origin and powers: an electron at k of frame R comes
    to M (k - shift(R)) + origin [px], with shift(R) of the powers (2, 6), see `polynomial`.
    """
    pixels, places, offsets = electrons
    matrix, origin, powers = how
    start = mix(np.uint64(seed) + GOLDEN)
    for part in prange(PARTS):
        begin = first + part * (last - first) // PARTS
        end = first + (part + 1) * (last - first) // PARTS
        for frame in range(begin, end):
            dy, dx = _shift(frame, shapes[0], powers)
            number = 0
            for event in range(offsets[frame], offsets[frame + 1]):
                pixel = np.int64(pixels[event])
                if not safe[pixel]:
                    pixel, _ = _moved(
                        event, pixel, places, shapes[1], divider, matrix, origin, dy, dx, start
                    )
                number += pixel != GONE
            kept[frame] = number


@parallel
def move(electrons, first, last, shapes, divider, how, seed, targets, out, left):
    """The electrons that `count_moved` counts, frame f from `targets[f]` on.

    `out` uint32 receives their pixels, `left` uint8 their places in them.
    """
    pixels, places, offsets = electrons
    matrix, origin, powers = how
    start = mix(np.uint64(seed) + GOLDEN)
    for part in prange(PARTS):
        begin = first + part * (last - first) // PARTS
        end = first + (part + 1) * (last - first) // PARTS
        for frame in range(begin, end):
            dy, dx = _shift(frame, shapes[0], powers)
            target = targets[frame]
            for event in range(offsets[frame], offsets[frame + 1]):
                pixel, place = _moved(
                    event, pixels[event], places, shapes[1], divider, matrix, origin, dy, dx, start
                )
                if pixel != GONE:
                    out[target], left[target] = pixel, place
                    target += 1
