"""Weights that thickness, tilt and focal spread give to the terms of gamma, on a CUDA device.

A kernel is made twice, with what weighs and with what does not: a thin specimen takes neither
registers nor time. The five numbers of a term's run lie in shared memory, (10, THREADS) for both.
"""

from numba import cuda

from recon.kernels.formulas import ONE, ZERO, depth_line, weight_at

LEVELS = 5
"""Numbers of one term's depth along a run."""

BOTH_LEVELS = 2 * LEVELS

NO_DEPTH = ZERO, ZERO, ZERO, ZERO
"""What a kernel that does not weigh is given."""


@cuda.jit(device=True)
def note_depth(levels, slot, depth, k_y, k_x, q_y):
    """Put the depth of both terms of a run into shared memory."""
    line = depth_line(depth, ONE, k_y, k_x, q_y)
    other = depth_line(depth, -ONE, k_y, k_x, q_y)
    for place in range(LEVELS):
        levels[place, slot] = line[place]
        levels[LEVELS + place, slot] = other[place]


@cuda.jit(device=True)
def note_nothing(levels, slot, depth, k_y, k_x, q_y):
    """The same of a thin specimen."""


@cuda.jit(device=True)
def weight_from(levels, first, slot, x):
    """Weight of a term, whose five numbers begin at row `first`, at one place of its run."""
    return weight_at(
        x,
        levels[first, slot],
        levels[first + 1, slot],
        levels[first + 2, slot],
        levels[first + 3, slot],
        levels[first + 4, slot],
    )


@cuda.jit(device=True)
def weighed(real, imaginary, levels, first, slot, x):
    """A term times its weight."""
    weight = weight_from(levels, first, slot, x)
    return real * weight, imaginary * weight


@cuda.jit(device=True)
def as_it_is(real, imaginary, levels, first, slot, x):
    """The same of a thin specimen."""
    return real, imaginary
