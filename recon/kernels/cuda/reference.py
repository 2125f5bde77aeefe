"""The paper's own kernel on a CUDA device: what the fast ones are measured against.

The twin of `recon.kernels.cpu.reference.paper_sideband`, one to one as Pelz et al. (2021) describe
it: a thread for each entry of the dense G, which computes mask and apertures inline and adds what
it has to the object's spectra with atomic operations. Three things are kind to it: neighbouring
threads have neighbouring q, so that no two of a warp add to one place; all numbers are of single
precision; and sines are the device's fast ones.
"""

from math import cos, sin

import numpy as np
from numba import cuda

from recon.kernels.formulas import FOUR, THREE, TWO, ZERO

THREADS = 128
SIX = np.float32(6)
TURN = np.float32(2 * np.pi)
LEAST_POWER = np.float32(1e-6)
"""The least |gamma| of `recon.kernels.cpu.reference`, squared."""


@cuda.jit(device=True, fastmath=True)
def _phase(ky, kx, wavelength, c):
    """Phase chi(k) [rad] by the paper's twelve coefficients."""
    u, v = kx * wavelength, ky * wavelength
    u2, v2 = u * u, v * v
    u3, v3 = u2 * u, v2 * v
    u4, v4 = u3 * u, v3 * v
    second = c[0] * (u2 + v2) + c[1] * (u2 - v2) + c[2] * TWO * u * v
    third = c[3] * (u3 + u * v2) + c[4] * (u2 * v + v3)
    third += c[5] * (u3 - THREE * u * v2) + c[6] * (THREE * u2 * v - v3)
    fourth = c[7] * (u4 + TWO * u2 * v2 + v4) + c[8] * (u4 - v4)
    fourth += c[9] * (TWO * u3 * v + TWO * u * v3) + c[10] * (u4 - SIX * u2 * v2 + v4)
    fourth += c[11] * (FOUR * u3 * v - FOUR * u * v3)
    return TURN / wavelength * (second / TWO + third / THREE + fourth / FOUR)


@cuda.jit(device=True, fastmath=True)
def _aperture(ky, kx, k0, wavelength, c):
    """A(k) as (real, imaginary); nothing of it is kept."""
    if ky * ky + kx * kx >= k0 * k0:
        return ZERO, ZERO
    phase = _phase(ky, kx, wavelength, c)
    return cos(phase), -sin(phase)


@cuda.jit(fastmath=True)
def _clear(spectra):
    column = cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if column < spectra.shape[2]:
        spectra[cuda.blockIdx.z, cuda.blockIdx.y, column] = ZERO


@cuda.jit(fastmath=True)
def _paper_sideband(g, ky, kx, q_y, q_x, k0, wavelength, c, spectra):
    column = cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    row, plane = cuda.blockIdx.y, cuda.blockIdx.z
    if column >= g.shape[2]:
        return
    k_y, k_x, dy, dx = ky[plane], kx[plane], q_y[row], q_x[column]
    a, b = _aperture(k_y, k_x, k0, wavelength, c)
    minus, minus_b = _aperture(k_y - dy, k_x - dx, k0, wavelength, c)
    plus, plus_b = _aperture(k_y + dy, k_x + dx, k0, wavelength, c)
    # gamma = A*(k) A(k - q) - A(k) A*(k + q)
    real = (a * minus + b * minus_b) - (a * plus + b * plus_b)
    imaginary = (a * minus_b - b * minus) - (b * plus - a * plus_b)
    if real * real + imaginary * imaginary > LEAST_POWER:
        entry = g[plane, row, column]
        value = entry.real * real + entry.imag * imaginary
        other = entry.imag * real - entry.real * imaginary
        cuda.atomic.add(spectra, (0, row, 2 * column), value)
        cuda.atomic.add(spectra, (0, row, 2 * column + 1), other)
        if minus == ZERO and minus_b == ZERO:
            cuda.atomic.add(spectra, (1, row, 2 * column), value)
            cuda.atomic.add(spectra, (1, row, 2 * column + 1), other)
        if plus == ZERO and plus_b == ZERO:
            cuda.atomic.add(spectra, (2, row, 2 * column), value)
            cuda.atomic.add(spectra, (2, row, 2 * column + 1), other)


def paper_sideband(g, ky, kx, q_y, q_x, k0, wavelength, c, out):
    """Fill `out` (3, Sy, Qx) with Σ_k conj(gamma) G over all, left and right of `g` (K, Sy, Qx).

    Parameters are those of `recon.kernels.cpu.reference.paper_sideband`, on the device. Atomic
    additions come in any order: results differ in the last digits from run to run.
    """
    # CUDA adds real numbers only: complex ones are pairs of them.
    spectra = out.view(np.float32)
    planes, rows, columns = g.shape
    _clear[(-(-2 * columns // THREADS), rows, 3), THREADS](spectra)
    _paper_sideband[(-(-columns // THREADS), rows, planes), THREADS](
        g, ky, kx, q_y, q_x, np.float32(k0), np.float32(wavelength), c, spectra
    )
