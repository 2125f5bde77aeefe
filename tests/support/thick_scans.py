"""Scans of weak specimens so thick and tilted, from the equations, with counting noise."""

import numpy as np

from recon.calibration import Calibration
from recon.ssb.bright_field import OFFSETS, bright_field
from tests.support.equations import specimen_weights, terms
from tests.support.weak_phase import built, weak_object


def thick_scan(specimen, aberrations, electrons=3e4, rotation=20.0, scan=(40, 44)):
    """G, and the phase [rad] of the whole projection; `electrons` at each position."""
    calibration = Calibration(200e3, 20.0, (0.5, 0.48), (9.3, 8.6), 6.0, rotation)
    phase = weak_object(scan, calibration, rms=0.05)
    disc = bright_field(calibration, (18, 19), 12)
    sub_y, sub_x = (o.ravel() * disc.width for o in np.meshgrid(OFFSETS, OFFSETS, indexing="ij"))
    spectrum, counts = np.fft.fft2(phase), np.empty((disc.size, *scan))
    for n in range(disc.size):
        at = disc.k[0, n] + sub_y, disc.k[1, n] + sub_x
        right, left = terms(calibration, aberrations, *at, scan)
        plus, minus = specimen_weights(specimen, calibration, *at, scan)
        g = 1j * spectrum * (right * plus - left * minus).mean(-1)
        g[0, 0] = phase.size * disc.coverage[n]
        counts[n] = np.fft.ifft2(g).real
    expected = np.maximum(counts * electrons / disc.size, 0)
    counts = np.random.default_rng(0).poisson(expected).astype(float)
    return built(counts, disc, calibration, counts.sum()), phase
