"""Images of a report: their pixels are the results', and what is drawn lies where it belongs."""

import re
from base64 import b64decode
from io import BytesIO

import numpy as np
from PIL import Image

from app.report import pictures
from recon.result import Result


def pixels(picture, mode="L"):
    kind, _, data = picture.source.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(BytesIO(b64decode(data))).convert(mode))


def test_an_image_is_grey_from_its_lowest_to_its_highest_value():
    values = np.random.default_rng(1).uniform(-1, 3, (40, 30)).astype(np.float32)
    shown = pictures.over_scan("ssb/phase", Result(values, "rad", (0.5, 0.5)), "Phase")
    low, high = shown.limits
    expected = np.clip((values - low) / (high - low), 0, 1) * 255
    assert abs(pixels(shown).astype(float) - expected).max() <= 0.51
    assert (round(low, 1), round(high, 1)) == (-1.0, 3.0)
    assert "<span>−" in shown.html()


def test_pixels_that_are_not_square_are_shown_as_they_lie():
    shown = pictures.over_scan("x", Result(np.eye(10), "", (2.0, 1.0)), "X")
    assert shown.size == (20, 10)
    assert "aspect-ratio:10/20" in shown.html()


def test_the_scale_bar_is_as_long_as_it_says():
    shown = pictures.over_scan("x", Result(np.zeros((50, 100)), "", (0.5, 0.5)), "X")
    share = float(re.search(r'width="([\d.]+)"', shown.drawn).group(1)) / 100
    said, unit = re.search(r">([\d.]+) ([^\s<]+)<", shown.drawn).groups()
    assert share * 100 * 0.5 == float(said) * {"Å": 1, "nm": 10}[unit]


def test_the_disc_is_ringed_where_it_is():
    pattern = np.zeros((60, 60), np.float32)
    pattern[20:31, 30:41] = 1
    calibration = {"centre": [25.0, 35.0], "radius": 8.0}
    results = {"pacbed": Result(pattern, "electrons", (1.0, 1.0), "mrad")}
    (shown,) = pictures.images(results, {"calibration": calibration})
    x, y, radius = map(float, re.search(r'cx="(.+?)" cy="(.+?)" r="(.+?)"', shown.drawn).groups())
    bright = np.argwhere(pixels(shown) == 255) + 0.5
    per = 100 / pixels(shown).shape[1]
    np.testing.assert_allclose(bright.mean(0) * per, (y, x), atol=1e-2)
    assert abs(radius - 8 * per) < 1e-2


def test_tiles_bear_their_periods_and_rings_their_frequencies():
    rows, columns, step = 32, 24, (0.5, 0.4)
    frequencies = np.array([[3, 4], [-2, 5]])
    power = np.full((rows, columns), 1e-3, np.float32)
    for row, column in frequencies:
        power[row + rows // 2, column + columns // 2] = 100.0
    sampling = 1 / (rows * step[0]), 1 / (columns * step[1])
    tile = np.ones((2, 6, 6), np.complex64)
    results = {
        "ssb/spectrum": Result(power, "", sampling, "1/Å"),
        "ssb/tiles": Result(tile),
        "ssb/tile_frequencies": Result(frequencies),
    }
    said = {"scan_shape": [rows, columns], "calibration": {"scan_sampling": step}}
    shown = pictures.tiles(results, said)
    periods = 1 / np.hypot(*(frequencies * sampling).T)
    assert [each.unit for each in shown] == [f"{period:.3g} Å" for period in periods]
    drawn = pictures.spectrum(results, said)
    image = pixels(drawn)
    for x, y in re.findall(r'<circle cx="(.+?)" cy="(.+?)"', drawn.drawn):
        column = int(float(x) / 100 * image.shape[1])
        row = int(float(y) / 100 * drawn.size[1] / drawn.size[0] * image.shape[0])
        assert image[row, column] == image.max()


def test_results_without_proof_have_none():
    assert pictures.spectrum({}, {}) is None
    assert pictures.tiles({}, {}) == ()
