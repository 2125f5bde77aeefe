"""Scans that are served."""

import numpy as np

from recon.calibration import Calibration
from recon.optics import Aberrations
from recon.simulate.scan import simulate_events

SCAN, STEP, DEFOCUS = (72, 64), 0.6, 40.0
"""Positions, step [Å] and defocus [nm] of the scan that is served."""


def lattice_scan():
    """A weak lattice, out of focus."""
    y, x = np.indices(SCAN)
    phase = 0.1 * (np.cos(2 * np.pi * x / 8) + np.cos(2 * np.pi * (y / 9 + x / 16)))
    calibration = Calibration(
        energy=80e3,
        semiangle_cutoff=25.0,
        scan_sampling=(STEP, STEP),
        centre=(19.5, 19.5),
        radius=12.0,
    )
    return simulate_events(
        phase,
        calibration,
        Aberrations(C10=-10 * DEFOCUS),
        dose=3e3,
        frame_shape=(40, 40),
        seed=1,
    )


TRUTH = Aberrations(C10=-150, C12a=40)
"""Of the scan of atoms."""


def atoms_scan():
    """Atoms at random places, out of focus and turned by -30°."""
    y, x = np.indices((48, 48))
    phase = np.zeros((48, 48))
    for row, column in np.random.default_rng(3).uniform(0, 48, (70, 2)):
        # The scan is periodic.
        off = (np.mod(axis - at + 24, 48) - 24 for axis, at in ((y, row), (x, column)))
        phase += 0.2 * np.exp(-sum(part**2 for part in off) / 3)
    calibration = Calibration(80e3, 25.0, (0.4, 0.4), (19.6, 19.3), 12.0, -30.0)
    return simulate_events(phase, calibration, TRUTH, dose=8e3, frame_shape=(40, 40), seed=1)
