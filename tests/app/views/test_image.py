"""Images and fields show the arrays they are given, drawn to Bokeh's models."""

import holoviews as hv
import numpy as np
import pytest

from app.drawing import display
from app.drawing.display import Extent
from app.drawing.raster import MOVING_PX
from app.views.image import FieldView, ImageView, palette
from app.views.tiles import TilesView


@pytest.fixture
def ramp():
    return np.arange(24, dtype=np.float32).reshape(4, 6)


def shown(view, moving=False):
    """The image in a view's source, or in that of a moving hand, and where it lies."""
    data = (view.moved if moving else view.source).data
    x, y, width, height = (data[name][0] for name in ("x", "y", "dw", "dh"))
    return np.asarray(data["image"][0]), Extent(x, x + width, y, y + height)


def look_at(view, x0, x1, y0, y1, width=400, height=400):
    """What the browser says when another part has become visible."""
    view.view.data = {
        "x0": [x0],
        "x1": [x1],
        "y0": [y0],
        "y1": [y1],
        "width": [width],
        "height": [height],
        "across": [float(view.whole.width)],
        "down": [float(view.whole.height)],
    }


def test_what_the_browser_said_of_an_image_before_is_of_no_use_for_another(ramp):
    view = ImageView()
    look_at(view, 0.0, 1.0, 0.0, 1.0)  # as of a figure of nothing
    view.show(ramp)
    assert shown(view)[1] == Extent.of(ramp.shape)
    look_at(view, 0.0, 1.0, 0.0, 1.0)
    assert shown(view)[1] != Extent.of(ramp.shape)
    view.show(np.tile(ramp, (9, 9)))
    assert shown(view)[1] == Extent.of((36, 54))


def test_an_image_at_rest_is_the_same_past_holoviews(ramp):
    plain, straight = ImageView(), ImageView()
    straight.straight = True
    for view in (plain, straight):
        view.show(ramp)
        look_at(view, 1.0, 5.0, 1.0, 3.0)
        view.show(2 * ramp)
    (expected, place), (pixels, where) = shown(plain), shown(straight)
    np.testing.assert_array_equal(pixels, expected)
    assert where == place
    assert set(straight.source.data) == set(plain.source.data)
    assert straight.moved.data["image"] == []  # it rests


def test_an_image_is_where_holoviews_would_put_it(ramp):
    """The hot path depends on HoloViews' source, its fields, and the order of its rows."""
    extent = Extent.of(ramp.shape, (0.5, 0.25))
    view = ImageView()
    view.show(ramp, extent)
    pixels, where = shown(view)

    x, y = (np.arange(6) + 0.5) * 0.25, (np.arange(4) + 0.5) * 0.5
    plot = hv.renderer("bokeh").get_plot(hv.Image((x, y, ramp)).opts(invert_yaxis=True))
    expected = plot.handles["source"].data
    assert set(view.source.data) == set(expected)
    np.testing.assert_array_equal(
        pixels, display.to_u8(np.asarray(expected["image"][0]), *view.limits.of(ramp))
    )
    assert where.x0 == pytest.approx(expected["x"][0])
    assert where.y0 == pytest.approx(expected["y"][0])
    assert where.width == pytest.approx(expected["dw"][0])
    assert where.height == pytest.approx(expected["dh"][0])


def test_rows_run_downwards():
    view = ImageView()
    assert view.figure.y_range.start > view.figure.y_range.end
    assert "scripts" not in str(view.figure.js_event_callbacks)


def test_an_image_is_sent_in_eight_bits_and_no_larger_than_the_screen(ramp):
    view = ImageView()
    view.show(np.zeros((1024, 2048), np.float32), moving=True)
    pixels, where = shown(view, moving=True)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (MOVING_PX // 2, MOVING_PX)
    assert where == Extent(0, 2048, 0, 1024)


def test_zooming_in_sends_the_true_pixels():
    rng = np.random.default_rng(0)
    image = rng.random((2000, 2000), np.float32)
    view = ImageView()
    view.show(image, Extent(0, 100, 0, 100), moving=True)
    look_at(view, 50, 60, 20, 25)
    pixels, where = shown(view, moving=True)
    # 15 % of ten by five on each side; a pixel is 0.05 wide.
    assert where == Extent(48.5, 61.5, 19.25, 25.75)
    part = image[385:515, 970:1230]
    np.testing.assert_array_equal(pixels, display.to_u8(part, *view.limits.of(image)))


@pytest.mark.parametrize("part", [None, (0, 200, 0, 200), (40, 150, 70, 180), (100, 112, 3, 9)])
def test_a_moving_hand_is_shown_the_pixels_that_holoviews_draws_at_rest(part):
    """Past HoloViews, and through it: the same aggregation, to the last bit."""
    rng = np.random.default_rng(0)
    for view, values in (
        (ImageView(), rng.normal(size=(500, 800)).astype(np.float32)),
        (FieldView(), rng.normal(size=(500, 800, 2)).astype(np.float32)),
    ):
        view.show(values, Extent(0, 200, 0, 125))
        if part:
            look_at(view, *part, width=300, height=280)
        still, where = shown(view)
        view.show(values, Extent(0, 200, 0, 125), moving=True)
        moving, there = shown(view, moving=True)
        np.testing.assert_array_equal(moving, still)
        assert vars(where) == {name: pytest.approx(end) for name, end in vars(there).items()}
        assert moving.dtype == still.dtype


def test_moving_tiles_are_the_ones_that_holoviews_draws_at_rest():
    rng = np.random.default_rng(0)
    tiles = rng.normal(size=(9, 90, 90)) + 1j * rng.normal(size=(9, 90, 90))
    view = TilesView()
    look_at(view, 0, 1, 0, 1, width=200, height=200)
    view.show(tiles)
    look_at(view, 0, view.whole.x1, 0, view.whole.y1, width=200, height=200)
    still, where = shown(view)
    assert still.shape[0] < 200  # the mosaic has more pixels than the frame
    view.moving = True
    view.show(tiles)
    moving, there = shown(view)
    np.testing.assert_array_equal(moving, still)
    assert vars(where) == {name: pytest.approx(end) for name, end in vars(there).items()}


def test_at_rest_a_margin_is_sent_along():
    image = np.random.default_rng(0).random((200, 200), np.float32)
    view = ImageView()
    view.show(image, Extent(0, 200, 0, 200))
    look_at(view, 100, 120, 100, 120)
    _, where = shown(view)
    assert where.x0 < 100 < 120 < where.x1


def test_the_colour_bar_speaks_in_values(ramp):
    view = ImageView("rad")
    view.limits.low, view.limits.high = 0, 100
    view.show(ramp)
    assert (view.scale.low, view.scale.high) == (0, 23)
    assert view.bar.color_mapper is view.scale
    assert view.bar.title == "rad"
    assert (view.mapper.low, view.mapper.high) == (0, 255)


def test_the_colour_bar_rests_while_changes_cannot_be_seen(ramp):
    view = ImageView()
    view.limits.low, view.limits.high = 0, 100
    view.show(ramp)
    view.show(ramp * 1.01, moving=True)
    assert view.scale.high == 23
    view.show(ramp * 1.01)
    assert view.scale.high == pytest.approx(23.23)


def test_the_pointer_reads_exact_values(ramp):
    view = ImageView("rad")
    view.show(ramp / 7, Extent.of(ramp.shape, (0.5, 0.5)))
    assert view.read(1.25, 0.75) == "x 1.25  y 0.75 nm   1.143 rad"
    assert view.read(9, 9) == ""
    assert view.read(None, None) == ""


def test_frozen_contrast_keeps_images_comparable(ramp):
    view = ImageView()
    view.show(ramp)
    before = view.scale.high
    view.limits.frozen = True
    view.show(ramp * 10)
    assert view.scale.high == before


@pytest.mark.parametrize(
    "name", ["grey", "cividis", "viridis", "inferno", "fire", "coolwarm", "cyclic"]
)
def test_every_colour_map_has_256_colours(name):
    assert len(palette(name)) == 256


def test_cyclic_colours_close():
    first, last = (int(palette("cyclic")[n][1:3], 16) for n in (0, -1))
    assert abs(first - last) < 12


def test_the_scale_bar_measures_the_range_that_is_shown():
    view = ImageView()
    bars = [item for item in view.figure.center if type(item).__name__ == "ScaleBar"]
    assert [bar.range for bar in bars] == [view.figure.x_range]
    view.set_axis_unit("px")
    assert not bars[0].visible


def test_a_field_is_coloured_by_direction_and_has_arrows():
    field = np.zeros((40, 60, 2), np.float32)
    field[..., 1] = 1  # to the right
    view = FieldView()
    view.show(field, Extent.of(field.shape, (0.1, 0.1)))
    pixels, where = shown(view)
    np.testing.assert_array_equal(
        pixels[0, 0].reshape(1).view(np.uint8),
        display.com_rgba(field[:1, :1].T, view.limits.of(field[..., 1])[1])[0, 0],
    )
    (x0, y0), (x1, y1) = arrows_of(view)
    assert len(x0) > 10
    assert np.all(x1 > x0)
    np.testing.assert_allclose(y1, y0)
    assert where == view.whole
    view.clear()
    assert len(arrows_of(view)[0][0]) == 0


def test_a_field_that_points_down_has_arrows_that_point_down():
    field = np.zeros((40, 40, 2), np.float32)
    field[..., 0] = 1
    view = FieldView()
    view.show(field)
    (x0, y0), (x1, y1) = arrows_of(view)
    assert np.all(y1 > y0)
    np.testing.assert_allclose(x1, x0, atol=1e-9)


def arrows_of(view):
    """Beginnings and points of the arrows that HoloViews has drawn, each (2, n) as (x, y)."""
    _, plot, _ = view.plot.subplots.values()
    data = plot.handles["source"].data
    count = len(data["x0"]) // 3  # each has a line, and two for its head
    ends = (
        [np.asarray(data[name])[:count] for name in pair] for pair in (("x1", "y1"), ("x0", "y0"))
    )
    return tuple(ends)
