"""G, its redraws and tiles with the CUDA kernels, on a stand-in for a GPU: half precision too.

In Numba's simulator: `NUMBA_ENABLE_CUDASIM=1 pytest tests/recon/ssb/test_gfunction_cuda.py`.
"""

import numpy as np
import pytest
from numba import config

from recon.device.backend import CPU, on_host
from recon.optics import Aberrations
from recon.scan.events import from_frames
from recon.ssb.gfunction import build_sidebands, sidebands_of_planes
from recon.ssb.phase import single_sideband
from recon.ssb.tiles import gfunction_tiles, power_spectrum
from tests.support import simulator
from tests.support.equations import averaged_phase, hard_phase, planes
from tests.support.fake_gpu import fake_gpu
from tests.support.g_of_events import CALIBRATION, assert_same
from tests.support.weak_phase import MANY, binned, calibration_of, random_counts

pytestmark = pytest.mark.skipif(
    not config.ENABLE_CUDASIM, reason="no simulator of a GPU: set NUMBA_ENABLE_CUDASIM=1"
)

HALF_TOLERANCE = 5e-4
"""Root mean square error of a phase from entries in half precision, in units of the phase's: each
entry is off by up to 2^-11, 2.8e-4 on average of squares, and they do not err together."""


@pytest.fixture(autouse=True)
def brisk_simulator(monkeypatch):
    simulator.make_small(monkeypatch)
    yield from simulator.take_turns(monkeypatch)


@pytest.fixture
def device(monkeypatch):
    return fake_gpu("cuda", monkeypatch).device


def counted(rotation):
    """A tiny scan's calibration, binned counts, disc and all its counts."""
    calibration = calibration_of(rotation, False, 3.0, sampling=(0.9, 0.31))
    counts, disc, total = random_counts(calibration, (11, 12), (5, 9), 6)
    return calibration, counts, disc, total


def test_electrons_become_the_g_of_the_cpu(device):
    calibration = calibration_of(15.0, False, 3.0, sampling=(0.9, 0.5))
    rng = np.random.default_rng(7)
    frames = [rng.integers(0, 13 * 14, size) for size in rng.integers(0, 12, 5 * 9)]
    events = from_frames(frames, (5, 9), (13, 14))
    expected = build_sidebands(events, calibration, 6, full=True)
    g = build_sidebands(events.to_device(device), calibration, 6, full=True)
    assert_same(g, expected)
    spectrum, tiles = power_spectrum(expected), gfunction_tiles(expected, MANY, [(1, 2), (-2, 3)])
    np.testing.assert_allclose(power_spectrum(g), spectrum, rtol=1e-5)
    np.testing.assert_array_equal(gfunction_tiles(g, MANY, [(1, 2), (-2, 3)]), tiles)


def test_a_half_precision_phase_is_the_equations_to_a_part_in_2000(device):
    calibration, counts, disc, total = counted(20.0)
    quadratic = Aberrations(C10=100, C12a=-30, C12b=20)
    there = binned(counts, disc, device)
    g = sidebands_of_planes(there, calibration, total, full=False, half=True)
    assert g.half
    for mode, equation in (("draft", hard_phase), ("exact", averaged_phase)):
        expected = equation(counts, disc, calibration, quadratic)
        error = on_host(single_sideband(g, quadratic, mode)) - expected
        assert 1e-5 < error.std() / expected.std() < HALF_TOLERANCE


def test_spectrum_tiles_and_sum_of_half_precision_are_in_single_precisions_units(device):
    calibration, counts, disc, total = counted(20.0)
    single = sidebands_of_planes(binned(counts, disc), calibration, total, full=False)
    half = single.to_device(device).to_half()
    assert half.scale != 1
    np.testing.assert_allclose(power_spectrum(half), power_spectrum(single), rtol=2e-3)
    tiles = gfunction_tiles(single, MANY, [(1, 2)])
    np.testing.assert_allclose(
        gfunction_tiles(half, MANY, [(1, 2)]), tiles, atol=1e-3 * abs(tiles).max()
    )
    angle = single_sideband(single, MANY, "sum")
    np.testing.assert_allclose(
        on_host(single_sideband(half, MANY, "sum")), angle, atol=1e-3 * abs(angle).max()
    )
    back = half.to_device(CPU)
    np.testing.assert_allclose(back.im, single.im, rtol=2**-11, atol=1e-6 * abs(single.im).max())


def test_half_precision_needs_a_true_total(device):
    counts, disc = planes(np.full((4, 5, 17, 18), 3.0), CALIBRATION, 12)
    with pytest.raises(ValueError, match=r"holds .* counts, more than the whole scan's 1"):
        sidebands_of_planes(binned(counts, disc, device), CALIBRATION, 1, full=False, half=True)
