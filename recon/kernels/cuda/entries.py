"""Walks over all kept entries of G on a CUDA device.

The twins of `recon.kernels.cpu.entries`: the same tables, the same names, the same parameters.

Runs do not say where their entries lie: these follow one another, so a run's place is the sum
of the lengths before it. A block takes its row's runs `THREADS` at a time and adds the lengths up
in shared memory, all threads at once.
"""

import numpy as np
from numba import cuda, float32, int32, int64

from recon.kernels.cuda.sidebands import WARP
from recon.kernels.formulas import ZERO, smaller

THREADS = 4 * WARP
SHIFT = 32
LOW = (1 << SHIFT) - 1


@cuda.jit(device=True)
def sums_before(sums, thread, value):
    """Sum of the values of the threads before this one, and of all: two counters in one number.

    `sums` (2, THREADS) int64 is shared. Every thread of the block has to call this.
    """
    old, new = 0, 1
    sums[old, thread] = value
    cuda.syncthreads()
    reach = 1
    while reach < THREADS:
        total = sums[old, thread]
        if thread >= reach:
            total += sums[old, thread - reach]
        sums[new, thread] = total
        cuda.syncthreads()
        old, new = new, old
        reach *= 2
    return sums[old, thread] - value, sums[old, THREADS - 1]


@cuda.jit
def _pack(planes, first_plane, runs, first, next_run, next_entry, re, im):
    sums = cuda.shared.array((2, THREADS), int64)
    start = cuda.shared.array(THREADS, int32)
    lengths = cuda.shared.array(THREADS, int32)
    source = cuda.shared.array(THREADS, int32)
    places = cuda.shared.array(THREADS, int64)
    lane, share, row = cuda.threadIdx.x, cuda.threadIdx.y, cuda.blockIdx.x
    thread = share * WARP + lane
    run, entry = next_run[row], next_entry[row]
    last_plane = first_plane + planes.shape[0]
    taken = THREADS
    # A chunk that was not taken whole holds the last of these planes.
    while taken == THREADS:
        length = 0
        mine = run + thread
        wanted = mine < first[0, row + 1] and np.int64(runs[mine, 0]) < last_plane
        if wanted:
            length = np.int64(runs[mine, 2])
            source[thread] = np.int64(runs[mine, 0]) - first_plane
            start[thread] = np.int32(runs[mine, 1])
        before, total = sums_before(sums, thread, length << SHIFT | (1 if wanted else 0))
        lengths[thread] = length
        places[thread] = entry + (before >> SHIFT)
        taken = total & LOW
        cuda.syncthreads()
        for slot in range(share, taken, THREADS // WARP):
            # Unsigned, as in `cuda_sidebands`.
            plane, this_row = np.uint64(source[slot]), np.uint64(row)
            for t in range(lane, lengths[slot], WARP):
                value = planes[plane, this_row, np.uint64(start[slot] + t)]
                at = np.uint64(places[slot] + t)
                re[at], im[at] = value.real, value.imag
        cuda.syncthreads()
        run += taken
        entry += total >> SHIFT
    if thread == 0:
        next_run[row], next_entry[row] = run, entry


def pack(planes, first_plane, runs, first, next_run, next_entry, re, im):
    """Copy the kept entries of some planes of the scan's transform to their places.

    A block a row. `planes` (B, Sy, Qx) complex64 are those from number `first_plane` on;
    `next_run`, `next_entry` (Sy,) int64 are where each row stands, and are moved on.
    """
    if next_run.size:
        _pack[next_run.size, (WARP, THREADS // WARP)](
            planes, first_plane, runs, first, next_run, next_entry, re, im
        )


@cuda.jit(fastmath=True)
def _entry_power(re, im, first, runs, weights, power, noise):
    sums = cuda.shared.array((2, THREADS), int64)
    start = cuda.shared.array(THREADS, int32)
    lengths = cuda.shared.array(THREADS, int32)
    weight = cuda.shared.array(THREADS, float32)
    places = cuda.shared.array(THREADS, int64)
    thread, row = cuda.threadIdx.x, cuda.blockIdx.y
    column = np.int32(cuda.blockIdx.x * THREADS + thread)
    entry = first[2, row]
    begin, end = first[0, row], first[0, row + 1]
    total_power, total_noise = ZERO, ZERO
    while begin < end:
        run = begin + thread
        length = 0
        if run < end:
            start[thread], length = np.int32(runs[run, 1]), np.int64(runs[run, 2])
            weight[thread] = weights[runs[run, 0]]
        before, total = sums_before(sums, thread, length)
        lengths[thread] = length
        places[thread] = entry + before
        cuda.syncthreads()
        for place in range(smaller(end - begin, THREADS)):
            slot = np.uint64(place)
            offset = np.int32(column - start[slot])
            if offset >= 0 and offset < lengths[slot]:
                at = np.uint64(places[slot] + offset)
                real, imaginary = np.float32(re[at]), np.float32(im[at])
                total_power += real * real + imaginary * imaginary
                total_noise += weight[slot]
        cuda.syncthreads()
        entry += total
        begin += THREADS
    if column < power.shape[1]:
        power[row, column] = total_power
        noise[row, column] = total_noise


def entry_power(re, im, first, runs, weights, power, noise):
    """Fill (Sy, Qx) float32 `power` with Σ |G|² of the kept entries, `noise` with Σ weights(k)."""
    _entry_power[(-(-power.shape[1] // THREADS), power.shape[0]), THREADS](
        re, im, first, runs, weights, power, noise
    )
