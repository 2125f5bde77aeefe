"""Scans laid on the detector in a known way."""

from functools import cache

import numpy as np

from recon.calibration import Calibration
from recon.optics import Aberrations
from recon.simulate.scan import expected_intensities, sample_events
from tests.support import scans

SHAPE, FRAME, SAMPLING = (60, 64), (23, 25), (0.4, 0.4)


CENTRE, RADIUS = (10.8, 12.3), 8.0


FOCUSES = {
    "in focus": Aberrations(),
    "underfocus": Aberrations(C10=-150, C12a=30, C12b=-20),
    "overfocus": Aberrations(C10=120, C21a=1000),
    "astigmatic": Aberrations(C10=-60, C12a=70, C12b=40),
}


@cache
def atoms(focus, rotation, copies):
    """Intensities of a scan over some dozens of atoms, without a transpose."""
    calibration = Calibration(80e3, 25.0, SAMPLING, CENTRE, RADIUS, rotation)
    moves = (0, 13, 29, 42)[:copies]
    phase = sum(np.roll(scans.atoms_phase(SHAPE), (n, 7 * n), (0, 1)) for n in moves)
    return expected_intensities(phase, calibration, FOCUSES[focus], frame_shape=FRAME, subpixels=2)


def laid(focus, rotation, transpose, along_y, quarters, copies=4, dose=1e3):
    """Electrons at a dose [e/Å²], their calibration, and how that scan lies: (rotation, transpose).

    The detector's axes are swapped, the scan's are swapped, and frames are turned clockwise.
    """
    expected, centre = atoms(focus, rotation, copies), CENTRE
    if transpose:
        expected, centre = expected.swapaxes(2, 3), centre[::-1]
    if along_y:
        # R(θ) P = P R(-θ) for the swap P.
        expected, rotation, transpose = expected.swapaxes(0, 1), -rotation, not transpose
    for _ in range(quarters):
        # Clockwise on the screen: (y, x) goes to (x, rows - 1 - y).
        rows = expected.shape[2]
        expected, centre = np.rot90(expected, -1, (2, 3)), (centre[1], rows - 1 - centre[0])
        rotation += -90 if transpose else 90
    calibration = Calibration(80e3, 25.0, SAMPLING, centre, RADIUS)
    dose *= SAMPLING[0] * SAMPLING[1]
    events = sample_events(np.ascontiguousarray(expected), dose, seed=quarters)
    return events, calibration, (rotation, transpose)
