"""Weak phase objects, random counts, and G of them."""

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import CPU
from recon.optics import Aberrations
from recon.ssb.bright_field import BinnedPlanes
from recon.ssb.gfunction import sidebands_of_planes
from tests.support.equations import planes

MANY = Aberrations(C10=-80, C12a=20, C12b=-15, C21a=500, C23b=300, C30=2e5, C45a=1e6, C56b=1e7)


def calibration_of(rotation=0.0, transpose=False, radius=6.0, sampling=(0.41, 0.37)):
    centre = (radius + 2.3, radius + 1.6)
    return Calibration(80e3, 25.0, sampling, centre, radius, rotation, transpose)


def random_counts(calibration, frame_shape=(17, 18), scan=(12, 15), across=12):
    rng = np.random.default_rng(4)
    intensities = rng.poisson(3.0, (*scan, *frame_shape)).astype(float)
    return *planes(intensities, calibration, across), intensities.sum()


def built(counts, disc, calibration, total, full=True):
    return sidebands_of_planes(binned(counts, disc), calibration, total, full=full)


def binned(counts, disc, device=CPU):
    """`BinnedPlanes` of an array (K, Sy, Sx)."""
    return BinnedPlanes(
        lambda start, stop: counts[start:stop], tuple(counts.shape[1:]), disc, device
    )


def relative(result, expected):
    return abs(result - expected).max() / abs(expected).max()


def weak_object(scan, calibration, oversampling=1, rms=0.02):
    """A random phase with all frequencies up to 1.8 k0, its spectrum on the scan's grid."""
    shape = tuple(n * oversampling for n in scan)
    sampling = [s / oversampling for s in calibration.scan_sampling]
    q_y, q_x = (np.fft.fftfreq(n, s) for n, s in zip(shape, sampling, strict=True))
    q = np.hypot(q_y[:, None], q_x)
    spectrum = np.fft.fft2(np.random.default_rng(1).normal(size=shape))
    spectrum *= (q > 0.15 * calibration.k0) & (q < 1.8 * calibration.k0)
    phase = np.fft.ifft2(spectrum).real
    return phase * rms / phase.std()
