"""Objects drawn from a known spectrum."""

import numpy as np
import pytest

from recon.optics import Aberrations
from recon.simulate.scan import expected_intensities
from recon.ssb.prior import Prior
from tests.support.weak_phase import calibration_of

SCAN = (40, 56)


DEFOCUSED = Aberrations(C10=60)


def frequencies(shape, calibration):
    """(Sy, Sx) |q| [1/Å]."""
    axes = (np.fft.fftfreq(n, s) for n, s in zip(shape, calibration.scan_sampling, strict=True))
    return np.hypot(*np.meshgrid(*axes, indexing="ij"))


def expected_power(prior, shape, calibration):
    """S(q) of the full plane: density over the field's area."""
    field = np.prod(np.multiply(shape, calibration.scan_sampling))
    return prior.density(frequencies(shape, calibration)) / field


@pytest.fixture(scope="module")
def drawn():
    """A weak phase drawn from a prior, its calibration, and its noiseless scan."""
    calibration = calibration_of(20.0, radius=9.0)
    prior = Prior(0.05, 0.3 * calibration.k0)
    power = expected_power(prior, SCAN, calibration)
    power[0, 0] = 0
    white = np.fft.fft2(np.random.default_rng(2).normal(size=SCAN))
    phase = np.fft.ifft2(white * np.sqrt(power * white.size)).real
    intensities = expected_intensities(phase, calibration, DEFOCUSED, frame_shape=(23, 24))
    return phase, prior, calibration, intensities
