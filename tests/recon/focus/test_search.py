"""The gain of every slope against the sums of the equation, one by one."""

from dataclasses import replace

import numpy as np
import pytest

from recon.focus.overlaps import Overlaps
from recon.focus.search import Candidate, gains_at, slope_maps

WIDTH, WAVELENGTH = 0.1, 0.04


@pytest.fixture
def overlaps():
    """Random entries on a grid of 5 × 4 pixels for three frequencies, pixels cut by edges too."""
    rng = np.random.default_rng(0)
    k = WIDTH * np.stack(np.indices((5, 4)).reshape(2, -1) - np.array([[2.3], [1.4]]))
    k, size = np.tile(k, 3), 60
    values = rng.normal(size=size) + 1j * rng.normal(size=size)
    right, left = rng.uniform(0, 1, (2, size)) * rng.integers(0, 2, (2, size))
    q = rng.uniform(-0.3, 0.3, (2, 3))
    parts = values, k, right, left, rng.uniform(1, 2, size), np.arange(0, 80, 20), q
    return Overlaps(*parts, 0.25, WIDTH, WAVELENGTH, 30.0, True)


def gain(o, m, slope):
    """-n log(1 - ρ), less its mean by chance, of frequency m at a slope (y, x) [Å]."""
    part = slice(o.starts[m], o.starts[m + 1])
    q = o.q_on_detector()[:, m, None]
    right, left = (
        side[part] * np.exp(2j * np.pi * np.array(slope) @ (o.k[:, part] - sign * q / 2))
        for side, sign in ((o.right, 1), (o.left, -1))
    )
    gamma, (counts, powers) = right - left, o.judged
    coherence = np.abs(np.vdot(gamma, o.values[part])) ** 2
    coherence /= np.sum(o.weights[part] * np.abs(gamma) ** 2) * powers[m]
    return -counts[m] * np.log(1 - coherence) - counts[m] / (counts[m] - 1)


@pytest.mark.parametrize("whole", [False, True], ids=["sidebands", "whole disc"])
def test_gains_are_those_of_a_plane_wave(overlaps, whole):
    if whole:
        counts, powers = overlaps.judged
        overlaps = replace(overlaps, whole=(counts + 13, powers * 1.7))
    maps = slope_maps(overlaps)
    size = maps.shape[1]
    for m, y, x in ((0, 0, 0), (1, 3, -2), (2, -5, 4), (2, 7, 1)):
        slope = y / (size * WIDTH), x / (size * WIDTH)
        assert maps[m, y, x] == pytest.approx(gain(overlaps, m, slope), rel=1e-5, abs=1e-5)


def test_a_candidate_gains_what_its_slopes_do(overlaps):
    maps, found = slope_maps(overlaps), Candidate(30.0, -8.0, 11.0, 0.0)
    matrix = WAVELENGTH * np.array([[38.0, 11.0], [11.0, 22.0]])
    at = np.rint(matrix @ overlaps.q_on_detector() * WIDTH * maps.shape[1]).astype(int)
    np.testing.assert_allclose(gains_at(overlaps, found), maps[np.arange(3), at[0], at[1]])
