from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from app.drawing.picture import colours, in_words, render_png, scale_bar_length


def opened(data):
    return np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int)


def test_a_picture_shows_the_image_with_square_pixels_in_space():
    image = np.zeros((20, 30))
    image[:, 15:] = 1
    pixels = opened(render_png(image, (0.6, 0.3), limits=(0, 1)))
    height, width = pixels.shape[:2]
    # 20 × 0.6 Å is taller than 30 × 0.3 Å is wide.
    assert height > width - 200
    row = pixels[height // 3, :, 0]
    assert (row == 0).sum() == pytest.approx(width // 2, abs=120)
    assert {0, 255} <= set(row)


def test_the_scale_bar_has_its_length():
    image = np.full((64, 64), 0.5)
    with_bar = opened(render_png(image, (1.0, 1.0), limits=(0, 1)))
    without = opened(render_png(image, None, limits=(0, 1)))
    assert with_bar.shape == without.shape
    rows, columns = np.nonzero((with_bar != without).any(axis=2))
    # 64 Å over 640 pixels: a bar of 10 Å is 100 pixels long.
    assert columns.max() - columns.min() == pytest.approx(100, abs=2)
    assert rows.min() > with_bar.shape[0] / 2


@pytest.mark.parametrize(
    ("extent", "length"), [(100, 20), (64, 10), (3.4, 1), (0.5, 0.1), (1700, 500), (1000 / 3, 100)]
)
def test_scale_bars_are_round_numbers(extent, length):
    assert scale_bar_length(extent) == pytest.approx(length)


@pytest.mark.parametrize(
    ("angstrom", "words"),
    [(5, "5 Å"), (10, "1 nm"), (200, "20 nm"), (20_000, "2 µm"), (0.1, "0.1 Å")],
)
def test_lengths_have_short_units(angstrom, words):
    assert in_words(angstrom) == words


def test_colours_run_from_the_lowest_to_the_highest_value():
    image = np.array([[0.0, 1.0], [2.0, np.nan]])
    pixels = opened(render_png(image, None, ["#ff0000", "#0000ff"], (0, 2)))
    assert [255, 0, 0] in pixels.reshape(-1, 3).tolist()
    assert [0, 0, 255] in pixels.reshape(-1, 3).tolist()
    np.testing.assert_array_equal(colours(["#010203"]), [[1, 2, 3]])


def test_values_beyond_the_limits_are_clipped_and_a_flat_image_is_no_trouble():
    render_png(np.array([[-1e30, 1e30]]), (1, 1), limits=(-1, 1))
    render_png(np.zeros((3, 3), np.float32), (1, 1), title="Å µ ²", unit="rad", dark=True)
    render_png(np.full((2, 2), np.nan), None)
    render_png(np.zeros((4, 5, 3), np.uint8), (1, 1))


def test_large_images_are_averaged():
    image = np.indices((5000, 100)).sum(axis=0) % 2
    pixels = opened(render_png(image, None, limits=(0, 1)))
    assert pixels.shape[0] < 4600


def test_no_image_is_refused():
    with pytest.raises(ValueError, match="shape"):
        render_png(np.zeros(3), None)
