"""Loops between linear indices, run lengths and bitmaps.

On one core each: they serve files, not the moving hand, and compile in a fraction of the time.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def order(pixels, offsets):
    """Numbers of frames whose indices ever decrease, and that hit a pixel twice in a row."""
    unsorted, repeated = 0, 0
    for f in range(offsets.size - 1):
        frame = pixels[offsets[f] : offsets[f + 1]]
        decreases, repeats = False, False
        for index in range(1, frame.size):
            decreases |= frame[index] < frame[index - 1]
            repeats |= frame[index] == frame[index - 1]
        unsorted += decreases
        repeated += repeats
    return unsorted, repeated


@njit(cache=True, nogil=True)
def sort_frames(pixels, offsets):
    """Sort the indices of each frame, in place."""
    for f in range(offsets.size - 1):
        pixels[offsets[f] : offsets[f + 1]].sort()


@njit(cache=True, nogil=True)
def run_lengths(pixels, offsets, hit, out):
    """Steps from one index of a sorted frame to the next, less `hit`, into `out` (E,) uint32.

    The first step of a frame is its first index. With `hit` 0 these are differences, with 1
    numbers of empty pixels.
    """
    for f in range(offsets.size - 1):
        previous = np.int64(-hit)
        for index in range(offsets[f], offsets[f + 1]):
            pixel = np.int64(pixels[index])
            out[index] = pixel - previous - hit
            previous = pixel


@njit(cache=True, nogil=True)
def follow_runs(runs, offsets, hit, size, out):
    """Undo `run_lengths`; returns the first frame that leaves `size` pixels, or -1."""
    for f in range(offsets.size - 1):
        pixel = np.int64(-hit)
        for index in range(offsets[f], offsets[f + 1]):
            pixel += np.int64(runs[index]) + hit
            out[index] = pixel
        if pixel >= size:
            return f
    return -1


@njit(cache=True, nogil=True)
def set_bits(pixels, offsets, out):
    """Set the bit of each hit in `out` (F, bytes) uint8, the first pixel in the highest bit."""
    for f in range(offsets.size - 1):
        for index in range(offsets[f], offsets[f + 1]):
            pixel = pixels[index]
            out[f, pixel >> 3] |= np.uint8(128 >> (pixel & 7))


@njit(cache=True, nogil=True)
def count_bits(bits, out):
    """Set bits of each row of `bits` (F, bytes) uint8 into `out` (F,) int64."""
    for f in range(bits.shape[0]):
        count = 0
        for column in range(bits.shape[1]):
            byte = np.int64(bits[f, column])
            while byte:
                byte &= byte - 1
                count += 1
        out[f] = count


@njit(cache=True, nogil=True)
def read_bits(bits, out):
    """Indices of the set bits, row after row, into `out` (E,) uint32."""
    position = 0
    for f in range(bits.shape[0]):
        for column in range(bits.shape[1]):
            byte = np.int64(bits[f, column])
            for bit in range(8):
                if byte & (128 >> bit):
                    out[position] = 8 * column + bit
                    position += 1
