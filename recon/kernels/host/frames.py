"""Passes over a slab of dense frames (n, P), on all cores; sums in double precision."""

import numpy as np
from numba import prange

from recon.kernels import parallel
from recon.kernels.wide import WIDE, above, trailing_zeros

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


@parallel(fastmath={"reassoc"})
def sum_runs(frames, runs, out):
    """Sum of each frame over the pixels of each label, into `out` (labels, n).

    `runs` (R, 3) int64 are the stretches of pixels that have one label: start, stop, label. Labels
    change seldom along a row, and a stretch is added up in vectors.
    """
    for f in prange(frames.shape[0]):
        sums = np.zeros(out.shape[0])
        frame = frames[f]
        for r in range(runs.shape[0]):
            total = 0.0
            piece = frame[runs[r, 0] : runs[r, 1]]
            for p in range(piece.size):
                total += np.float64(piece[p])
            sums[runs[r, 2]] += total
        for label in range(out.shape[0]):
            out[label, f] = sums[label]


@parallel(fastmath={"reassoc"})
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
            for x in range(row.size):
                value = np.float64(row[x]) if kept[x] else 0.0
                of_row += value
                sum_x += np.float64(x) * value
            total += of_row
            sum_y += y * of_row
        if total > 0:
            out[0, f], out[1, f] = sum_y / total, sum_x / total
        else:
            out[0, f] = out[1, f] = np.nan


@parallel
def totals(frames, sums, lowest):
    """Sum of each frame into `sums` (n,) int64, and its lowest number into `lowest` (n,)."""
    for f in prange(frames.shape[0]):
        frame = frames[f]
        total, least = np.int64(0), frame[0]
        for p in range(frame.size):
            total += np.int64(frame[p])
            least = min(least, frame[p])
        sums[f], lowest[f] = total, least


@parallel
def unpack(frames, none, starts, pixels):
    """Each pixel as often as it counts, frame f from `starts[f]` on in `pixels` uint32.

    `none` (P,) of the frames' type is zero: 64 pixels are compared with it at a time.
    """
    size = frames.shape[1]
    whole = size - size % WIDE
    for f in prange(frames.shape[0]):
        frame = frames[f]
        place = starts[f]
        for start in range(0, whole, WIDE):
            word = above(frame, none, start)
            while word:
                p = start + np.int64(trailing_zeros(word))
                for _ in range(np.int64(frame[p])):
                    pixels[place] = p
                    place += 1
                word &= word - np.uint64(1)
        for p in range(whole, size):
            for _ in range(np.int64(frame[p])):
                pixels[place] = p
                place += 1
