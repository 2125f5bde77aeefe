"""The tiles in their figure: all of it is used, and words stand below."""

import numpy as np
import pytest

from app.views.tiles import TilesView

LABELS = [f"{n} Å\n0.{n}0 rad" for n in range(9)]


@pytest.fixture
def view():
    made = TilesView()
    made.show(np.ones((9, 8, 8), complex), LABELS)
    return made


def resize(view, width, height, ratio=1.0):
    """What the browser tells of the figure; everything is seen."""
    size = {"width": width * ratio, "height": height * ratio, "ratio": ratio}
    size |= {"across": float(view.whole.width), "down": float(view.whole.height)}
    view.view.data = {name: [value] for name, value in size.items()} | {
        name: [float(getattr(view.whole, name))] for name in ("x0", "x1", "y0", "y1")
    }


def rows(view):
    """Labels by the height that they stand at."""
    return len(set(view.labels.columns()["y"]))


def test_tiles_at_rest_are_the_same_past_holoviews(view):
    straight = TilesView()
    straight.straight = True
    for each in (view, straight):
        resize(each, 500, 300)
        each.show(np.arange(9 * 64).reshape(9, 8, 8) * (1 + 1j), LABELS)
    for name in ("image", "x", "y", "dw", "dh"):
        np.testing.assert_array_equal(straight.source.data[name][0], view.source.data[name][0])


def test_labels_stand_below_their_tiles_in_the_middle(view):
    (x0,), (y0,) = view.source.data["x"], view.source.data["y"]
    (image,) = view.source.data["image"]
    columns = np.flatnonzero(image.any(axis=0))
    first = view.labels.columns()["x"][0], view.labels.columns()["y"][0]
    assert first == pytest.approx((x0 + columns[0] + 4, y0 + 8))
    # Below the first row of tiles nothing is painted before the second begins.
    below = image[int(view.labels.columns()["y"][0] - y0)]
    assert not below.any()


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_they_are_arranged_anew_where_the_figure_has_another_shape(view, ratio):
    assert rows(view) == 3
    resize(view, 840, 140, ratio)
    assert rows(view) == 1
    assert view.whole.width / view.whole.height == pytest.approx(840 / 140)
    assert view.labels.columns()["text"][1] == "1 Å\n0.10 rad"
    resize(view, 1000, 500, ratio)
    assert rows(view) == 2
    assert view.labels.columns()["text"][1] == "1 Å · 0.10 rad"


def test_other_labels_move_nothing(view):
    resize(view, 1000, 500)
    before = view.source.data["image"][0], view.labels.columns()["x"]
    view.relabel(["2.46 Å"] * 9)
    assert view.labels.columns()["text"] == ["2.46 Å"] * 9
    assert view.source.data["image"][0] is before[0]
    assert view.labels.columns()["x"] == before[1]


def test_no_tiles_are_an_empty_figure(view):
    view.show(np.ones((0, 8, 8), complex))
    resize(view, 300, 300)
    assert view.source.data["image"] == view.labels.columns()["text"] == []
    view.clear()
    resize(view, 400, 300)
    assert view.labels.columns()["text"] == []
