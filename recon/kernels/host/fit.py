"""Sums over the entries of each frequency that a fit of the aberrations needs at one place."""

from math import cos, sin
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

from recon.kernels import parallel


class Entries(NamedTuple):
    """Entries G of the frequencies that are fitted.

    Attributes
    ----------
    values : (E,) complex128
        Those of frequency m are `starts[m]:starts[m + 1]`.
    weights : (E,) float64
        Their variances w.
    starts : (M + 1,) int64
    ridge : (M,) float64
        Inverse variance that a and b have beforehand; positive.
    """

    values: Any
    weights: Any
    starts: Any
    ridge: Any


@njit(cache=True)
def _solved(a, b, c, s, t):
    """X of [[a, c], [c*, b]] x = (s, t); a and b are positive, and a b > |c|²."""
    share = 1 / (a * b - c.real**2 - c.imag**2)
    return share * (b * s - c * t), share * (a * t - c.conjugate() * s)


@parallel
def projections(columns, rest, x, moved, sizes, entries, gains, gradients, curvatures):
    """Fill how much of each frequency the model at `x` (n,) explains, with derivatives.

    The entries G of a frequency are w (a R + b L) and noise of variance w, with R and L the terms
    of γ and a, b unknown; f = s^H M^-1 s with s = (Σ R* G, Σ L* G) and M the terms' products
    weighted by w, plus `ridge` on its diagonal.

    Parameters
    ----------
    columns : (2, E, n or more) float64
        Derivatives of the phases of both terms; `rest` (2, E) are the phases at x = 0, and
        `sizes` (2, E) the terms' amplitudes.
    moved : (p,) int64
        Columns by which derivatives are taken; none where only the gains are wanted.
    entries : Entries
    gains : (M,) float64
        Receive f.
    gradients : (M, p) float64
        Receive df / dx.
    curvatures : (M, p, p) float64
        Receive 2 Re J^H J, J what of the model's change no a and b undo (Gauss and Newton).
    """
    # What is written to is no part of a tuple: Numba would take it for written in vain.
    values, weights, starts, ridge = entries
    unknowns = x.size
    wanted = moved.size
    for m in prange(starts.size - 1):
        first, count = starts[m], starts[m + 1] - starts[m]
        terms = np.empty((2, count), np.complex128)
        s, t, c = 0j, 0j, 0j
        a, b = ridge[m], ridge[m]
        for n in range(count):
            e = first + n
            for term in range(2):
                terms[term, n] = 0.0
                if sizes[term, e] != 0:
                    phase = rest[term, e]
                    for j in range(unknowns):
                        phase += columns[term, e, j] * x[j]
                    terms[term, n] = sizes[term, e] * complex(cos(phase), sin(phase))
            right, left = terms[0, n], terms[1, n]
            s += right.conjugate() * values[e]
            t += left.conjugate() * values[e]
            a += weights[e] * (right.real**2 + right.imag**2)
            b += weights[e] * (left.real**2 + left.imag**2)
            c += weights[e] * right.conjugate() * left
        at_right, at_left = _solved(a, b, c, s, t)
        gains[m] = (s.conjugate() * at_right + t.conjugate() * at_left).real
        if wanted == 0:
            continue
        along = np.empty(wanted, np.complex128)
        by_right, by_left = np.zeros(wanted, np.complex128), np.zeros(wanted, np.complex128)
        for j in range(wanted):
            gradients[m, j] = 0.0
            for i in range(wanted):
                curvatures[m, j, i] = 0.0
        for n in range(count):
            e = first + n
            weight = weights[e]
            right, left = at_right * terms[0, n], at_left * terms[1, n]
            off = (values[e] - weight * (right + left)).conjugate()
            for j in range(wanted):
                at = moved[j]
                change = 1j * (columns[0, e, at] * right + columns[1, e, at] * left)
                along[j] = change
                gradients[m, j] += 2 * (off * change).real
                by_right[j] += weight * terms[0, n].conjugate() * change
                by_left[j] += weight * terms[1, n].conjugate() * change
                for i in range(j + 1):
                    curvatures[m, j, i] += (
                        2 * weight * (change.real * along[i].real + change.imag * along[i].imag)
                    )
        for j in range(wanted):
            undone_right, undone_left = _solved(a, b, c, by_right[j], by_left[j])
            for i in range(j + 1):
                undone = by_right[i].conjugate() * undone_right
                undone += by_left[i].conjugate() * undone_left
                curvatures[m, j, i] -= 2 * undone.real
                curvatures[m, i, j] = curvatures[m, j, i]
