"""Weak phase objects with known aberrations, and G of them."""

from dataclasses import replace
from functools import cache, lru_cache

import numpy as np

from recon.calibration import Calibration
from recon.optics import Aberrations
from recon.simulate.scan import expected_intensities, sample_events
from recon.ssb.gfunction import build_sidebands, sidebands_of_planes
from tests.support.equations import planes
from tests.support.weak_phase import binned

STEP = (0.35, 0.4)


LOW = Aberrations(C10=-150, C12a=40, C12b=-25, C21a=3000, C21b=-1500)


HIGH = Aberrations(
    **{"C10": -90, "C12a": 30, "C12b": 25, "C21a": -2500, "C21b": 1500, "C23a": 2000},
    **{"C23b": 1000, "C30": 3e4, "C32a": 1e4, "C32b": -2e4, "C34a": 1e4, "C34b": 5e3},
)


def calibration_of(rotation_deg=0.0, transpose=False):
    return Calibration(80e3, 25.0, STEP, (11.3, 10.6), 8.0, rotation_deg, transpose)


def weak_phase(shape, seed=0):
    """A random phase, stronger at low frequencies, of 0.08 rad."""
    q_y, q_x = (np.fft.fftfreq(n, s) for n, s in zip(shape, STEP, strict=True))
    q = np.hypot(q_y[:, None], q_x)
    spectrum = np.fft.fft2(np.random.default_rng(seed).normal(size=shape))
    phase = np.fft.ifft2(spectrum * np.exp(-((q / 0.9) ** 4)) / (0.1 + q)).real
    return phase * 0.08 / phase.std()


@cache
def intensities(aberrations, rotation_deg, transpose, shape=(44, 36)):
    return expected_intensities(
        weak_phase(shape),
        calibration_of(rotation_deg, transpose),
        aberrations,
        frame_shape=(23, 22),
        weak=True,
    )


@lru_cache(8)
def g_of(aberrations, rotation_deg=0.0, transpose=False, dose=2e4, seed=0, full=False):
    """G of a simulated scan at a dose [e/Å²], with the triple overlap if `full`."""
    expected = intensities(aberrations, rotation_deg, transpose)
    events = sample_events(expected, dose * STEP[0] * STEP[1], seed=seed)
    return build_sidebands(events, calibration_of(rotation_deg, transpose), 16, full=full)


def deviations(fit, truth):
    """Errors of the coefficients in units of their standard error."""
    return np.array(
        [(getattr(fit.aberrations, n) - getattr(truth, n)) / e for n, e in fit.errors.items()]
    )


def g_told(full=True, **told):
    """G of a scan with 25 mrad at 80 keV, of which something else is told."""
    events = sample_events(intensities(LOW, -12.0, False), 2e4 * STEP[0] * STEP[1], seed=0)
    return build_sidebands(events, replace(calibration_of(-12.0), **told), 16, full=full)


def bright(aberrations, rotation_deg=0.0, transpose=False, full=False):
    """G of so many electrons that noise hardly matters."""
    calibration = calibration_of(rotation_deg, transpose)
    expected, disc = planes(
        1e6 * intensities(aberrations, rotation_deg, transpose), calibration, 16
    )
    counts = np.random.default_rng(0).poisson(expected).astype(float)
    return sidebands_of_planes(binned(counts, disc), calibration, counts.sum(), full=full)


def g_on(device):
    """G of the same electrons, built on a device."""
    expected = intensities(LOW, -12.0, False)
    events = sample_events(expected, 2e4 * STEP[0] * STEP[1], seed=0).to_device(device)
    return build_sidebands(events, calibration_of(-12.0), 16, full=True)
