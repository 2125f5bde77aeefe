"""Finer positions: exact arithmetic, and what they are worth on a simulated scan."""

from dataclasses import replace

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.scan.events import ElectronEvents, from_frames
from recon.sums.com import centre_of_mass
from recon.treatment.crop import bin_detector
from recon.treatment.subpixel import factor_for, refine_detector
from tests.support.subpixel_scans import (
    COARSE,
    image_error,
    scans,  # noqa: F401 - a fixture
)


def marked(places, pixels, frame_shape=(3, 5), **metadata):
    pixels = np.asarray(pixels, np.uint32)
    return ElectronEvents(
        pixels,
        np.array([0, pixels.size]),
        (1, 1),
        frame_shape,
        metadata,
        subpixel=np.asarray(places, np.uint8),
    )


def test_a_hand_case():
    """Pixel (1, 2) at (11/16, 4/16): on a detector four times finer (4 + 2, 8 + 1)."""
    events = refine_detector(marked([0xB4], [7], centre=(1.0, 2.0), radius=1.5), 4)
    assert events.frame_shape == (12, 20)
    assert divmod(int(events.pixels[0]), 20) == (6, 9)
    # What is left: 11/16 = 2/4 + 3/16, which are 12 sixteenths of a quarter; of 4/16 nothing.
    assert events.subpixel[0] == 0xC0
    assert events.metadata["centre"] == (5.5, 9.5)
    assert events.metadata["radius"] == 6.0


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_binning_again_gives_the_detector_back(factor):
    rng = np.random.default_rng(0)
    pixels, places = rng.integers(0, 15, 300), rng.integers(0, 256, 300)
    events = marked(places, pixels)
    fine = refine_detector(events, factor)
    np.testing.assert_array_equal(bin_detector(fine, factor).pixels, events.pixels)
    assert (fine.subpixel is None) == (factor == 16)


def test_twice_by_four_is_once_by_sixteen():
    rng = np.random.default_rng(1)
    events = marked(rng.integers(0, 256, 300), rng.integers(0, 15, 300))
    once, twice = refine_detector(events, 16), refine_detector(refine_detector(events, 4), 4)
    np.testing.assert_array_equal(once.pixels, twice.pixels)


def test_what_cannot_be_is_refused():
    plain = from_frames([[0, 1]], (1, 1), (3, 5))
    with pytest.raises(ValueError, match="does not say where in its pixel"):
        refine_detector(plain)
    with pytest.raises(ValueError, match="by 2, 4, 8 or 16, not 3"):
        refine_detector(marked([0], [0]), 3)
    large = replace(plain, frame_shape=(4096, 4096), subpixel=np.zeros(2, np.uint8))
    with pytest.raises(ValueError, match="65536 × 65536 pixels is too large"):
        refine_detector(large, 16)


@pytest.mark.parametrize(
    ("places", "radius", "across", "factor"),
    [
        (4, 3.0, 18, 4),  # 2 · 3 · 8 ≥ 2 · 18 would need 8, but four places are told
        (16, 3.0, 18, 8),
        (16, 20.0, 18, 1),  # 40 pixels across are two to a binned one
        (16, 10.0, 18, 2),
        (1, 3.0, 18, 1),
        (16, 0.1, 64, 16),
    ],
)
def test_the_detector_is_made_as_fine_as_is_worth_it(places, radius, across, factor):
    told = np.arange(places) * (16 // places)
    events = marked(np.tile(told, 4) * 17, np.zeros(4 * places))
    assert factor_for(events, radius, across) == factor
    assert factor_for(replace(events, subpixel=None), radius, across) == 1
    large = replace(events, frame_shape=(8192, 8192))
    assert factor_for(large, radius, across) == 1


def test_finer_positions_are_what_the_fine_detector_saw(scans):
    _, _, exact, coarse = scans
    np.testing.assert_array_equal(refine_detector(coarse, COARSE).pixels, exact.pixels)
    refined = centre_of_mass(refine_detector(coarse, COARSE))
    np.testing.assert_array_equal(refined, centre_of_mass(exact))
    # And it is not what the large pixels alone say.
    rough = (centre_of_mass(coarse) + 0.5) * COARSE - 0.5
    assert np.abs(rough - refined).max() > 0.02


def test_the_phase_gains_by_them(scans):
    phase, fine, _, coarse = scans
    large = Calibration(
        80e3, 25.0, (0.4, 0.4), tuple((c + 0.5) / COARSE - 0.5 for c in fine.centre), 12.0 / COARSE
    )
    without = image_error(coarse, large, 6, phase)
    gained = image_error(refine_detector(coarse, COARSE), fine, 24, phase)
    assert gained < 0.6 * without
