"""Fields of the centre of mass, and the integration written out."""

import numpy as np

from recon.calibration import Calibration


def calibration(step=(0.4, 0.4)):
    return Calibration(80e3, 25.0, step, (12.0, 12.0), 8.0)


def iterated(field, c, highpass, lowpass, step, iterations, grid, mask):
    """physics.md, section 9, term by term in double precision, with the error after each step.

    Lengths in mean scan steps; equal to scan pixels where the steps along y and x are equal.
    """
    mean = np.sqrt(np.prod(c.scan_sampling))
    hy, hx = (s / mean for s in c.scan_sampling)
    (sy, sx), (py, px) = field.shape[1:], grid
    g = np.zeros((2, py, px))
    g[:, :sy, :sx] = 2 * np.pi * field * 1e-3 / c.wavelength * mean
    inside = np.zeros(grid)
    inside[:sy, :sx] = mask
    qy, qx = np.fft.fftfreq(py, hy)[:, None], np.fft.fftfreq(px, hx)
    q2 = qy**2 + qx**2
    divisor = q2 + highpass + lowpass * q2**2
    divisor[0, 0] = 1

    def residual(phi):
        dy = (np.roll(phi, -1, 0) - np.roll(phi, 1, 0)) / (2 * hy)
        dx = (np.roll(phi, -1, 1) - np.roll(phi, 1, 1)) / (2 * hx)
        return inside * (g - np.stack([dy, dx]))

    def norm(r):
        return np.sqrt(np.sum(r**2) / np.sum((inside * g) ** 2))

    phi, errors = np.zeros(grid), []
    for _ in range(iterations):
        r = residual(phi)
        fy, fx = np.fft.fft2(r)
        update = np.fft.ifft2(-0.25j * (qy * fy + qx * fx) / divisor).real
        while norm(residual(phi + step * update)) > norm(r):
            step /= 2
        phi = phi + step * update
        errors.append(norm(residual(phi)))
    phase = phi[:sy, :sx]
    return phase - phase.mean(), errors, step
