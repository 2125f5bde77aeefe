"""Scalar formulas, compiled for whichever device calls them.

Only scalars come in and go out, and every number is single precision: a double-precision
literal would drag the whole expression along with it.
"""

import numpy as np
from numba import njit

HALF = np.float32(0.5)
ONE = np.float32(1.0)
TWO = np.float32(2.0)
THREE = np.float32(3.0)
FOUR = np.float32(4.0)

# Chebyshev least-squares fits, in r², of sin(2πr)/r and cos(2πr) on |r| <= 1/2.
S0, S1, S2, S3, S4, S5 = (
    np.float32(value)
    for value in (6.283185, -41.34159, 81.599945, -76.61447, 41.342884, -12.471244)
)
C0, C1, C2, C3, C4, C5, C6 = (
    np.float32(value)
    for value in (1.0, -19.739204, 64.939117, -85.45014, 60.16763, -25.9676, 6.5286584)
)


@njit
def sine_turns(turns):
    """sin(2π r) for |r| <= 1/2, to 6e-7; a turn is a full circle."""
    u = turns * turns
    return turns * (S0 + u * (S1 + u * (S2 + u * (S3 + u * (S4 + u * S5)))))


@njit
def cosine_turns(turns):
    """cos(2π r) for |r| <= 1/2, to 4e-7."""
    u = turns * turns
    return C0 + u * (C1 + u * (C2 + u * (C3 + u * (C4 + u * (C5 + u * C6)))))


@njit
def nearest_turn(turns):
    """The same angle within half a turn of zero."""
    return turns - np.floor(turns + HALF)


@njit
def polynomial(x, c0, c1, c2, c3, c4, c5, c6):
    """Horner's scheme to the sixth power: chi along a line of the scan's frequencies."""
    return c0 + x * (c1 + x * (c2 + x * (c3 + x * (c4 + x * (c5 + x * c6)))))


@njit
def polynomial5(x, c0, c1, c2, c3, c4, c5):
    """Horner's scheme to the fifth power: one component of grad chi along a line."""
    return c0 + x * (c1 + x * (c2 + x * (c3 + x * (c4 + x * c5))))


@njit
def four_point_mean(cosine):
    """Mean of exp(i θ ξ) over ξ = -3, -1, 1, 3, given cos θ: (cos θ + cos 3θ) / 2."""
    return cosine * (TWO * cosine * cosine - ONE)


@njit
def cosine_of_triple(cosine):
    """Triple-angle cosine, cos 3θ from cos θ."""
    return cosine * (FOUR * cosine * cosine - THREE)


@njit
def sine_of_triple(sine):
    """Triple-angle sine, sin 3θ from sin θ."""
    return sine * (THREE - FOUR * sine * sine)
