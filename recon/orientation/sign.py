"""Which of two rotations 180° apart: the one at which atoms are positive."""

from math import degrees, erf, sqrt

import numpy as np
import scipy.fft

AGREED = 3.5
"""Standard deviations by which phase and dark field have to go along with each other."""


def settle_sign(fit, weight, overcount):
    """Rotation [degrees] of the two 180° apart at which atoms are positive, and how surely."""
    spectrum = 1j * weight * fit.divergence
    divergence = scipy.fft.ifft2(spectrum).real
    skewness = np.mean(divergence**3) / np.mean(divergence**2) ** 1.5
    # Skewness of n independent Gaussian values scatters by sqrt(6 / n).
    n = 2 * _modes(np.abs(spectrum) ** 2) / overcount
    rotation = half_turned(degrees(fit.angle), skewness > 0)
    return rotation, erf(abs(skewness) / sqrt(6 / n) / sqrt(2))


def half_turned(angle_deg, turned):
    """The angle, or that 180° from it, from -180° (exclusive) to 180°."""
    return 180 - (180 - angle_deg - (180 if turned else 0)) % 360


def agreement(divergence, dark, weight, overcount):
    """How far phase and dark field go along, in standard deviations of what they do not share.

    `dark` is the transform A of the dark field, with the window of the field's. A = α Φ + rest,
    Φ = -i divergence / 2πi|K| up to positive factors: α over its standard error, from the rest at
    each frequency.
    """
    phase = -1j * divergence
    product = weight * (dark.conj() * phase).real
    power = np.sum(weight * np.abs(phase) ** 2)
    if not power > 0 or not dark.any():
        return 0.0
    rest = np.abs(dark - product.sum() / power * phase)
    error = sqrt(overcount * np.sum((weight * np.abs(phase) * rest) ** 2))
    return float(product.sum() / error) if error > 0 else 0.0


def _modes(power):
    """Number of independent frequencies that carry a spectrum; K and -K are one."""
    fourth = np.sum(power**2)
    return 0.5 * np.sum(power) ** 2 / fourth if fourth > 0 else 0.0
