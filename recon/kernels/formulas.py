"""Scalar formulas, compiled for whichever device calls them.

Only scalars come in and go out, and every number is single precision: a double-precision
literal would drag the whole expression along with it.
"""

from math import floor

import numpy as np
from numba import njit

ZERO = np.float32(0.0)
QUARTER = np.float32(0.25)
SIXTEENTH = np.float32(0.0625)
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


PI = np.float32(np.pi)
SHARE = np.float32(np.pi**2 / 16)
NEARLY_NONE = np.float32(1e-12)

# A Chebyshev fit of exp(-y) on 0 <= y <= 1, to 1e-7.
E0, E1, E2, E3, E4, E5, E6 = (
    np.float32(value)
    for value in (
        1.0,
        -0.99999845,
        0.4999751,
        -0.16651517,
        0.041223317,
        -0.0076543251,
        0.00084900786,
    )
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
def depth_line(depth, sign, k_y, k_x, q_y):
    """Coefficients of a term's depth along a run, in x = k_x - q_x for the first term of gamma.

    For the second, `sign` is -1 and x = -k_x - q_x: it is the first of a mirrored specimen. The
    five are those of U = u0 + u1 x + u2 x² and V = v0 + v2 x² of `recon.kernels.arguments.Depth`.
    """
    y, x = sign * k_y, sign * k_x
    level = x * x + q_y * (y + y - q_y)
    curve, lean_y, lean_x, spread = depth
    lean = sign * (lean_y * q_y + lean_x * x)
    return curve * level - lean, sign * lean_x, -curve, spread * level, -spread


@njit
def parabola(x, c0, c1, c2):
    """Horner's scheme to the second power."""
    return c0 + x * (c1 + x * c2)


@njit
def to_the_sixteenth(y):
    """exp(-16 y) for 0 <= y <= 1, to 6e-7."""
    e = E0 + y * (E1 + y * (E2 + y * (E3 + y * (E4 + y * (E5 + y * E6)))))
    e = e * e
    e = e * e
    e = e * e
    return e * e


@njit
def weight_at(x, u0, u1, u2, v0, v2):
    """Weight of a term at one place of its run, from what `depth_line` gives."""
    # So little that it only keeps 0 / 0 away.
    depth = parabola(x, u0, u1, u2) + NEARLY_NONE
    weight = sine_turns(near_turn(HALF * depth)) / (PI * depth)
    if v2 != ZERO:
        spread = v0 + v2 * x * x
        weight *= to_the_sixteenth(smaller(SHARE * spread * spread, ONE))
    return weight


@njit
def smaller(a, b):
    """The smaller of two numbers: Numba's own CUDA target fails at `min`."""
    return a if a < b else b


@njit
def larger(a, b):
    """The larger of two numbers."""
    return a if a > b else b


@njit
def near_turn(turns):
    """`nearest_turn` of one number: CUDA knows no `np.floor`, vectors no other."""
    return turns - np.float32(floor(turns + HALF))


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


@njit
def tame(slope):
    """A phase's slope [turns per eighth of a pixel], no steeper than two turns a pixel."""
    return larger(smaller(slope, QUARTER), -QUARTER)


@njit
def is_tame(slope_x, slope_y):
    """Whether the phase makes fewer than two turns over a pixel, along either edge."""
    return slope_x * slope_x < SIXTEENTH and slope_y * slope_y < SIXTEENTH


@njit
def whole_pixel(turns, slope_x, slope_y):
    """Mean of exp(i phase) over a pixel's 4 × 4 sub-points, of one number each.

    `turns` is the phase at the centre, the slopes are in turns per eighth of a pixel.
    """
    along_x, along_y = cosine_turns(tame(slope_x)), cosine_turns(tame(slope_y))
    size = four_point_mean(along_x) * four_point_mean(along_y)
    return size * cosine_turns(turns), size * sine_turns(turns)


@njit
def row_of_points(bits, c1, s1, c3, s3):
    """Σ exp(i ξ θ) over the set ones of the four lowest bits, for ξ = -3, -1, 1, 3."""
    real, imaginary = ZERO, ZERO
    if bits & 1:
        real, imaginary = c3, -s3
    if bits & 2:
        real, imaginary = real + c1, imaginary - s1
    if bits & 4:
        real, imaginary = real + c1, imaginary + s1
    if bits & 8:
        real, imaginary = real + c3, imaginary + s3
    return real, imaginary


@njit
def part_pixel(turns, slope_x, slope_y, mask):
    """`whole_pixel` over the sub-points whose bits are set in `mask`, still divided by 16."""
    if not is_tame(slope_x, slope_y):
        return ZERO, ZERO
    c1, s1 = cosine_turns(slope_x), sine_turns(slope_x)
    c3, s3 = cosine_of_triple(c1), sine_of_triple(s1)
    d1, t1 = cosine_turns(slope_y), sine_turns(slope_y)
    d3, t3 = cosine_of_triple(d1), sine_of_triple(t1)
    r0, i0 = row_of_points(mask, c1, s1, c3, s3)
    r1, i1 = row_of_points(mask >> 4, c1, s1, c3, s3)
    r2, i2 = row_of_points(mask >> 8, c1, s1, c3, s3)
    r3, i3 = row_of_points(mask >> 12, c1, s1, c3, s3)
    # Rows of sub-points at η = -3, -1, 1, 3: multiply by exp(i η θ_y) and add.
    real = d3 * (r0 + r3) + d1 * (r1 + r2) + t3 * (i0 - i3) + t1 * (i1 - i2)
    imaginary = d3 * (i0 + i3) + d1 * (i1 + i2) + t3 * (r3 - r0) + t1 * (r2 - r1)
    cosine, sine = SIXTEENTH * cosine_turns(turns), SIXTEENTH * sine_turns(turns)
    return real * cosine - imaginary * sine, real * sine + imaginary * cosine
