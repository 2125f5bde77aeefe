"""Contrasts other than the phase from the same G, against their equations."""

import numpy as np
import pytest

from recon.optics import Aberrations
from recon.ssb.optimum import optimum_bright_field
from recon.ssb.phase import MODES, object_transmission, single_sideband
from tests.support.equations import hard_sums
from tests.support.weak_phase import MANY, built, calibration_of, random_counts, relative


def of_counts(*geometry, scan=(12, 15)):
    calibration = calibration_of(*geometry)
    counts, disc, total = random_counts(calibration, scan=scan)
    return counts, disc, calibration, built(counts, disc, calibration, total)


@pytest.mark.parametrize("sideband", ["both", "full"])
@pytest.mark.parametrize("aberrations", [Aberrations(C10=120), MANY], ids=["C10", "many"])
def test_optimum_bright_field_is_the_sum_over_the_root_of_its_noise(sideband, aberrations):
    counts, disc, calibration, g = of_counts(-70.0, True)
    full = sideband == "full"
    numerator, power, pixels = hard_sums(counts, disc, calibration, aberrations, full)
    positions = counts[0].size
    spectrum = np.where(pixels > 0.2, numerator / np.sqrt(positions * np.maximum(power, 1e-9)), 0)
    expected = np.fft.ifft2(spectrum, norm="ortho").real
    assert relative(optimum_bright_field(g, aberrations, sideband), expected) < 2e-5


def test_the_noise_of_optimum_bright_field_is_one_in_every_frequency():
    """Independent electrons and no object: the power of each coefficient averages to one."""
    *_, g = of_counts(12.0, scan=(48, 60))
    image = optimum_bright_field(g, Aberrations(C10=-80), band_limit=0.9)
    power = abs(np.fft.fft2(image, norm="ortho")) ** 2
    q = np.hypot(g.q_y[:, None], np.fft.fftfreq(60, g.calibration.scan_sampling[1]))
    kept = power > 1e-6
    for low, high in ((0.1, 0.6), (0.6, 1.2), (1.2, 1.7)):
        ring = kept & (q > low * g.calibration.k0) & (q < high * g.calibration.k0)
        # ±q are one and the same number: half as many are independent, each of spread one.
        assert power[ring].mean() == pytest.approx(1, abs=4 / np.sqrt(ring.sum() / 2))
    assert image.std() == pytest.approx(np.sqrt(kept.mean()), rel=0.1)


def test_nothing_lies_beyond_2_k0_in_any_contrast():
    *_, g = of_counts(20.0, True, scan=(13, 16))
    q = np.hypot(g.q_y[:, None], np.fft.fftfreq(16, g.calibration.scan_sampling[1]))
    beyond = q > 2 * g.calibration.k0
    assert 20 < beyond.sum() < 0.9 * beyond.size
    images = {"optimum": optimum_bright_field(g, MANY, "full")}
    for mode in MODES:
        for sideband in ("both", "full", "left"):
            images[mode, sideband] = object_transmission(g, MANY, mode, sideband)
            if mode != "sum":  # whose phase is an angle, and so has overtones
                images[mode, sideband, "phase"] = single_sideband(g, MANY, mode, sideband)
    for name, image in images.items():
        power = abs(np.fft.fft2(image)) ** 2
        power[0, 0] = 0
        assert power[beyond].max() < 1e-9 * power.max(), name
