"""Slices of a specimen with objects at two depths, each sharp at its own."""

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.focus.through_depth import depth_resolution, through_depth, unresolved
from recon.optics import Aberrations
from recon.specimen import Specimen
from recon.ssb.bright_field import bright_field
from tests.support.equations import terms
from tests.support.weak_phase import built, weak_object

TILT = (20.0, -30.0)
SPECIMEN = Specimen(300, TILT)
CALIBRATION = Calibration(200e3, 25.0, (0.4, 0.4), (9.3, 8.6), 6.0)
PROBE = Aberrations(C10=20, C12a=-15)


def two_layers(depths, scan=(32, 30)):
    """G of objects at some depths, each displaced by the tilt; the objects."""
    disc = bright_field(CALIBRATION, (18, 19), 12)
    q_y, q_x = (np.fft.fftfreq(n, 0.4) for n in scan)
    layers = [weak_object(scan, CALIBRATION), weak_object(scan, CALIBRATION)[::-1, ::-1]]
    g = np.zeros((disc.size, *scan), complex)
    for depth, layer in zip(depths, layers, strict=True):
        lean = q_y[:, None] * TILT[0] + q_x * TILT[1]
        spectrum = np.fft.fft2(layer) * np.exp(-2j * np.pi * depth * 1e-3 * lean)
        probe = Aberrations(C10=PROBE.C10 + depth, C12a=PROBE.C12a)
        for n in range(disc.size):
            right, left = terms(CALIBRATION, probe, *disc.k[:, n], scan)
            g[n] += 1j * spectrum * (right - left)
    g[:, 0, 0] = scan[0] * scan[1]
    counts = 1000 * np.fft.ifft2(g).real
    return built(counts, disc, CALIBRATION, counts.sum()).through(SPECIMEN), layers


def alike(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def test_each_layer_is_sharp_and_upright_at_its_own_depth():
    g, layers = two_layers((-120.0, 120.0))
    images = through_depth(g, PROBE, (-120, 0, 120), size=32)
    assert images.shape == (3, 32, 30)
    for at, layer in ((0, layers[0]), (2, layers[1])):
        found = [alike(image, layer) for image in images]
        assert np.argmax(found) == at
        assert found[at] > 0.6
        assert found[2 - at] < 0.4


def test_the_depth_resolution_is_the_wavelength_over_the_square_of_the_angle():
    assert depth_resolution(CALIBRATION) == pytest.approx(0.0250793 / 0.025**2, rel=1e-5)
    assert unresolved(CALIBRATION, 300) == ""
    assert "tell depths of 4.01 nm apart, and the specimen has 2 nm" in unresolved(CALIBRATION, 20)
