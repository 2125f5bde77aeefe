"""Passes over the electrons of a scan on a CUDA device.

The twins of `recon.kernels.cpu.events` and `recon.kernels.cpu.densify`: the same names and
parameters.

A block owns `FRAMES` neighbouring scan positions, and `LANES` threads share the electrons of
each: they read 32 bytes at a time, all of which are used. Counts are kept in shared memory, a
tile of `LABELS` planes at a time, and go to memory once, neighbouring positions side by side.
Whole numbers are added, so the order does not matter and results are the CPU's exactly.
"""

import numpy as np
from numba import cuda, float32, int64, uint32, uint64

from recon.kernels.cuda import scratch as cuda_scratch
from recon.kernels.formulas import larger, smaller

LANES = 8
FRAMES = 32
THREADS = LANES * FRAMES
LABELS = 256
STRIDE = FRAMES + 1
"""Of one plane's counts in shared memory: one more than the frames, so that the threads of a
frame, which count into different planes, do not all want the same memory bank."""

COUNTS = LABELS * STRIDE

BINS = 8192
"""Detector pixels that a block can sum into its own memory."""

MOST_TILES = 16
"""Of so many pixels each, at most: every tile reads all electrons again, and the electrons of a
larger detector seldom meet in one pixel."""

MOST_BLOCKS = 1024


@cuda.jit
def _count(pixels, offsets, first, last, labels, shift, first_label, counts):
    sums = cuda.shared.array(COUNTS, uint32)
    lane, frame = cuda.threadIdx.x, cuda.threadIdx.y
    thread = frame * LANES + lane
    lowest = cuda.blockIdx.y * LABELS
    held = smaller(LABELS, counts.shape[0] - lowest)
    for place in range(thread, held * STRIDE, THREADS):
        sums[place] = 0
    cuda.syncthreads()
    position = first + cuda.blockIdx.x * FRAMES + frame
    if position < last:
        for event in range(offsets[position] + lane, offsets[position + 1], LANES):
            label = (np.int64(labels[pixels[event]]) >> shift) - first_label - lowest
            if label >= 0 and label < held:
                cuda.atomic.add(sums, label * STRIDE + frame, 1)
    cuda.syncthreads()
    column = thread % FRAMES
    position = first + cuda.blockIdx.x * FRAMES + column
    if position < last:
        for label in range(thread // FRAMES, held, THREADS // FRAMES):
            counts[lowest + label, position] += sums[label * STRIDE + column]


def _launch_count(pixels, offsets, first, last, labels, shift, first_label, counts):
    grid = -(-(last - first) // FRAMES), -(-counts.shape[0] // LABELS)
    if min(grid) > 0:
        _count[grid, (LANES, FRAMES)](
            pixels, offsets, first, last, labels, shift, first_label, counts
        )


def densify(pixels, offsets, lookup, first, counts):
    """Add each electron to `counts` (P, F) of its plane, as `lookup` numbers it from `first`."""
    _launch_count(pixels, offsets, 0, counts.shape[1], lookup, 0, first, counts)


def count_labels(pixels, offsets, first, last, labels, out):
    """Electrons of each label in each frame, added to `out` (labels, F) int32."""
    _launch_count(pixels, offsets, first, last, labels, 0, 0, out)


def count_few_labels(pixels, offsets, first, last, shifts, out):
    """`count_labels` with labels that were multiplied by 8, as the CPU wants them."""
    _launch_count(pixels, offsets, first, last, shifts, 3, 0, out)


@cuda.jit
def _widen(counts, out):
    column, row, plane = cuda.grid(3)
    if column < out.shape[2]:
        out[plane, row, column] = counts[plane, row, column]


def widen(counts, out):
    """Copy `counts` (P, Sy, Sx) to single precision."""
    planes, rows, columns = out.shape
    if out.size:
        _widen[(-(-columns // THREADS), rows, planes), (THREADS, 1, 1)](counts, out)


@cuda.jit
def _centres(pixels, offsets, first, last, keep, width, factor, shift, out, sums):
    count = cuda.shared.array((FRAMES, LANES), int64)
    sum_p = cuda.shared.array((FRAMES, LANES), int64)
    sum_y = cuda.shared.array((FRAMES, LANES), int64)
    means = cuda.shared.array((3, FRAMES), float32)
    lane, frame = cuda.threadIdx.x, cuda.threadIdx.y
    position = first + cuda.blockIdx.x * FRAMES + frame
    number, total_p, total_y = np.int64(0), np.int64(0), np.int64(0)
    if position < last:
        for event in range(offsets[position] + lane, offsets[position + 1], LANES):
            pixel = pixels[event]
            if keep.size == 0 or keep[pixel]:
                number += 1
                total_p += np.int64(pixel)
                total_y += np.int64((np.uint64(pixel) * np.uint64(factor)) >> shift)
    count[frame, lane], sum_p[frame, lane], sum_y[frame, lane] = number, total_p, total_y
    cuda.syncthreads()
    if lane == 0:
        for other in range(1, LANES):
            number += count[frame, other]
            total_p += sum_p[frame, other]
            total_y += sum_y[frame, other]
        y, x, filled = np.float32(0), np.float32(0), np.float32(0)
        if number > 0:
            # The whole part exactly, so that single precision is enough for the rest.
            total_x = total_p - width * total_y
            share = np.float32(1) / np.float32(number)
            y = np.float32(total_y // number) + np.float32(total_y % number) * share
            x = np.float32(total_x // number) + np.float32(total_x % number) * share
            filled = np.float32(1)
        if position < last:
            out[0, position] = y if number > 0 else np.float32(np.nan)
            out[1, position] = x if number > 0 else np.float32(np.nan)
        means[0, frame], means[1, frame], means[2, frame] = filled, y, x
    cuda.syncthreads()
    thread = frame * LANES + lane
    if thread < 3:
        total = np.float32(0)
        for other in range(FRAMES):
            total += means[thread, other]
        sums[thread, cuda.blockIdx.x] = total


def centres(pixels, offsets, first, last, keep, width, factor, shift, out):
    """Mean (y, x) of the electrons of each frame into `out` (2, F) float32; NaN where none.

    Parameters and what is returned, on the host, are those of `recon.kernels.cpu.events.centres`.
    """
    blocks = -(-(last - first) // FRAMES)
    if not blocks:
        return np.zeros(3)
    sums = cuda_scratch.allocate((3, blocks), np.float32)
    _centres[blocks, (LANES, FRAMES)](
        pixels, offsets, first, last, keep, width, factor, shift, out, sums
    )
    return cuda_scratch.read(sums).sum(axis=1, dtype=np.float64)


@cuda.jit
def _histogram(pixels, offsets, first, last, keep, partial):
    sums = cuda.shared.array(BINS, uint32)
    lane, frame = cuda.threadIdx.x, cuda.threadIdx.y
    thread = frame * LANES + lane
    mine = cuda.blockIdx.x % partial.shape[0]
    lowest = cuda.blockIdx.y * BINS
    held = smaller(BINS, partial.shape[1] - lowest)
    for place in range(thread, held, THREADS):
        sums[place] = 0
    cuda.syncthreads()
    start = first + cuda.blockIdx.x * FRAMES + frame
    for position in range(start, last, cuda.gridDim.x * FRAMES):
        if keep.size == 0 or keep[position]:
            for event in range(offsets[position] + lane, offsets[position + 1], LANES):
                place = np.int64(pixels[event]) - lowest
                if place >= 0 and place < held:
                    cuda.atomic.add(sums, place, 1)
    cuda.syncthreads()
    for place in range(thread, held, THREADS):
        if sums[place]:
            cuda.atomic.add(partial, (mine, lowest + place), sums[place])


@cuda.jit
def _scatter(pixels, offsets, first, last, keep, partial):
    mine = cuda.blockIdx.x % partial.shape[0]
    start = first + cuda.blockIdx.x * FRAMES + cuda.threadIdx.y
    for position in range(start, last, cuda.gridDim.x * FRAMES):
        if keep.size == 0 or keep[position]:
            for event in range(offsets[position] + cuda.threadIdx.x, offsets[position + 1], LANES):
                cuda.atomic.add(partial, (mine, np.int64(pixels[event])), 1)


def histogram(pixels, offsets, first, last, keep, partial):
    """Electrons in each detector pixel, added to `partial` (parts, Ky * Kx) uint32.

    Each block sums a tile of `BINS` detector pixels before it touches `partial`; of a detector
    with more than `MOST_TILES` of these, electrons are added where they belong, one by one.
    """
    blocks = min(-(-(last - first) // FRAMES), MOST_BLOCKS)
    if blocks <= 0:
        return
    tiles = -(-partial.shape[1] // BINS)
    if tiles > MOST_TILES:
        _scatter[blocks, (LANES, FRAMES)](pixels, offsets, first, last, keep, partial)
    else:
        _histogram[(blocks, tiles), (LANES, FRAMES)](pixels, offsets, first, last, keep, partial)


@cuda.jit
def _highest(pixels, found):
    tops = cuda.shared.array(THREADS, uint32)
    thread = cuda.threadIdx.x
    top = np.uint32(0)
    for index in range(cuda.grid(1), pixels.size, cuda.gridsize(1)):
        top = larger(top, pixels[index])
    tops[thread] = top
    cuda.syncthreads()
    if thread == 0:
        for other in range(1, THREADS):
            top = larger(top, tops[other])
        found[cuda.blockIdx.x] = top


@cuda.jit
def _total(pixels, found):
    sums = cuda.shared.array(THREADS, uint64)
    thread = cuda.threadIdx.x
    total = np.uint64(0)
    for index in range(cuda.grid(1), pixels.size, cuda.gridsize(1)):
        total += np.uint64(pixels[index])
    sums[thread] = total
    cuda.syncthreads()
    if thread == 0:
        for other in range(1, THREADS):
            total += sums[other]
        found[cuda.blockIdx.x] = total


def _blocks_of(pixels):
    return max(1, min(-(-pixels.size // THREADS), MOST_BLOCKS))


def highest(pixels):
    """Largest pixel index of all electrons; one streaming pass."""
    found = cuda_scratch.allocate(_blocks_of(pixels), np.uint32)
    _highest[found.size, THREADS](pixels, found)
    return cuda_scratch.read(found).max()


def total(pixels):
    """Sum of all pixel indices: the least that a pass over the electrons can cost."""
    found = cuda_scratch.allocate(_blocks_of(pixels), np.uint64)
    _total[found.size, THREADS](pixels, found)
    return cuda_scratch.read(found).sum()
