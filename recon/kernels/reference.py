"""What the fast kernels are measured against: the paper's own kernel, and bare streams."""

from math import cos, pi, sin

import numpy as np
from numba import njit, prange

from recon.kernels import parallel
from recon.kernels.events import PARTS


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


@parallel(fastmath=True)
def paper_sideband(g, ky, kx, q_y, q_x, k0, wavelength, c, out):
    """Fill `out` (Sy, Qx) with Σ_k conj(gamma) G over both sidebands of the dense `g` (K, Sy, Qx).

    The kernel of Pelz et al. (2021) one to one, with the CPU's threads for the GPU's: a thread
    visits every pixel of every frequency, finds the mask and computes the apertures inline.
    """
    limit = k0 * k0
    for row in prange(out.shape[0]):
        out[row, :] = 0
        for plane in range(g.shape[0]):
            if ky[plane] ** 2 + kx[plane] ** 2 >= limit:
                continue
            chi = _aperture_phase(ky[plane], kx[plane], wavelength, c)
            minus_y, plus_y = ky[plane] - q_y[row], ky[plane] + q_y[row]
            for column in range(out.shape[1]):
                minus_x, plus_x = kx[plane] - q_x[column], kx[plane] + q_x[column]
                right = minus_y * minus_y + minus_x * minus_x < limit
                left = plus_y * plus_y + plus_x * plus_x < limit
                if right == left:
                    continue
                if right:
                    phase = _aperture_phase(minus_y, minus_x, wavelength, c) - chi
                    weight = complex(cos(phase), sin(phase))
                else:
                    phase = chi - _aperture_phase(plus_y, plus_x, wavelength, c)
                    weight = complex(-cos(phase), -sin(phase))
                out[row, column] += np.complex64(weight) * g[plane, row, column]


@parallel(fastmath=True)
def sum_of(values):
    """Sum of a float32 array: the bare cost of streaming it."""
    sums = np.zeros(PARTS, np.float32)
    for part in prange(PARTS):
        total = np.float32(0)
        for value in values[part * values.size // PARTS : (part + 1) * values.size // PARTS]:
            total += value
        sums[part] = total
    return sums.sum()
