"""Weights that thickness, tilt and focal spread give to the terms of gamma, a `Vector` at a time.

Where the depth is None, which Numba knows when it compiles, nothing of this is left in a kernel.
"""

from numba import njit

from recon.kernels.cpu.simd import clamp
from recon.kernels.formulas import (
    HALF,
    NEARLY_NONE,
    ONE,
    PI,
    SHARE,
    ZERO,
    depth_line,
    nearest_turn,
    parabola,
    sine_turns,
    to_the_sixteenth,
)


@njit(fastmath=True)
def line_of(depth, sign, k_y, k_x, q_y):
    """What `depth_line` gives; None where thickness and focal spread are none."""
    if depth is None:
        return None
    return depth_line(depth, sign, k_y, k_x, q_y)


@njit(fastmath=True)
def weight_of(x, line):
    """Weights of a term for a vector of places along its run; see `depth_line`."""
    u0, u1, u2, v0, v2 = line
    depth = parabola(x, u0, u1, u2) + NEARLY_NONE
    weight = sine_turns(nearest_turn(HALF * depth)) / (PI * depth)
    if v2 != ZERO:
        spread = v0 + v2 * x * x
        weight = weight * to_the_sixteenth(clamp(SHARE * spread * spread, ZERO, ONE))
    return weight


@njit(fastmath=True)
def weighed(real, imaginary, x, line):
    """A term times its weights; without a line, as it is."""
    if line is None:
        return real, imaginary
    weight = weight_of(x, line)
    return real * weight, imaginary * weight
