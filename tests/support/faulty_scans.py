"""Scans with faults that are known."""

import numpy as np

from recon.simulate.scan import sample_events

SCAN, FRAME, CENTRE, RADIUS = (48, 48), (48, 48), (23.3, 24.1), 14.0


def disc(shift=0.0):
    """(Ky, Kx) a disc of sum one, with a soft rim and a weak background."""
    y, x = np.indices(FRAME)
    r = np.hypot(y - CENTRE[0] - shift, x - CENTRE[1])
    pattern = 1 / (1 + np.exp((r - RADIUS) / 0.5)) + 0.005
    return pattern / pattern.sum()


def scan(change=None, electrons=60.0, seed=0):
    """A scan of discs; `change` may alter the (Sy, Sx, Ky, Kx) expectations."""
    expected = np.broadcast_to(disc(), (*SCAN, *FRAME)).copy()
    if change is not None:
        change(expected)
    return sample_events(expected, electrons, seed=seed)
