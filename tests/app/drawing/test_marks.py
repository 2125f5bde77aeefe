"""Marks are written into a figure as HoloViews itself would draw them."""

import holoviews as hv
import numpy as np
import pytest

from app.drawing.marks import Marks, circle, draw_with

ELEMENTS = {
    "points": (hv.Points([]), [(1.0, 2.0), (3.0, -4.0)]),
    "paths": (hv.Path([]), [circle(2.0), [(0.0, 0.0), (1.0, 0.5)]]),
    "labels": (hv.Labels([], ["x", "y"], "text"), [(1.0, 2.0, "a"), (3.0, 4.0, "b\nc")]),
    "curve": (hv.Curve([]), [(0.0, 1.0), (1.0, float("nan")), (2.0, 0.5)]),
    "lines": (hv.VLines([]), [(1.0,), (7.0,)]),
}


def plain(columns):
    """Of a glyph's source: the same whether lists or arrays."""
    return {name: [np.asarray(each).tolist() for each in values] for name, values in columns}


@pytest.mark.parametrize("name", ELEMENTS)
def test_what_is_written_is_what_holoviews_draws(name):
    template, data = ELEMENTS[name]
    marks, below = Marks(template), hv.Image(np.zeros((2, 2)))
    plot = draw_with(below, [marks])
    marks.show(data)
    drawn = hv.renderer("bokeh").get_plot(below * template.clone(data))
    (_, layer), (_, ours) = (each.subplots.values() for each in (drawn, plot))
    source = layer.handles["source"].data
    assert marks.source is ours.handles["source"]
    np.testing.assert_equal(plain(marks.source.data.items()), plain(source.items()))
    # HoloViews keeps them when it draws for another reason.
    plot.refresh()
    np.testing.assert_equal(plain(marks.source.data.items()), plain(source.items()))
    marks.show([])
    assert not any(marks.source.data.values())


def test_without_a_figure_of_its_own_holoviews_draws_them():
    marks = Marks(hv.Points([]))
    plot = hv.renderer("bokeh").get_plot(hv.Image(np.zeros((2, 2))) * marks.plot)
    marks.show([(1.0, 2.0)])
    assert list(plot.subplots.values())[1].handles["source"].data["y"].tolist() == [2.0]


def test_a_circle_is_closed_and_round():
    path = np.array(circle(3.0))
    np.testing.assert_allclose(np.hypot(*path.T), 3)
    np.testing.assert_allclose(path[0], path[-1], atol=1e-12)
