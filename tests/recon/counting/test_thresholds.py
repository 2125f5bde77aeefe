"""Thresholds that are fitted to pixel values."""

import numpy as np
import pytest

from recon.counting.correction import Readout
from recon.counting.count import count_electrons
from recon.counting.thresholds import Thresholds, estimate_thresholds
from tests.support.detector import Camera, matched


def expose(mean, frames=60, xrays=0.0, **options):
    camera = Camera((64, 64), **options)
    places = camera.electrons(frames, mean)
    return camera, places, camera.expose(frames, places, xrays)


@pytest.mark.parametrize("mean", [2, 20, 120])
def test_threshold_is_about_where_wrong_counts_are_fewest(mean):
    camera, places, raw = expose(mean, seed=1)
    best = estimate_thresholds(raw, camera.dark, camera.gain)

    def wrong(background):
        settings = (6, 10), camera.dark, camera.gain, Thresholds(background, best.xray)
        found, false, _ = matched(places, count_electrons(raw, *settings))
        return places[0].size - found + false

    grid = [wrong(b) for b in np.arange(12, 50, 4.0)]
    assert wrong(best.background) <= min(grid) + 0.01 * places[0].size + 2


def test_noise_is_measured_whatever_the_dose():
    for mean in (0.1, 20, 200):
        camera, _, raw = expose(mean, seed=2)
        statement = estimate_thresholds(raw, camera.dark, camera.gain).statement
        spread = float(statement.split("±")[1].split(";")[0])
        # Read noise 5, the dark reference's own error 0.5, rounding 0.29.
        assert spread == pytest.approx(np.hypot(5, 0.5), rel=0.12), mean


def test_the_xray_threshold_lets_electrons_pass_and_keeps_xrays_out():
    camera, places, raw = expose(10, frames=100, xrays=2.0, seed=3)
    thresholds = estimate_thresholds(raw, camera.dark, camera.gain)
    assert thresholds.xray < 10 * camera.signal
    settings = (10, 10), camera.dark, camera.gain
    limited = count_electrons(raw, *settings, thresholds)
    open_ = count_electrons(raw, *settings, Thresholds(thresholds.background))
    # Two hundred x-rays, and next to no electrons.
    assert open_.electrons - limited.electrons == pytest.approx(200, abs=60)
    found, _, _ = matched(places, limited)
    assert found > 0.97 * places[0].size


def test_without_electrons_the_threshold_rests_on_the_noise_alone_and_says_so():
    camera, _, raw = expose(0, seed=4)
    thresholds = estimate_thresholds(raw, camera.dark, camera.gain)
    assert "hardly any pixel stands out" in thresholds.statement
    assert thresholds.xray == np.inf
    events = count_electrons(raw, (6, 10), camera.dark, camera.gain, thresholds)
    assert events.electrons < 0.5 * 60


def test_row_noise_does_not_raise_the_threshold_when_it_is_taken_off():
    camera, _, raw = expose(10, row_noise=15.0, seed=5)
    with_rows = estimate_thresholds(raw, camera.dark, camera.gain)
    without = estimate_thresholds(raw, camera.dark, camera.gain, Readout(common="rows"))
    assert without.background < 0.6 * with_rows.background


def test_pixels_that_are_all_the_same_are_refused():
    with pytest.raises(ValueError, match="All pixels of the sample have the value 7"):
        estimate_thresholds(np.full((3, 8, 8), 7, np.uint16))
    with pytest.raises(ValueError, match="shape"):
        estimate_thresholds(np.zeros((8, 8), np.uint16))


@pytest.mark.parametrize("background", [0.0, -3.0, np.nan, np.inf])
def test_a_background_threshold_is_a_positive_number(background):
    with pytest.raises(ValueError, match="must be positive"):
        Thresholds(background)


def test_thresholds_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="above the background"):
        Thresholds(20.0, 10.0)
