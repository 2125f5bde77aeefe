"""Walks over all kept entries of G: where they come from, and what power they hold.

Entries are stored as in `recon.kernels.cpu.sidebands`.
"""

import numpy as np
from numba import prange

from recon.kernels import parallel


@parallel
def pack(planes, first_plane, runs, first, next_run, next_entry, re, im):
    """Copy the kept entries of some planes of the scan's transform to their places.

    Parameters
    ----------
    planes : (B, Sy, Qx) complex64
        Transformed planes, from number `first_plane` on.
    next_run, next_entry : (Sy,) int64
        Where each row stands in `runs` and in the entries; moved on. Planes come in order.
    """
    last_plane = first_plane + planes.shape[0]
    for row in prange(next_run.size):
        run, entry = next_run[row], next_entry[row]
        while run < first[0, row + 1] and runs[run, 0] < last_plane:
            source = planes[runs[run, 0] - first_plane, row]
            column, length = np.int64(runs[run, 1]), np.int64(runs[run, 2])
            for t in range(length):
                value = source[column + t]
                re[entry + t] = value.real
                im[entry + t] = value.imag
            entry += length
            run += 1
        next_run[row], next_entry[row] = run, entry


@parallel
def entry_power(re, im, first, runs, weights, power, noise):
    """Fill (Sy, Qx) float32 `power` with Σ |G|² of the kept entries, `noise` with Σ weights(k)."""
    for row in prange(power.shape[0]):
        power[row, :] = 0
        noise[row, :] = 0
        entry = first[2, row]
        for run in range(first[0, row], first[0, row + 1]):
            column, length = np.int64(runs[run, 1]), np.int64(runs[run, 2])
            weight = weights[runs[run, 0]]
            for t in range(length):
                power[row, column + t] += re[entry + t] ** 2 + im[entry + t] ** 2
                noise[row, column + t] += weight
            entry += length
