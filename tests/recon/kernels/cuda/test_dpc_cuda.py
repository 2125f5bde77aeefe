"""Integration of a deflection field by the CUDA kernels, against the equation in double precision.

In Numba's simulator, or on a machine with a GPU.
"""

import numpy as np
import pytest
from numba import config

import recon.kernels.cpu
import recon.kernels.cuda
from recon.device import backend
from recon.dpc.integrate import integrate_com, integrate_com_direct
from tests.support import simulator
from tests.support.com_fields import calibration, iterated
from tests.support.fake_gpu import fake_gpu
from tests.support.weak_phase import relative

pytestmark = simulator.on_cuda_only


@pytest.fixture(autouse=True)
def brisk_simulator(monkeypatch):
    yield from simulator.take_turns(monkeypatch)


@pytest.fixture
def small_blocks(monkeypatch):
    simulator.make_small(monkeypatch)


@pytest.fixture
def device(monkeypatch, small_blocks):
    """A GPU; without one, a stand-in whose kernels are simulated."""
    if config.ENABLE_CUDASIM:
        return fake_gpu("cuda", monkeypatch).device
    return backend.gpu()


@pytest.mark.parametrize("padding", [1, 2])
def test_dpc_is_the_equation(device, padding):
    shape, step = (6, 9), (0.3, 0.5)
    rng = np.random.default_rng(2)
    field, mask = rng.normal(size=(2, *shape)), rng.random(shape) > 0.2
    c = calibration(step)
    grid = shape if padding == 1 else tuple(2 * n for n in shape)
    phase, errors, last = iterated(field, c, 1e-3, 1.0, 3.0, 2, grid, mask)
    options = {"highpass": 1e-3, "lowpass": 1.0, "step": 3.0, "iterations": 2, "padding": padding}
    result = integrate_com(device.xp.asarray(field), c, **options, mask=mask)
    assert relative(result.phase.get(), phase) < 2e-5
    np.testing.assert_allclose(result.errors, errors, rtol=1e-5)
    np.testing.assert_allclose(result.steps[-1], last, rtol=1e-12)


def test_direct_dpc_agrees_with_the_cpu(device):
    field = np.random.default_rng(2).normal(size=(2, 6, 9))
    expected = integrate_com_direct(field, calibration()).phase
    phase = integrate_com_direct(device.xp.asarray(field), calibration()).phase
    assert relative(phase.get(), expected) < 1e-6


CASES = {
    "first step": ([4.0], [8.0, 16.0], [0.5, np.inf, 0, 0]),
    "halved twice": ([4.0], [1.0, 2.0], [2.0, np.inf, 0, 0]),
    "a step that lowered": ([3.0], [8.0, 16.0], [0.5, 4.0, 1, 0]),
    "a step that did not": ([5.0], [8.0, 16.0], [0.5, 4.0, 1, 0]),
    "no way down": ([3.0], [-8.0, 16.0], [0.5, 4.0, 1, 0]),
    "already at the end": ([3.0], [8.0, 16.0], [0.0, 4.0, 1, 1]),
}


@pytest.mark.parametrize("name", CASES)
def test_both_devices_choose_the_same_step(small_blocks, name):
    error, shares, state = CASES[name]
    # Eleven rows, of which the first four are most of it.
    weights = np.array([0.25, 0.25, 0.25, 0.125] + [1 / 64] * 6 + [2 / 64])
    results = []
    for kernels, precision in ((recon.kernels.cpu, float), (recon.kernels.cuda, np.float32)):
        now, history = np.array(state), np.full((3, 2), -1.0)
        sums = np.multiply.outer(weights, shares).astype(precision)
        step = np.full(1, -1, np.float32)
        kernels.choose_step(sums, (weights * error).astype(precision), now, history, step)
        results.append(np.concatenate([now, history.ravel(), step]))
    np.testing.assert_array_equal(*results)


def test_a_step_is_halved_until_it_lowers_the_error_and_then_noted():
    """By hand: t |w|² ≤ 2 <r, w> lets 0.5 of 2 through; each step is noted with what it left."""
    for kernels in (recon.kernels.cpu, recon.kernels.cuda):
        state, history = np.array([2.0, np.inf, 0, 0]), np.full((3, 2), -1.0)
        step = np.zeros(1, np.float32)
        sums = np.array([[1.0, 2.0], [0.0, 2.0]])
        kernels.choose_step(sums, np.array([3.0, 1.0]), state, history, step)
        np.testing.assert_array_equal(state, [0.5, 4, 1, 0])
        kernels.choose_step(sums, np.array([2.0, 1.5]), state, history, step)
        np.testing.assert_array_equal(state, [0.5, 3.5, 2, 0])
        assert step[0] == 0.5
        kernels.choose_step(sums, np.array([2.0, 2.0]), state, history, step)
        np.testing.assert_array_equal(state, [0.5, 3.5, 2, 1])
        assert step[0] == 0
        np.testing.assert_array_equal(history, [[4, 2], [3.5, 0.5], [-1, -1]])
