"""Sums over the entries of each frequency that a fit of the aberrations needs at one place."""

from math import cos, sin

from numba import prange

from recon.kernels import parallel


@parallel
def tile_sums(columns, rest, x, dim, values, weights, starts, sums, norms, slopes, means, spreads):
    """Fill the sums of each frequency at the coefficients `x` (n,).

    Parameters
    ----------
    columns : (E, n) float64
        Derivative of each entry's phase by each coefficient; `rest` (E,) is the phase at x = 0.
    dim, weights : (E,) float64
        Shortening a, and variance w.
    values : (E,) complex128
        Entries; those of frequency m are `starts[m]:starts[m + 1]`.
    sums, norms : (M,) complex128, float64
        Receive S = Σ a e^{-iφ} G and W = Σ a² w.
    slopes : (M, n) complex128
        Receive dS / dx; of shape (M, 0) where only the sums are wanted.
    means, spreads : (M, n), (M, n, n) float64
        Receive the columns' weighted mean Σ a² w B / W and covariance Σ a² w B B' / W - mean².
    """
    unknowns = x.size
    wanted = slopes.shape[1]
    for m in prange(starts.size - 1):
        real, imaginary, norm = 0.0, 0.0, 0.0
        for j in range(wanted):
            slopes[m, j] = 0.0
            means[m, j] = 0.0
            for i in range(wanted):
                spreads[m, j, i] = 0.0
        for e in range(starts[m], starts[m + 1]):
            phase = rest[e]
            for j in range(unknowns):
                phase += columns[e, j] * x[j]
            c, s = dim[e] * cos(phase), dim[e] * sin(phase)
            a = c * values[e].real + s * values[e].imag
            b = c * values[e].imag - s * values[e].real
            real += a
            imaginary += b
            weight = dim[e] * dim[e] * weights[e]
            norm += weight
            for j in range(wanted):
                # d e^{-iφ} / dx = -i B e^{-iφ}
                slopes[m, j] += columns[e, j] * complex(b, -a)
                part = weight * columns[e, j]
                means[m, j] += part
                for i in range(j + 1):
                    spreads[m, j, i] += part * columns[e, i]
        sums[m], norms[m] = complex(real, imaginary), norm
        share = 1 / norm if norm > 0 else 0.0
        for j in range(wanted):
            means[m, j] *= share
        for j in range(wanted):
            for i in range(j + 1):
                value = spreads[m, j, i] * share - means[m, j] * means[m, i]
                spreads[m, j, i] = value
                spreads[m, i, j] = value
