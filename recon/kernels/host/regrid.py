"""Frames moved along their rows by parts of a step: electrons drawn for one of two positions."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

from recon.kernels import parallel
from recon.kernels.cpu.events import PARTS
from recon.kernels.host.simulate import mix

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Shift(NamedTuple):
    """How far each row is moved.

    Attributes
    ----------
    columns, begin : int
        Output rows hold so many positions, from `begin` on.
    bases : (Sy,) int64 array
    shares : (Sy,) uint64 array
        A frame of row i and column j lies at j + `bases`[i] + `shares`[i] / 2³².
    width : int
        Positions of a source row.
    seed : uint64
    """

    columns: int
    begin: int
    bases: Any
    shares: Any
    width: int
    seed: Any


@njit(cache=True)
def _further(event, start, share):
    """Whether an electron goes to the further position: with a probability of `share` / 2³²."""
    return mix(start + np.uint64(event) * GOLDEN) >> np.uint64(32) < share


@njit(cache=True)
def _sources(frame, columns, begin, bases, width):
    """Row of an output frame, and the frame whose electrons come from one step further left."""
    row, column = divmod(frame, columns)
    return row, row * width + begin + column - bases[row] - 1


@parallel
def count_shared(offsets, first, last, shift, counts):
    """Electrons of the output frames first..last, into `counts` int64.

    A frame lies between two positions: its electrons go to one of both neighbours.
    """
    columns, begin, bases, shares, width, seed = shift
    start = mix(np.uint64(seed) + GOLDEN)
    for part in prange(PARTS):
        for frame in range(
            first + part * (last - first) // PARTS, first + (part + 1) * (last - first) // PARTS
        ):
            row, left = _sources(frame, columns, begin, bases, width)
            share, number = shares[row], 0
            if share > 0:
                for event in range(offsets[left], offsets[left + 1]):
                    number += _further(event, start, share)
            for event in range(offsets[left + 1], offsets[left + 2]):
                number += not _further(event, start, share)
            counts[frame] = number


@parallel
def share_electrons(values, offsets, first, last, shift, targets, out):
    """What `count_shared` counts, of `values` (E,), output frame f from `targets[f]` on."""
    columns, begin, bases, shares, width, seed = shift
    start = mix(np.uint64(seed) + GOLDEN)
    for part in prange(PARTS):
        for frame in range(
            first + part * (last - first) // PARTS, first + (part + 1) * (last - first) // PARTS
        ):
            row, left = _sources(frame, columns, begin, bases, width)
            share, target = shares[row], targets[frame]
            if share > 0:
                for event in range(offsets[left], offsets[left + 1]):
                    if _further(event, start, share):
                        out[target] = values[event]
                        target += 1
            for event in range(offsets[left + 1], offsets[left + 2]):
                if not _further(event, start, share):
                    out[target] = values[event]
                    target += 1
