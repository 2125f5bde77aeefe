"""Images of virtual detectors as they go into a file."""

import numpy as np
import pytest

from recon.batch.results import named, virtual_images
from recon.batch.settings import Annulus
from recon.scan.frames import of_array
from tests.support.scans import CALIBRATION, weak_events


@pytest.fixture(scope="module")
def events():
    return weak_events(200)


def test_an_annulus_of_its_own_is_an_image_more(events):
    usual = virtual_images(events, CALIBRATION, Annulus())
    assert set(usual) == {"bf", "abf", "adf"}
    images = virtual_images(events, CALIBRATION, Annulus(0.0, 0.5))
    # The disc is its inner half and the annular bright field around it.
    np.testing.assert_array_equal(images["annulus"] + images["abf"], images["bf"])


def made(events, annulus):
    images = virtual_images(events, CALIBRATION, annulus)
    names = "ssb/phase", "ssb/object", "dpc/phase"
    arrays = dict.fromkeys(names, np.zeros((2, 2))) | {"com": np.zeros((2, 2, 2))}
    return arrays | {"pacbed": np.ones((3, 3))} | {f"virtual/{n}": i for n, i in images.items()}


def test_a_file_has_no_image_twice(events):
    arrays = made(events, Annulus(0.0, 0.5))
    for annulus, there in ((Annulus(0.0, 0.5), True), (Annulus(0.5, 1.0), False)):
        results = named(events, CALIBRATION, arrays, annulus)
        assert ("virtual/annulus" in results) is there
        assert {"ssb/phase", "ssb/object", "dpc/phase", "com", "pacbed", "virtual/bf"} < set(
            results
        )


def test_results_carry_units_and_sampling(events):
    results = named(events, CALIBRATION, made(events, Annulus()), Annulus())
    units = {name: result.unit for name, result in results.items()}
    assert units.pop("ssb/object") == ""
    assert units == {
        "ssb/phase": "rad", "dpc/phase": "rad", "com": "mrad", "pacbed": "electrons",
        "virtual/bf": "electrons", "virtual/abf": "electrons", "virtual/adf": "electrons",
    }  # fmt: skip
    pattern = results.pop("pacbed")
    # 25 mrad to the rim.
    assert pattern.sampling == pytest.approx((25 / CALIBRATION.radius,) * 2)
    assert pattern.sampling_unit == "mrad"
    for result in results.values():
        assert result.sampling == CALIBRATION.scan_sampling
        assert result.sampling_unit == "Å"
        assert result.title
    frames = of_array(np.ones((2, 2, 3, 3)))
    dense = named(frames, CALIBRATION, {"pacbed": np.ones((3, 3))}, Annulus())
    assert dense["pacbed"].unit == "detector counts"
