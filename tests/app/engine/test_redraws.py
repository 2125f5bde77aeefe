"""What is made of a G anew for each value of an aberration."""

import numpy as np
import pytest

from app.engine.placement import Placement
from app.engine.redraws import Redraws
from app.engine.store import Store
from app.state.request import TileChoice
from recon.device.backend import CPU
from recon.ssb.build import build_g
from tests.support.scans import ABERRATIONS, CALIBRATION, SCAN_SHAPE, weak_events

WAVES = ((3, 2), (-1, 4), (5, 0))
"""Frequencies (row, column) of the three waves of `weak_phase`."""


@pytest.fixture(scope="module")
def redraws():
    redraws = Redraws()
    redraws.placed = Placement(Store(1 << 20), CPU, False, None)
    return redraws


@pytest.fixture(scope="module")
def g():
    return build_g(weak_events(60_000), CALIBRATION, 10)


def test_picked_frequencies_are_taken_where_the_scan_has_them(redraws, g):
    picked = redraws.frequencies(g, TileChoice(9, (WAVES[0], (500, 1), (0, 0))))
    np.testing.assert_array_equal(picked, [WAVES[0]])
    strongest = redraws.frequencies(g, TileChoice(2))
    np.testing.assert_array_equal(redraws.frequencies(g, TileChoice(2, ((500, 1),))), strongest)
    assert redraws.tiles(g, ABERRATIONS, picked).shape == (1, *g.bright_field.shape)


def test_the_spectrum_is_strongest_at_the_waves_of_the_object(redraws, g):
    spectrum = redraws.spectrum(g)
    rows, columns = np.unravel_index(np.argsort(spectrum, axis=None)[::-1][:6], SCAN_SHAPE)
    middle = np.array(SCAN_SHAPE)[:, None] // 2
    both = {(r, c) for r, c in (np.stack([rows, columns]) - middle).T.tolist()}
    assert both == {*WAVES, *((-r, -c) for r, c in WAVES)}
