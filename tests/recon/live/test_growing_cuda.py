"""A growing G with the CUDA kernels, on a stand-in for a GPU, against that of the CPU.

In Numba's simulator: `NUMBA_ENABLE_CUDASIM=1 pytest tests/recon/live/test_growing_cuda.py`.
"""

import numpy as np
import pytest
from numba import config

from recon.device.backend import on_host
from recon.live.growing import GrowingSidebands
from recon.live.sums import GrowingSums
from recon.ssb.bright_field import bright_field
from recon.ssb.phase import single_sideband
from tests.support import simulator
from tests.support.fake_gpu import fake_gpu
from tests.support.growing_scans import blocks_of, random_scan
from tests.support.weak_phase import MANY, calibration_of

pytestmark = pytest.mark.skipif(
    not config.ENABLE_CUDASIM, reason="no simulator of a GPU: set NUMBA_ENABLE_CUDASIM=1"
)


@pytest.fixture(autouse=True)
def brisk_simulator(monkeypatch):
    simulator.make_small(monkeypatch)
    yield from simulator.take_turns(monkeypatch)


def test_rows_become_the_g_of_the_cpu(monkeypatch):
    device = fake_gpu("cuda", monkeypatch).device
    calibration = calibration_of(15.0, False, 3.0, sampling=(0.9, 0.5))
    events = random_scan((6, 9), calibration, (13, 14), electrons=8)
    disc = bright_field(calibration, events.frame_shape, 6)
    shapes = events.scan_shape, events.frame_shape
    there = GrowingSidebands(*shapes, disc, calibration, full=True, device=device, block=3)
    here = GrowingSidebands(*shapes, disc, calibration, full=True, block=3)
    seen = []
    for first, part in blocks_of(events, [0, 2, 3, 6]):
        there.add(first, part)
        here.add(first, part)
        g, expected = there.sidebands(), here.sidebands()
        seen.append((g, on_host(g.re)))
        scale = abs(expected.re).max()
        for name in ("re", "im"):
            value = on_host(getattr(g, name))
            np.testing.assert_allclose(value, getattr(expected, name), atol=1e-6 * scale)
        np.testing.assert_array_equal(g.pacbed, expected.pacbed)
        phase, of_cpu = (single_sideband(one, MANY, "draft") for one in (g, expected))
        np.testing.assert_allclose(on_host(phase), of_cpu, atol=1e-5 * abs(of_cpu).max())
    for g, then in seen:
        np.testing.assert_array_equal(on_host(g.re), then)


def test_sums_are_those_of_the_cpu(monkeypatch):
    device = fake_gpu("cuda", monkeypatch).device
    calibration = calibration_of(15.0, False, 3.0)
    events = random_scan((4, 5), calibration, (13, 14), electrons=8)
    masks = {"half": np.arange(13 * 14).reshape(13, 14) % 14 < 7}
    shapes = events.scan_shape, events.frame_shape
    there, here = GrowingSums(*shapes, masks, device=device), GrowingSums(*shapes, masks)
    for first, part in blocks_of(events, [0, 1, 4]):
        there.add(first, part)
        here.add(first, part)
    np.testing.assert_array_equal(on_host(there.pacbed()), here.pacbed())
    np.testing.assert_array_equal(on_host(there.images()["half"]), here.images()["half"])
    np.testing.assert_allclose(on_host(there.centre_of_mass()), here.centre_of_mass(), rtol=1e-6)
