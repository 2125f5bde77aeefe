"""The flat share of the tiles' power against what the equations say of it."""

from dataclasses import replace

import numpy as np
import pytest

from recon.focus.flatness import RANDOM, flatness, tile_flatness
from recon.focus.overlaps import margin, terms_at
from recon.focus.phase_model import unit
from recon.optics import COEFFICIENTS
from recon.simulate.scan import sample_events
from recon.ssb.gfunction import build_sidebands
from recon.ssb.tiles import gfunction_tiles, strongest_frequencies
from tests.support.equations import detector_frequency, terms
from tests.support.fake_gpu import fake_gpu
from tests.support.focus_scans import (
    HIGH,
    LOW,
    STEP,
    bright,
    calibration_of,
    g_of,
    g_on,
    intensities,
)


def moved(aberrations, name, radians):
    """The aberrations with one coefficient off by so many radians at the aperture's edge."""
    size = unit(name, calibration_of().wavelength, calibration_of().k0)
    return replace(aberrations, **{name: getattr(aberrations, name) + radians * size})


def test_it_falls_as_any_coefficient_goes_away_from_the_truth():
    g = bright(HIGH, 30.0, True, full=True)
    best = flatness(g, HIGH)
    assert 0.97 < best <= 1
    for name in COEFFICIENTS:
        for sign in (-1, 1):
            found = [best]
            found += [flatness(g, moved(HIGH, name, sign * off)) for off in (0.5, 1.0, 1.6, 2.4)]
            assert (np.diff(found) < 0).all(), (name, sign, found)


def test_noise_alone_is_not_flat():
    flat = np.broadcast_to(intensities(LOW, -12.0, False).mean((0, 1)), (44, 36, 23, 22))
    found = []
    for seed in range(4):
        events = sample_events(flat, 2e3 * STEP[0] * STEP[1], seed=seed)
        found.append(flatness(build_sidebands(events, calibration_of(-12.0), 16), LOW))
    assert max(found) < 0.03


def test_the_noise_of_few_electrons_is_taken_off():
    """A good part of these tiles' power is noise: what is flat of the rest counts."""
    few = np.mean([flatness(g_of(LOW, -12.0, dose=4e4, seed=s), LOW) for s in range(3)])
    assert few == pytest.approx(flatness(bright(LOW, -12.0), LOW), abs=0.12)
    g = g_of(LOW, -12.0, dose=4e4)
    tiles = gfunction_tiles(g, LOW, strongest_frequencies(g, 25)).reshape(25, -1)
    share = [abs(t[t != 0].mean()) ** 2 / np.mean(abs(t[t != 0]) ** 2) for t in tiles]
    assert np.mean(share) < few - 0.1


def test_the_phase_left_in_a_tile_is_that_of_the_wrong_coefficient():
    g = bright(LOW, -12.0)
    frequencies = strongest_frequencies(g, 6)
    right = tile_flatness(g, LOW, frequencies)
    assert np.nanmin(right.flatness) > 0.995
    wrong = moved(LOW, "C10", 0.5)
    found = tile_flatness(g, wrong, frequencies).residual_phase
    k_y, k_x = g.bright_field.k
    true, taken = (terms(g.calibration, a, k_y, k_x, g.scan_shape) for a in (LOW, wrong))
    for (row, column), phase in zip(frequencies, found, strict=True):
        q = detector_frequency(g.q_y[row], g.q_x[column], g.calibration)
        sides = terms_at(g.bright_field.k, q, g.calibration.k0, margin(g.bright_field.width))
        whole = sides[0] != sides[1]
        gammas = [(first - second)[row, column][whole] for first, second in (true, taken)]
        left = np.abs(np.mean(gammas[0] * gammas[1].conj()))
        assert phase == pytest.approx(np.sqrt(-2 * np.log(left)), rel=0.1)


def test_a_mate_has_the_same_tile_and_a_sliver_has_none():
    g = g_of(LOW, -12.0)
    (row, column), *_ = strongest_frequencies(g, 1)
    found = tile_flatness(g, LOW, [(row, column), (-row, -column), (1, 0)])
    assert found.flatness[0] == found.flatness[1]
    assert np.isnan(found.flatness[2])
    assert np.isnan(found.residual_phase[2])


def test_a_tile_without_any_common_phase_has_a_random_one():
    g = bright(LOW, -12.0)
    found = tile_flatness(g, moved(LOW, "C10", 12.0), strongest_frequencies(g, 6))
    assert found.residual_phase.max() == pytest.approx(RANDOM)


def test_a_device_says_the_same(monkeypatch):
    there = g_on(fake_gpu("cpu", monkeypatch).device)
    here = g_of(LOW, -12.0, full=True)
    assert flatness(there, LOW) == pytest.approx(flatness(here, LOW), rel=1e-4)
