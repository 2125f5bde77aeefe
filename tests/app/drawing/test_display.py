"""Pixels are the values they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.drawing import display
from app.drawing.display import Extent


def test_cropping_gives_the_visible_pixels_and_where_they_lie():
    image = np.arange(100).reshape(10, 10)
    extent = Extent.of(image.shape, (0.5, 0.25))
    part, where = display.crop(image, extent, Extent(0.5, 1.0, 1.0, 2.0))
    np.testing.assert_array_equal(part, image[2:4, 2:4])
    assert where == Extent(0.5, 1.0, 1.0, 2.0)


def test_cropping_snaps_outwards_to_whole_pixels():
    image = np.arange(100).reshape(10, 10)
    part, where = display.crop(image, Extent(0, 10, 0, 10), Extent(2.4, 3.1, 5.9, 6.1))
    assert part.shape == (2, 2)
    assert where == Extent(2, 4, 5, 7)


finite = st.floats(-30, 30, allow_nan=False)


@given(finite, finite, finite, finite)
def test_cropping_never_leaves_the_image(x0, x1, y0, y1):
    image = np.zeros((8, 12))
    extent = Extent(0, 6, 0, 4)
    part, where = display.crop(image, extent, Extent(x0, x1, y0, y1), margin=0.2)
    assert part.size >= 1
    assert where.width == pytest.approx(part.shape[1] * 0.5)
    assert where.height == pytest.approx(part.shape[0] * 0.5)
    assert 0 <= where.x0 < where.x1 <= 6
    assert 0 <= where.y0 < where.y1 <= 4


def test_the_value_under_the_pointer_is_the_pixels():
    image = np.array([[1.0, 2.0], [3.0, 4.0]])
    extent = Extent(0, 2, 0, 2)
    assert display.value_at(image, extent, 1.5, 0.5) == 2.0
    assert display.value_at(image, extent, 0.5, 1.5) == 3.0
    assert display.value_at(image, extent, -0.1, 0.5) is None
    assert display.value_at(image, extent, 0.5, 2.0) is None


def test_percentiles_of_a_ramp():
    image = np.linspace(0, 100, 101 * 101).reshape(101, 101)
    assert display.percentile_limits(image, 10, 90) == pytest.approx((10, 90), abs=0.1)


def test_limits_leave_out_what_is_not_finite():
    image = np.array([[np.nan, 1.0], [3.0, np.inf]])
    assert display.percentile_limits(image) == (1.0, 3.0)
    assert display.percentile_limits(np.full((2, 2), np.nan)) == (0.0, 1.0)


def test_a_flat_image_lies_in_the_middle_of_its_limits():
    low, high = display.percentile_limits(np.full((4, 4), 2.0))
    assert low < 2.0 < high
    assert (low + high) / 2 == pytest.approx(2.0)


def test_frozen_limits_stay_until_they_are_let_go():
    limits = display.Limits(0, 100)
    assert limits.of(np.array([[0.0, 1.0]])) == (0, 1)
    limits.frozen = True
    assert limits.of(np.array([[0.0, 9.0]])) == (0, 1)
    limits.forget()
    assert limits.of(np.array([[0.0, 9.0]])) == (0, 9)


def test_limits_map_to_the_ends_of_the_scale():
    image = np.array([[-1.0, 0.0, 0.5, 1.0, 2.0, np.nan]])
    np.testing.assert_array_equal(display.to_u8(image, 0, 1), [[0, 0, 128, 255, 255, 0]])


@given(arrays(np.float32, (6, 5), elements=st.floats(-100, 100, width=32)))
def test_eight_bits_hold_a_value_to_half_a_step(image):
    shown = display.to_u8(image, -100, 100) / 255 * 200 - 100
    assert np.abs(shown - image).max() <= 200 / 255 / 2 + 1e-3


@given(st.floats(-np.pi, np.pi), st.floats(0.1, 1))
def test_phase_alone_decides_the_hue(angle, size):
    z = np.exp(1j * angle)
    full = display.phase_rgba(np.array([z]), 1.0)[0, :3].astype(float)
    dim = display.phase_rgba(np.array([size * z]), 1.0)[0, :3]
    np.testing.assert_allclose(dim, full * size, atol=1.5)


def test_hues_go_round_without_a_seam():
    steps = np.abs(np.diff(display.HUES, axis=0, append=display.HUES[:1])).max(1)
    assert steps.max() < 0.05


def test_what_lies_outside_the_overlaps_is_transparent():
    rgba = display.phase_rgba(np.array([[0, 1j]]))
    assert rgba[0, 0, 3] == 0
    assert rgba[0, 1, 3] == 255


def test_directions_have_the_colours_of_the_wheel():
    right = display.com_rgba(np.array([[[0.0]], [[1.0]]]))[0, 0]
    down = display.com_rgba(np.array([[[1.0]], [[0.0]]]))[0, 0]
    legend = display.wheel(101)
    np.testing.assert_allclose(legend[50, 100], right, atol=3)
    np.testing.assert_allclose(legend[100, 50], down, atol=3)


def test_colours_are_packed_in_the_order_of_the_bytes():
    rgba = np.array([[[1, 2, 3, 4]]], np.uint8)
    np.testing.assert_array_equal(display.packed(rgba).view(np.uint8), [[1, 2, 3, 4]])


def test_arrows_of_a_uniform_field_are_centred_and_as_long_as_their_cells():
    field = np.stack([np.zeros((40, 60)), np.ones((40, 60))])
    y, x, dy, dx = display.arrows(field, across=6)
    assert len(x) == 4 * 6
    np.testing.assert_allclose(dx, 9.0)
    np.testing.assert_allclose(dy, 0.0)
    assert (y[0], x[0] + dx[0] / 2) == (5.0, 5.0)


def test_arrows_of_no_field_have_no_length():
    *_, dy, dx = display.arrows(np.zeros((2, 3, 9)))
    assert not dy.any()
    assert not dx.any()


def test_tiles_stand_at_their_corners():
    tiles = np.arange(1, 5)[:, None, None] * np.ones((4, 3, 2)) * 1j
    corners = [[0, 0], [0, 3], [4, 0], [4, 3]]
    made = display.mosaic(tiles, corners, (9, 6))
    assert made.shape == (9, 6)
    assert np.count_nonzero(made) == tiles.size
    for (top, left), tile in zip(corners, tiles, strict=True):
        # A tile of one magnitude is as bright as can be.
        np.testing.assert_allclose(made[top : top + 3, left : left + 2], tile / np.abs(tile))
