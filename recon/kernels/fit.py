"""Sums over the entries of each frequency that a fit of the aberrations needs at one place."""

from math import cos, sin

import numpy as np
from numba import prange

from recon.kernels import parallel


@parallel
def tile_sums(
    columns, rest, x, sizes, values, weights, starts, sums, norms, slopes, means, spreads
):
    """Fill the sums of each frequency at the coefficients `x` (n,).

    Parameters
    ----------
    columns : (2, E, n) float64
        Derivatives of the phases of both terms of γ; `rest` (2, E) are the phases at x = 0, and
        `sizes` (2, E) the terms' amplitudes: γ = Σ sizes exp(iφ).
    values : (E,) complex128
        Entries G; those of frequency m are `starts[m]:starts[m + 1]`.
    weights : (E,) float64
        Their variances w.
    sums, norms : (M,) complex128, float64
        Receive S = Σ γ* G and W = Σ |γ|² w.
    slopes : (M, n) complex128
        Receive dS / dx; of shape (M, 0) where only the sums are wanted.
    means, spreads : (M, n) complex128, (M, n, n) float64
        Receive Σ w γ* dγ / W, and Re Σ w dγ* dγ' / W less what the means explain of it.
    """
    unknowns = x.size
    wanted = slopes.shape[1]
    for m in prange(starts.size - 1):
        total, norm, most = 0j, 0.0, 0.0
        along = np.empty(wanted, np.complex128)
        for j in range(wanted):
            slopes[m, j] = 0.0
            means[m, j] = 0.0
            for i in range(wanted):
                spreads[m, j, i] = 0.0
        for e in range(starts[m], starts[m + 1]):
            gamma = 0j
            along[:] = 0j
            for term in range(2):
                size = sizes[term, e]
                if size == 0:
                    continue
                phase = rest[term, e]
                for j in range(unknowns):
                    phase += columns[term, e, j] * x[j]
                part = size * complex(cos(phase), sin(phase))
                gamma += part
                for j in range(wanted):
                    along[j] += 1j * columns[term, e, j] * part
            weight = weights[e]
            total += gamma.conjugate() * values[e]
            norm += weight * (gamma.real**2 + gamma.imag**2)
            most += weight
            for j in range(wanted):
                slopes[m, j] += along[j].conjugate() * values[e]
                means[m, j] += weight * gamma.conjugate() * along[j]
                for i in range(j + 1):
                    spreads[m, j, i] += weight * (
                        along[j].real * along[i].real + along[j].imag * along[i].imag
                    )
        sums[m], norms[m] = total, norm
        # Where both terms cancel everywhere there is nothing to be learnt.
        share = 1 / norm if norm > 1e-9 * most else 0.0
        for j in range(wanted):
            means[m, j] *= share
        for j in range(wanted):
            for i in range(j + 1):
                explained = (means[m, j].conjugate() * means[m, i]).real
                value = spreads[m, j, i] * share - explained
                spreads[m, j, i] = value
                spreads[m, i, j] = value
