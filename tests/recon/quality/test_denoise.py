"""Denoised images: nearer to the truth, and otherwise what they were."""

import numpy as np
import pytest

from recon.quality.denoise import METHODS, denoise
from recon.ssb.noise import counting_noise
from recon.ssb.phase import single_sideband
from recon.ssb.prior import Prior
from tests.support.drawn_objects import DEFOCUSED
from tests.support.weak_phase import built, calibration_of, random_counts


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_error_falls_whatever_the_unit(method, scale):
    y, x = np.indices((64, 80))
    truth = 3 * np.sin(x / 6) * np.sin(y / 7) + 50
    noisy = scale * (truth + np.random.default_rng(0).normal(size=truth.shape))
    found = denoise(noisy, scale, method)
    assert found.dtype == np.float32
    assert found.shape == noisy.shape
    # The variance of the noise is one.
    assert ((found / scale - truth) ** 2).mean() < 0.25
    assert found.mean() == pytest.approx(noisy.mean(), rel=1e-6)
    # Twice the strength is smoother, and hardly any leaves the image alone.
    assert abs(np.diff(denoise(noisy, scale, method, 2))).sum() < abs(np.diff(found)).sum()
    np.testing.assert_allclose(denoise(noisy, scale, method, 0.01), noisy, atol=0.1 * scale)


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_stays(method):
    image = np.full((20, 30), 0.7)
    np.testing.assert_allclose(denoise(image, 0.1, method), image, rtol=1e-6)


@pytest.mark.parametrize("sideband", ["both", "full"])
@pytest.mark.parametrize("prior", [None, Prior(0.02, 0.4)], ids=["plain", "weighted"])
def test_counting_noise_is_what_independent_electrons_leave(sideband, prior):
    calibration = calibration_of(12.0)
    counts, disc, total = random_counts(calibration, scan=(48, 61))
    g = built(counts, disc, calibration, total)
    image = single_sideband(g, DEFOCUSED, "draft", sideband, 0.8, prior)
    # Few independent numbers: low frequencies, which have small overlaps, hold most of the noise.
    assert image.std() == pytest.approx(counting_noise(g, DEFOCUSED, sideband, 0.8, prior), rel=0.1)


def test_bad_requests_are_refused():
    image = np.zeros((8, 8))
    with pytest.raises(ValueError, match="one of total variation, non-local means, not 'median'"):
        denoise(image, 1, "median")
    for strength in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="strength must be positive"):
            denoise(image, 1, strength=strength)
    with pytest.raises(ValueError, match="noise must be positive, not 0"):
        denoise(image, 0)
    for wrong in (np.zeros(8), image.astype(complex), image * np.nan):
        with pytest.raises(ValueError, match="image of finite real numbers"):
            denoise(wrong, 1)
