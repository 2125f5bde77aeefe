"""Scans whose electrons lie at known places within their pixels."""

from dataclasses import replace

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.optics import Aberrations
from recon.simulate.scan import expected_intensities, sample_events
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband

COARSE = 4


@pytest.fixture(scope="module")
def scans():
    """A weak object seen by a fine detector, and by one of four times larger pixels that tells
    in which quarter of a pixel an electron was."""
    shape, step = (40, 32), (0.4, 0.4)
    fine = Calibration(80e3, 25.0, step, (15.7, 16.2), 12.0)
    q = np.hypot(
        *np.meshgrid(
            *(np.fft.fftfreq(n, s) for n, s in zip(shape, step, strict=True)), indexing="ij"
        )
    )
    spectrum = np.fft.fft2(np.random.default_rng(0).normal(size=shape)) * np.exp(-((q / 0.8) ** 4))
    phase = np.fft.ifft2(spectrum).real
    phase *= 0.1 / phase.std()
    intensities = expected_intensities(phase, fine, ABERRATED, frame_shape=(32, 32), weak=True)
    exact = sample_events(intensities, 4e3)
    y, x = np.divmod(exact.pixels.astype(int), 32)
    places = ((y % COARSE) * 4 + 2) << 4 | ((x % COARSE) * 4 + 2)
    coarse = replace(
        exact,
        pixels=(y // COARSE * 8 + x // COARSE).astype(np.uint32),
        frame_shape=(8, 8),
        subpixel=places.astype(np.uint8),
    )
    return phase, fine, exact, coarse


ABERRATED = Aberrations(C10=-150, C12a=30)


def image_error(events, calibration, across, phase):
    g = build_sidebands(events, calibration, across)
    found = single_sideband(g, ABERRATED, "exact", band_limit=0.8)
    # The same frequencies of the truth.
    q_y, q_x = (
        np.fft.fftfreq(n, s) for n, s in zip(phase.shape, calibration.scan_sampling, strict=True)
    )
    kept = np.hypot(q_y[:, None], q_x) < 1.4 * calibration.k0
    truth, found = (np.fft.ifft2(np.fft.fft2(i) * kept).real for i in (phase, found))
    truth = truth - truth.mean()
    return np.linalg.norm(found - truth) / np.linalg.norm(truth)
