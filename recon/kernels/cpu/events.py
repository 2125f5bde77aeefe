"""Passes over the electrons of a scan, on all cores.

Every kernel but the first two works on the frames first..last (exclusive) of a scan, so that
the caller can cut a long pass into batches. Frames are taken as slices: LLVM vectorises the
loop over a slice, not one over `pixels[start + i]`.
"""

import numpy as np
from numba import njit, prange

from recon.kernels import parallel

PARTS = 64
"""Pieces a pass is cut into: enough to balance any number of cores."""

DROPPED = np.uint32(0xFFFFFFFF)
"""Entry of a pixel look-up for an electron that is not kept."""


FEW = 8
"""Labels that `count_few_labels` can count."""


@parallel
def highest(pixels):
    """Largest pixel index of all electrons; one streaming pass."""
    found = np.zeros(PARTS, np.uint32)
    for part in prange(PARTS):
        piece = pixels[part * pixels.size // PARTS : (part + 1) * pixels.size // PARTS]
        top = np.uint32(0)
        for index in range(piece.size):
            top = max(top, piece[index])
        found[part] = top
    return found.max()


@parallel
def total(pixels):
    """Sum of all pixel indices: the least that a pass over the electrons can cost."""
    sums = np.zeros(PARTS, np.uint64)
    for part in prange(PARTS):
        piece = pixels[part * pixels.size // PARTS : (part + 1) * pixels.size // PARTS]
        acc = np.uint64(0)
        for index in range(piece.size):
            acc += np.uint64(piece[index])
        sums[part] = acc
    return sums.sum()


@njit(cache=True)
def _sums(frame, factor, shift):
    """Sum of the indices and sum of the rows of a frame, in whole numbers."""
    sum_p, sum_y = np.uint64(0), np.uint64(0)
    for index in range(frame.size):
        p = np.uint64(frame[index])
        sum_p += p
        sum_y += (p * np.uint64(factor)) >> np.uint64(shift)
    return np.int64(sum_p), np.int64(sum_y)


@njit(cache=True)
def _sums_where(frame, keep, factor, shift):
    """Electrons on kept pixels, sum of their indices, and sum of their rows."""
    count, sum_p, sum_y = 0, 0, 0
    for index in range(frame.size):
        p = frame[index]
        if keep[p]:
            count += 1
            sum_p += np.int64(p)
            sum_y += np.int64((np.uint64(p) * np.uint64(factor)) >> np.uint64(shift))
    return count, sum_p, sum_y


@parallel
def centres(pixels, offsets, first, last, keep, width, factor, shift, out):
    """Mean (y, x) of the electrons of each frame into `out` (2, F) float32; NaN where none.

    `keep` (Ky * Kx,) bool selects detector pixels; of size 0 it selects all. The row of pixel p
    is p * factor >> shift (see `recon.sums.com`). Returns (3,) float64: the number of frames with
    electrons, and the sums of their means along y and x.
    """
    sums = np.zeros((PARTS, 3))
    for part in prange(PARTS):
        filled, means_y, means_x = 0, 0.0, 0.0
        start = first + part * (last - first) // PARTS
        stop = first + (part + 1) * (last - first) // PARTS
        for f in range(start, stop):
            frame = pixels[offsets[f] : offsets[f + 1]]
            count = frame.size
            if keep.size == 0:
                sum_p, sum_y = _sums(frame, factor, shift)
            else:
                count, sum_p, sum_y = _sums_where(frame, keep, factor, shift)
            if count:
                # Σx = Σp - width Σy, exact in whole numbers: no division in the inner loop.
                y = sum_y / np.float64(count)
                x = (sum_p - width * sum_y) / np.float64(count)
                out[0, f], out[1, f] = y, x
                filled += 1
                means_y += y
                means_x += x
            else:
                out[0, f] = out[1, f] = np.float32(np.nan)
        sums[part, 0], sums[part, 1], sums[part, 2] = filled, means_y, means_x
    return sums.sum(axis=0)


@parallel
def histogram(pixels, offsets, first, last, keep, partial):
    """Electrons in each detector pixel, added to `partial` (parts, Ky * Kx) uint32.

    `keep` (F,) bool selects frames; of size 0 it selects all. Each part writes its own row.
    """
    parts = partial.shape[0]
    for part in prange(parts):
        start = first + part * (last - first) // parts
        stop = first + (part + 1) * (last - first) // parts
        mine = partial[part]
        for f in range(start, stop):
            if keep.size == 0 or keep[f]:
                frame = pixels[offsets[f] : offsets[f + 1]]
                for index in range(frame.size):
                    mine[frame[index]] += np.uint32(1)


@parallel
def count_labels(pixels, offsets, first, last, labels, out):
    """Electrons of each label in each frame, added to `out` (labels, F) int32.

    `labels` (Ky * Kx,) uint16 names the row of `out` for each detector pixel.
    """
    for part in prange(PARTS):
        start = first + part * (last - first) // PARTS
        stop = first + (part + 1) * (last - first) // PARTS
        for f in range(start, stop):
            frame = pixels[offsets[f] : offsets[f + 1]]
            for index in range(frame.size):
                out[labels[frame[index]], f] += np.int32(1)


@parallel
def count_few_labels(pixels, offsets, first, last, shifts, out):
    """`count_labels` for up to FEW labels, in half the time.

    `shifts` (Ky * Kx,) uint8 is 8 times the label of each detector pixel. The counts are the
    bytes of one register, emptied before one can overflow: adding to memory would make each
    electron wait for the one before.
    """
    for part in prange(PARTS):
        start = first + part * (last - first) // PARTS
        stop = first + (part + 1) * (last - first) // PARTS
        for f in range(start, stop):
            position = offsets[f]
            while position < offsets[f + 1]:
                piece = pixels[position : min(position + 255, offsets[f + 1])]
                counts = np.uint64(0)
                for index in range(piece.size):
                    counts += np.uint64(1) << np.uint64(shifts[piece[index]])
                for label in range(out.shape[0]):
                    out[label, f] += np.int32((counts >> np.uint64(8 * label)) & np.uint64(255))
                position += piece.size


@parallel
def move_pixels(pixels, offsets, first, last, table, new_offsets, out):
    """Electrons at their new pixel `table[p]`, without those DROPPED, into `out`."""
    for part in prange(PARTS):
        start = first + part * (last - first) // PARTS
        stop = first + (part + 1) * (last - first) // PARTS
        for f in range(start, stop):
            frame = pixels[offsets[f] : offsets[f + 1]]
            position = new_offsets[f]
            for index in range(frame.size):
                moved = table[frame[index]]
                if moved != DROPPED:
                    out[position] = moved
                    position += 1


@parallel
def gather_frames(pixels, offsets, first, last, order, targets, out):
    """Whole frames in another order: frame `order[i]` into `out` from `targets[i]` on."""
    for part in prange(PARTS):
        start = first + part * (last - first) // PARTS
        stop = first + (part + 1) * (last - first) // PARTS
        for i in range(start, stop):
            frame = pixels[offsets[order[i]] : offsets[order[i] + 1]]
            for index in range(frame.size):
                out[targets[i] + index] = frame[index]
