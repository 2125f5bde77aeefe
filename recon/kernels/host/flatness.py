"""Sums over the entries of each frequency at given aberrations, from G's own entries alone."""

from math import cos, sin
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

from recon.kernels import parallel

STEEPEST = np.pi / 4
"""Slope of a term's phase [rad per eighth of a pixel] from which a pixel does not sample it."""


class Places(NamedTuple):
    """Where the entries of G lie.

    Attributes
    ----------
    k : (2, E) float64
        Entries' (y, x) [1/Å]; those of frequency m are `starts[m]:starts[m + 1]`.
    q : (2, M) float64
        Frequencies (y, x) in the detector's frame [1/Å].
    right, left : (E,) float64
        1 where the first and where the second term of γ is there.
    starts : (M + 1,) int64
    """

    k: Any
    q: Any
    right: Any
    left: Any
    starts: Any


@njit(cache=True)
def _chi(powers, degree, y, x):
    """Value of chi and its derivatives by y and by x; its polynomial has a total `degree`."""
    value, along_y, along_x = 0.0, 0.0, 0.0
    for i in range(degree, -1, -1):
        line, slope = 0.0, 0.0
        for j in range(degree - i, -1, -1):
            slope = slope * y + line
            line = line * y + powers[i, j]
        along_x = along_x * x + value
        value = value * x + line
        along_y = along_y * x + slope
    return value, along_y, along_x


@njit(cache=True)
def _mean_wave(along):
    """Mean of exp(iθξ) over ξ = -3, -1, 1, 3 for |θ| < π/4: (cos θ + cos 3θ) / 2."""
    u = along * along
    cosine = 1 + u * (-1 / 2 + u * (1 / 24 + u * (-1 / 720 + u / 40320)))
    return cosine * (2 * cosine * cosine - 1)


@njit(cache=True)
def _amplitude(along_y, along_x):
    """How much of a term its mean over a pixel leaves: 0 where the pixel does not sample it."""
    if abs(along_y) >= STEEPEST or abs(along_x) >= STEEPEST:
        return 0.0
    return _mean_wave(along_y) * _mean_wave(along_x)


@njit(cache=True)
def _terms(powers, degree, eighth, k_y, k_x, q_y, q_x, right, left):
    """Amplitude and phase of the first and of the second term of γ, 0 where there is none."""
    here, here_y, here_x = _chi(powers, degree, k_y, k_x)
    first, first_phase, second, second_phase = 0.0, 0.0, 0.0, 0.0
    if right:
        there, there_y, there_x = _chi(powers, degree, k_y - q_y, k_x - q_x)
        first = right * _amplitude((here_y - there_y) * eighth, (here_x - there_x) * eighth)
        first_phase = here - there
    if left:
        there, there_y, there_x = _chi(powers, degree, k_y + q_y, k_x + q_x)
        second = -left * _amplitude((there_y - here_y) * eighth, (there_x - here_x) * eighth)
        second_phase = there - here
    return first, first_phase, second, second_phase


@parallel
def terms(powers, degree, eighth, places, sizes, phases):
    """Fill `sizes` and `phases` (2, E) of the terms; other arguments are those of `flat_sums`."""
    k, q, right, left, starts = places
    for m in prange(starts.size - 1):
        for e in range(starts[m], starts[m + 1]):
            place = k[0, e], k[1, e], q[0, m], q[1, m], right[e], left[e]
            first, phase, second, other = _terms(powers, degree, eighth, *place)
            sizes[0, e], sizes[1, e] = first, second
            phases[0, e], phases[1, e] = phase, other


@parallel
def columns(basis, degree, places, filled):
    """Fill the phases (2, E, n) that polynomials (7, 7, n) of chi give to the terms.

    The first n of the last axis of `filled` are written; other arguments are those of `flat_sums`.
    """
    k, q, right, left, starts = places
    for m in prange(starts.size - 1):
        for e in range(starts[m], starts[m + 1]):
            for term in range(2):
                for n in range(basis.shape[2]):
                    filled[term, e, n] = 0.0
                if (left[e] if term else right[e]) == 0:
                    continue
                y, x = k[0, e], k[1, e]
                if term:
                    y, x = y + q[0, m], x + q[1, m]
                behind_y, behind_x = y - q[0, m], x - q[1, m]
                ahead, behind = 1.0, 1.0
                for i in range(degree + 1):
                    one, other = ahead, behind
                    for j in range(degree + 1 - i):
                        difference = one - other
                        for n in range(basis.shape[2]):
                            filled[term, e, n] += difference * basis[i, j, n]
                        one, other = one * y, other * behind_y
                    ahead, behind = ahead * x, behind * behind_x


@parallel
def turning(powers, degree, places, moved, filled):
    """Fill (2, E) derivatives of the terms' phases where q (2, M) changes by `moved` (2, M)."""
    k, q, right, left, starts = places
    for m in prange(starts.size - 1):
        for e in range(starts[m], starts[m + 1]):
            for term in range(2):
                filled[term, e] = 0.0
                if (left[e] if term else right[e]) != 0:
                    sign = 1 if term else -1
                    at = k[0, e] + sign * q[0, m], k[1, e] + sign * q[1, m]
                    _, along_y, along_x = _chi(powers, degree, *at)
                    filled[term, e] = along_y * moved[0, m] + along_x * moved[1, m]


@parallel
def flat_sums(powers, degree, eighth, places, values, weights, sums, norms):
    """Fill S = Σ γ* G and W = Σ |γ|² w of each frequency.

    Parameters
    ----------
    powers : (7, 7) float64
        Polynomial of chi, averaged over a pixel [rad, 1/Å]; its total degree is `degree`.
    eighth : float
        An eighth of a pixel's width [1/Å].
    places : Places
    values, weights : (E,) complex128, float64
        Entries G and their variances w.
    sums, norms : (M,) complex128, float64
        Filled.
    """
    k, q, right, left, starts = places
    for m in prange(starts.size - 1):
        total, norm = 0j, 0.0
        for e in range(starts[m], starts[m + 1]):
            place = k[0, e], k[1, e], q[0, m], q[1, m], right[e], left[e]
            first, phase, second, other = _terms(powers, degree, eighth, *place)
            gamma = first * complex(cos(phase), sin(phase))
            if second:
                gamma += second * complex(cos(other), sin(other))
            total += gamma.conjugate() * values[e]
            norm += weights[e] * (gamma.real**2 + gamma.imag**2)
        sums[m], norms[m] = total, norm
