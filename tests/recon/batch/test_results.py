"""Images of virtual detectors as they go into a file."""

import numpy as np
import pytest

from recon.batch.results import named, virtual_images
from recon.batch.settings import Annulus
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


def test_a_file_has_no_image_twice(events):
    images = virtual_images(events, CALIBRATION, Annulus(0.0, 0.5))
    parts = np.zeros((2, 2)), np.ones((2, 2), complex), np.zeros((2, 2)), np.zeros((2, 2, 2))
    for annulus, there in ((Annulus(0.0, 0.5), True), (Annulus(0.5, 1.0), False)):
        results = named(*parts, np.ones((3, 3)), images, annulus)
        assert ("virtual/annulus" in results) is there
        assert {"ssb/phase", "ssb/object", "dpc/phase", "com", "pacbed", "virtual/bf"} < set(
            results
        )
