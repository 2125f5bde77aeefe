"""What is larger than its frame is averaged over the areas of the frame's own pixels."""

import subprocess
import sys

import datashader as ds
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.drawing.aggregate import MARGIN, aggregate, seen, within
from app.drawing.display import Extent
from tests.support.paths import ROOT


def areas(size, cells):
    """(cells, size) share of each pixel that lies in each of so many equal cells, exactly."""
    edges = np.arange(cells + 1) * (size / cells)
    low, high = (
        np.maximum.outer(edges[:-1], np.arange(size)),
        np.minimum.outer(edges[1:], np.arange(1, size + 1)),
    )
    return np.maximum(high - low, 0)


def area_mean(image, shape):
    """The mean over each cell's area of what is finite in it, in double precision."""
    image = image.astype(float)
    rows, columns = (areas(*pair) for pair in zip(image.shape, shape, strict=True))
    finite = np.isfinite(image)
    weight = rows @ finite @ columns.T
    total = rows @ np.where(finite, image, 0) @ columns.T
    return np.divide(total, weight, out=np.full(shape, np.nan), where=weight > 1e-9)


sizes = st.integers(1, 40)


@given(sizes, sizes, st.data())
def test_each_cell_holds_the_mean_over_its_area(height, width, data):
    shape = data.draw(st.tuples(st.integers(1, height), st.integers(1, width)))
    numbers = st.floats(-1e3, 1e3, width=32) | st.just(float("nan"))
    image = data.draw(arrays(np.float32, (height, width), elements=numbers))
    found = aggregate(image, shape)
    assert found.shape == shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, area_mean(image, shape), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("how", ["mean", "max"])
def test_it_is_what_datashader_makes_of_an_image_with_coordinates(how):
    image = np.random.default_rng(0).normal(size=(300, 500)).astype(np.float32)
    image[40:60, 70:90] = np.nan
    placed = xr.DataArray(image, coords=[("y", np.arange(300.0)), ("x", np.arange(500.0))])
    canvas = ds.Canvas(170, 90, (-0.5, 499.5), (-0.5, 299.5))
    expected = canvas.raster(placed, agg=how).values
    np.testing.assert_allclose(aggregate(image, (90, 170), how), expected, rtol=1e-5, atol=1e-6)


def test_a_case_done_by_hand():
    # Three pixels in two cells: each cell holds one and a half.
    image = np.array([[0.0, 6.0, 30.0]], np.float32)
    np.testing.assert_allclose(aggregate(image, (1, 2)), [[2, 22]])
    np.testing.assert_allclose(aggregate(image.T, (2, 1)), [[2], [22]])


@given(sizes, sizes, st.data())
def test_the_mean_of_an_image_stays_what_it_was(height, width, data):
    shape = data.draw(st.tuples(st.integers(1, height), st.integers(1, width)))
    image = np.random.default_rng(height).normal(size=(height, width))
    assert aggregate(image, shape).mean() == pytest.approx(image.mean(), abs=1e-5)


def test_an_unresolved_lattice_turns_grey_at_any_size():
    y, x = np.indices((1024, 1024))
    lattice = ((x + y) % 2).astype(np.float32)
    np.testing.assert_array_equal(aggregate(lattice, (512, 512)), 0.5)
    assert np.abs(aggregate(lattice, (301, 299)) - 0.5).max() < 0.05


def test_what_is_not_finite_counts_for_nothing():
    image = np.array([[np.nan, 2.0], [4.0, np.inf], [np.nan, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(aggregate(image, (2, 1)), [[3], [np.nan]])


def test_the_largest_is_kept_where_few_pixels_hold_anything():
    image = np.zeros((9, 12))
    image[4, 7] = 1
    found = aggregate(image, (3, 4), "max")
    assert found.max() == 1
    np.testing.assert_array_equal(np.argwhere(found), [[1, 2]])


def test_whole_numbers_are_averaged_as_real_ones():
    assert aggregate(np.array([[1, 2]], np.uint16), (1, 1)) == pytest.approx(1.5)
    assert aggregate(np.array([[True, False]]), (1, 1)) == pytest.approx(0.5)


def test_vectors_and_complex_values_are_averaged_part_by_part():
    rng = np.random.default_rng(0)
    field = rng.normal(size=(7, 9, 2)).astype(np.float32)
    found = aggregate(field, (3, 4))
    for n in range(2):
        np.testing.assert_array_equal(found[..., n], aggregate(field[..., n], (3, 4)))
    z = aggregate(field[..., 0] + 1j * field[..., 1], (3, 4))
    assert z.dtype == np.complex64
    np.testing.assert_array_equal(z, found[..., 0] + 1j * found[..., 1])


def test_an_image_of_that_size_is_left_alone():
    image = np.zeros((5, 7), np.int16)
    assert aggregate(image, (5, 7)) is image


@pytest.mark.parametrize("shape", [(6, 7), (5, 8), (0, 7)])
def test_no_pixels_are_made_up(shape):
    with pytest.raises(ValueError, match="5 × 7 pixels cannot be aggregated to"):
        aggregate(np.zeros((5, 7)), shape)


@given(sizes, sizes, st.integers(1, 50))
def test_a_longer_side_fits(height, width, most):
    small = within((height, width), most)
    assert max(small) <= max(most, 1)
    assert all(0 < a <= b for a, b in zip(small, (height, width), strict=True))


# ---- what a frame shows ----


def test_a_picture_has_the_pixels_of_its_frame():
    image = np.random.default_rng(0).random((1000, 1000), np.float32)
    whole = Extent(0, 50, 0, 50)
    # A frame wider than the picture: 300 of its pixels show it.
    part, where = seen(image, whole, Extent(-25, 75, 0, 50), (300, 600), 512)
    assert where == whole
    np.testing.assert_array_equal(part, aggregate(image, (300, 300)))


def test_no_more_is_sent_than_is_asked_for():
    image = np.zeros((1000, 1000), np.float32)
    part, _ = seen(image, Extent(0, 50, 0, 50), Extent(0, 50, 0, 50), (2000, 2000), 512)
    assert part.shape == (512, 512)
    part, _ = seen(image[:, :250], Extent(0, 5, 0, 20), None, (0, 0), 512)
    assert part.shape == (512, 128)


def test_small_pixels_of_a_screen_show_true_pixels():
    image = np.random.default_rng(0).random((100, 80), np.float32)
    part, where = seen(image, Extent(0, 8, 0, 10), Extent(2, 4, 3, 5), (500, 500), 512)
    room = MARGIN * 2
    assert (where.x0, where.x1) == pytest.approx((2 - room, 4 + room), abs=0.1)
    rows, columns = (round(10 * v) for v in (where.y0, where.x0))
    height, width = part.shape
    np.testing.assert_array_equal(part, image[rows : rows + height, columns : columns + width])


def test_pixels_that_are_not_square_are_averaged_along_each_axis_for_itself():
    # Pixels of 1 × 4: the frame's own are 2 × 2, so that only the rows are averaged.
    image = np.random.default_rng(0).random((100, 25), np.float32)
    part, _ = seen(image, Extent(0, 100, 0, 100), Extent(0, 100, 0, 100), (50, 50), 512)
    np.testing.assert_array_equal(part, aggregate(image, (50, 25)))


def test_without_datashader_there_are_no_pictures():
    script = (
        "import sys; sys.modules['datashader'] = None\n"
        "try:\n    import app.views.image\n"
        "except ImportError as error:\n    assert 'datashader' in str(error)\n"
        "else:\n    sys.exit('pictures without Datashader')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
