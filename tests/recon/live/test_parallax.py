"""Tilt-corrected bright field of a scan's first rows against its equation."""

import numpy as np
import pytest

from recon.live.parallax import tilt_corrected
from recon.live.scan import GrowingScan
from recon.optics import Aberrations
from recon.ssb.bright_field import bright_field
from tests.support import equations
from tests.support.growing_scans import blocks_of, filled_counts, random_scan
from tests.support.weak_phase import calibration_of, relative


@pytest.mark.parametrize("upsample", [1, 2])
def test_parallax_is_the_equation(upsample):
    calibration = calibration_of()
    events = random_scan((17, 14), calibration, (17, 18))
    scan = GrowingScan(events.scan_shape, events.frame_shape)
    for block in blocks_of(events, [0, 3, 4, 10]):
        scan.add(*block)
    disc = bright_field(calibration, events.frame_shape, 12)
    counts = filled_counts(events, disc, np.arange(17) < 10)
    aberrations = Aberrations(C10=330, C12a=30, C12b=-20)
    expected = equations.tilt_corrected(counts, disc, calibration, aberrations, upsample)
    image = tilt_corrected(scan, calibration, aberrations, 12, upsample=upsample, flip=False).image
    assert relative(image - 1, expected - 1) < 3e-5
