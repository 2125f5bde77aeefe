"""What the fast kernels are measured against: the paper's own kernel, and bare streams."""

from math import cos, pi, sin

import numpy as np
from numba import njit, prange

from recon.kernels import parallel

LEAST_GAMMA = np.float32(1e-3)


@njit(cache=True, fastmath=True)
def _aperture_phase(ky, kx, wavelength, c):
    """Phase chi(k) by the paper's twelve coefficients, as its kernel evaluates it."""
    u, v = kx * wavelength, ky * wavelength
    u2, v2 = u * u, v * v
    u3, v3 = u2 * u, v2 * v
    u4, v4 = u3 * u, v3 * v
    surface = c[0] * (u2 + v2) + c[1] * (u2 - v2) + c[2] * 2 * u * v
    surface /= 2
    third = c[3] * (u3 + u * v2) + c[4] * (u2 * v + v3)
    third += c[5] * (u3 - 3 * u * v2) + c[6] * (3 * u2 * v - v3)
    surface += third / 3
    fourth = c[7] * (u4 + 2 * u2 * v2 + v4) + c[8] * (u4 - v4)
    fourth += c[9] * (2 * u3 * v + 2 * u * v3) + c[10] * (u4 - 6 * u2 * v2 + v4)
    fourth += c[11] * (4 * u3 * v - 4 * u * v3)
    surface += fourth / 4
    return np.float32(2 * pi) / wavelength * surface


@njit(cache=True, fastmath=True)
def _aperture(ky, kx, k0, wavelength, c):
    """A(k), computed in place: no table of it is kept."""
    if ky * ky + kx * kx >= k0 * k0:
        return np.complex64(0)
    phase = _aperture_phase(ky, kx, wavelength, c)
    return np.complex64(complex(cos(phase), -sin(phase)))


@parallel(fastmath=True)
def paper_sideband(g, ky, kx, q_y, q_x, k0, wavelength, c, out):
    """Fill `out` (3, Sy, Qx) with Σ_k conj(gamma) G over all, left and right of `g` (K, Sy, Qx).

    The kernel of Pelz et al. (2021) one to one, with the CPU's threads for the GPU's: every
    pixel of every frequency is visited, the three apertures and the mask are computed inline,
    and the sums over all of the bright field and over each sideband are kept.
    """
    for row in prange(out.shape[1]):
        out[:, row, :] = 0
        for plane in range(g.shape[0]):
            for column in range(out.shape[2]):
                k_y, k_x, dy, dx = ky[plane], kx[plane], q_y[row], q_x[column]
                here = _aperture(k_y, k_x, k0, wavelength, c)
                minus = _aperture(k_y - dy, k_x - dx, k0, wavelength, c)
                plus = _aperture(k_y + dy, k_x + dx, k0, wavelength, c)
                gamma = here.conjugate() * minus - here * plus.conjugate()
                size = abs(gamma)
                if size > LEAST_GAMMA:
                    value = gamma.conjugate() * g[plane, row, column]
                    out[0, row, column] += value
                    if minus == 0:
                        out[1, row, column] += value
                    if plus == 0:
                        out[2, row, column] += value


@parallel(fastmath=True)
def sum_of(values):
    """Sum of a float32 array: the bare cost of streaming it."""
    total = np.float32(0)
    for i in prange(values.size):
        total += values[i]
    return total


@parallel
def copy(source, target):
    """Copy an array: the bare cost of reading all of it and writing as much."""
    parts = 64
    for part in prange(parts):
        start, stop = part * source.size // parts, (part + 1) * source.size // parts
        target[start:stop] = source[start:stop]
