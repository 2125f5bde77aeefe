"""Passes over a slab of dense frames (n, P), on all cores; sums in double precision."""

import numpy as np
from numba import prange

from recon.kernels import parallel

PIECE = 512
"""Pixels of a frame that one step of `add` takes: their sums stay in the nearest cache."""


@parallel
def add(frames, keep, out):
    """Add the frames that `keep` (n,) selects to `out` (P,) float64."""
    pixels = frames.shape[1]
    for piece in prange((pixels + PIECE - 1) // PIECE):
        start, stop = piece * PIECE, min((piece + 1) * PIECE, pixels)
        mine = out[start:stop]
        for f in range(frames.shape[0]):
            if keep[f]:
                frame = frames[f, start:stop]
                for p in range(frame.size):
                    mine[p] += frame[p]


@parallel
def sum_labels(frames, labels, out):
    """Sum of each frame over the pixels of each label, into `out` (labels, n).

    `labels` (P,) int32 names the row of `out`; those below zero are left out.
    """
    for f in prange(frames.shape[0]):
        sums = np.zeros(out.shape[0])
        frame = frames[f]
        for p in range(frame.size):
            if labels[p] >= 0:
                sums[labels[p]] += frame[p]
        for label in range(out.shape[0]):
            out[label, f] = sums[label]


@parallel
def centres(frames, keep, width, out):
    """Centre of mass (y, x) of each frame over the pixels in `keep`, into `out` (2, n) float64.

    NaN where a frame's sum is not positive.
    """
    for f in prange(frames.shape[0]):
        frame = frames[f]
        total, sum_y, sum_x = 0.0, 0.0, 0.0
        for y in range(frame.size // width):
            row, kept = frame[y * width : (y + 1) * width], keep[y * width : (y + 1) * width]
            of_row = 0.0
            for x in range(width):
                if kept[x]:
                    value = np.float64(row[x])
                    of_row += value
                    sum_x += x * value
            total += of_row
            sum_y += y * of_row
        if total > 0:
            out[0, f], out[1, f] = sum_y / total, sum_x / total
        else:
            out[0, f] = out[1, f] = np.nan


@parallel
def totals(frames, sums):
    """Sum of each frame into `sums` (n,) int64; -1 - p if pixel p holds a number below zero."""
    for f in prange(frames.shape[0]):
        frame = frames[f]
        total, below = np.int64(0), np.int64(-1)
        for p in range(frame.size):
            total += np.int64(frame[p])
            if frame[p] < 0:
                below = p
        sums[f] = total if below < 0 else -1 - below


@parallel
def unpack(frames, starts, pixels):
    """Each pixel as often as it counts, frame f from `starts[f]` on in `pixels` uint32."""
    for f in prange(frames.shape[0]):
        frame = frames[f]
        place = starts[f]
        for p in range(frame.size):
            for _ in range(np.int64(frame[p])):
                pixels[place] = p
                place += 1
