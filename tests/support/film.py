"""Scans over a film whose focus changes: each position is that of a scan with its own C10."""

from dataclasses import replace

import numpy as np

from recon.simulate.scan import expected_intensities
from recon.ssb.film import c10_over


def film_intensities(phase, calibration, aberrations, film, steps=None, **how):
    """(Sy, Sx, Ky, Kx) intensities with C10 + film·(R - middle) at R; (y, x) in mrad.

    Positions of one C10 are taken from the exact scan with that C10; with `steps`, C10 is rounded
    to so many values.
    """
    c10 = c10_over(phase.shape, calibration.scan_sampling, aberrations.C10, film)
    if steps is not None:
        unit = np.ptp(c10) / (steps - 1)
        c10 = c10.min() + np.round((c10 - c10.min()) / unit) * unit
    values, which = np.unique(c10.round(9), return_inverse=True)
    which = which.reshape(c10.shape)
    result = None
    for number, value in enumerate(values):
        one = expected_intensities(phase, calibration, replace(aberrations, C10=value), **how)
        result = np.zeros_like(one) if result is None else result
        result[which == number] = one[which == number]
    return result


def weak_object(shape, sampling, highest, rms=0.1, seed=0):
    """(Sy, Sx) phase [rad] of some rms, with frequencies [1/Å] up to `highest`."""
    ky, kx = (np.fft.fftfreq(n, step) for n, step in zip(shape, sampling, strict=True))
    q = np.hypot(ky[:, None], kx)
    noise = np.fft.fft2(np.random.default_rng(seed).normal(size=shape))
    phase = np.fft.ifft2(noise * ((q < highest) & (q > 0.1))).real
    return rms * phase / phase.std()
