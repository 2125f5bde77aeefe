"""What is not scanned yet: hatched, of no influence on the limits, and read off as such."""

import numpy as np
import pytest

from app.drawing.display import Extent
from app.pipeline.results import ComField, PhaseImage, VirtualImages, over_scan
from app.state.contrasts import CONTRASTS
from app.views.contrasts import scan_image
from app.views.image import ImageView

STEP = (20.0, 10.0)
ROWS = np.array([True, True, False, True, False, False])


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


def test_rows_that_are_missing_are_told_as_rectangles(image):
    phase = over_scan(PhaseImage(image, "exact", 1.0, STEP), ROWS)
    drawn = scan_image(CONTRASTS["phase"], phase)
    assert phase.label == "exact · 3 of 6 rows"
    # Steps of 2 nm down and 1 nm across.
    assert drawn.unscanned == [Extent(0.0, 4.0, 4.0, 6.0), Extent(0.0, 4.0, 8.0, 12.0)]
    np.testing.assert_array_equal(np.isnan(drawn.array).all(axis=1), ~ROWS)
    np.testing.assert_array_equal(drawn.array[ROWS], image[ROWS])


def test_counts_and_fields_are_hatched_as_well(image):
    images = VirtualImages({"bf": image.astype(np.int32)}, STEP)
    drawn = scan_image(CONTRASTS["bf"], over_scan(images, ROWS))
    assert np.isnan(drawn.array[~ROWS]).all()
    field = ComField(np.stack([image, image]), "mrad", image, image, STEP)
    assert len(scan_image(CONTRASTS["com"], over_scan(field, ROWS)).unscanned) == 2


def test_a_scan_that_is_whole_has_nothing_to_hatch(image):
    phase = PhaseImage(image, "exact", 1.0, STEP)
    assert over_scan(phase, None) is phase
    assert scan_image(CONTRASTS["phase"], phase).unscanned == []
    assert phase.label == "exact"


def test_a_view_hatches_and_reads_what_is_not_there(image):
    view = ImageView()
    drawn = scan_image(CONTRASTS["phase"], over_scan(PhaseImage(image, "exact", 1.0, STEP), ROWS))
    view.show(drawn.array, drawn.extent)
    view.hatch(drawn.unscanned)
    assert view._hatched.data["y0"] == [4.0, 8.0]
    assert "not scanned yet" in view.read(1.5, 5.0)
    low, high = view._shown
    assert image[ROWS].min() <= low < high <= image[ROWS].max()
    view.set_theme("light")
    view.hatch([])
    assert view._hatched.data["y0"] == []
    view.close()
