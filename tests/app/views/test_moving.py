"""What a moving hand is shown has a source of its own.

tests/ui/test_moving.py looks at its pixels.
"""

import numpy as np
from bokeh.models import ScaleBar

from app.drawing.raster import COLUMNS
from app.views.image import FieldView, ImageView
from app.views.pacbed import PacbedView
from app.views.spectrum import SpectrumView


def test_it_is_empty_until_a_hand_moves():
    view, ramp = ImageView(), np.arange(4, dtype=np.float32).reshape(2, 2)
    assert set(view.moved.data) == set(COLUMNS)
    view.show(ramp)
    assert view.moved.data["image"] == []
    view.show(ramp, moving=True)
    assert view.moved.data["image"][0].shape == (2, 2)
    view.clear()
    assert view.moved.data["image"] == view.source.data["image"] == []


def test_marks_and_scale_bar_lie_above_it():
    for view in (ImageView(), PacbedView(), SpectrumView()):
        view.outline(view.whole)
        image, *marks = view.figure.renderers
        assert image.data_source is view.source
        assert marks
        assert {mark.level for mark in marks} == {"overlay"}
        assert {bar.level for bar in view.figure.select(type=ScaleBar)} <= {"overlay"}


def test_arrows_would_lie_below_it_so_a_field_goes_without():
    view = FieldView()
    assert view.moved is view.source
