"""The orientation found from the sidebands of simulated scans."""

import pytest
from test_aberration_fit import LOW, STEP, calibration_of, intensities

from recon.optics import Aberrations
from recon.sideband_orientation import sideband_orientations
from recon.simulate import sample_events


@pytest.mark.parametrize(
    ("rotation", "transpose", "truth"),
    [(-12.0, False, LOW), (75.0, True, Aberrations())],
    ids=["aberrated", "in focus and transposed"],
)
def test_rotation_and_transpose_are_found_up_to_half_a_turn(rotation, transpose, truth):
    expected = intensities(truth, rotation, transpose)
    events = sample_events(expected, 3e4 * STEP[0] * STEP[1], seed=2)
    best, *others = sideband_orientations(events, calibration_of(), pixels_across=16)
    turn = (best.rotation_deg - rotation + 90) % 180 - 90
    assert best.transpose == transpose
    assert abs(turn) < 5
    # Half a turn takes the aberrations' sign along.
    half = round((best.rotation_deg - turn - rotation) / 180) % 2
    assert best.C10 * (-1) ** half == pytest.approx(truth.C10, abs=15)
    wrong = [o for o in others if o.transpose != transpose]
    assert best.score > 1.2 * max(o.score for o in wrong)
