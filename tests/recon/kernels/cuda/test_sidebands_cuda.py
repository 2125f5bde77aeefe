"""The CUDA kernels against the equations in double precision and against plain NumPy.

In Numba's simulator,
`NUMBA_ENABLE_CUDASIM=1 pytest tests/recon/kernels/cuda/test_sidebands_cuda.py`, or on a machine
with a GPU. The algorithms are the CPU's, with the kernels of their own exchanged: that is what
twins are for.
"""

import inspect
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

import recon.kernels.cpu
import recon.kernels.cuda
from recon.device.backend import CPU
from recon.optics import Aberrations
from recon.specimen import Specimen
from recon.ssb.phase import MODES, object_transmission, single_sideband
from tests.support import simulator
from tests.support.equations import averaged_phase, hard_phase, plain_sum
from tests.support.weak_phase import MANY, built, calibration_of, random_counts, relative

MILD = Aberrations(*(value / 3 for value in vars(MANY).values()))

pytestmark = simulator.on_cuda_only


@pytest.fixture(autouse=True)
def brisk_simulator(monkeypatch):
    yield from simulator.take_turns(monkeypatch)


@pytest.fixture
def in_full_blocks(monkeypatch):
    simulator.exchange(monkeypatch)


@pytest.fixture
def on_cuda(in_full_blocks, small_blocks):
    """Exchange the kernels, and let the simulator run them in small blocks."""


@pytest.fixture
def small_blocks(monkeypatch):
    simulator.make_small(monkeypatch)


@cache
def scan(rotation, transpose, shape=(5, 18), radius=3.0, across=6):
    """Counts of a scan; in small blocks, its rows of q are more than one tile."""
    calibration = calibration_of(rotation, transpose, radius, sampling=(0.9, 0.31))
    frame_shape = (int(2 * radius) + 5, int(2 * radius) + 6)
    counts, disc, total = random_counts(calibration, frame_shape, shape, across)
    return calibration, counts, disc, total


def sidebands_of(calibration, counts, disc, total):
    return built(counts, disc, calibration, total)


def test_blocks_of_the_size_for_a_gpu(in_full_blocks):
    calibration, counts, disc, total = scan(20.0, False, (5, 5), 2.0, 4)
    g = sidebands_of(calibration, counts, disc, total)
    expected = hard_phase(counts, disc, calibration, MANY)
    assert relative(single_sideband(g, MANY, "draft"), expected) < 2e-5
    expected = averaged_phase(counts, disc, calibration, Aberrations(C10=50))
    assert relative(single_sideband(g, Aberrations(C10=50), "exact"), expected) < 2e-5


def test_both_devices_define_the_same_kernels():
    def parameters(module):
        functions = {name: getattr(module, name) for name in module.__all__}
        return {
            name: list(inspect.signature(getattr(f, "py_func", f)).parameters)
            for name, f in functions.items()
        }

    assert parameters(recon.kernels.cpu) == parameters(recon.kernels.cuda) != {}


@pytest.mark.parametrize("sideband", ["both", "full"])
def test_draft_is_the_least_squares_equation(on_cuda, sideband):
    calibration, counts, disc, total = scan(33.0, True)
    g = sidebands_of(calibration, counts, disc, total)
    expected = hard_phase(counts, disc, calibration, MANY, sideband == "full")
    assert relative(single_sideband(g, MANY, "draft", sideband), expected) < 2e-5


@pytest.mark.parametrize(
    ("aberrations", "sideband", "tolerance"),
    [(Aberrations(C10=100, C12a=-30, C12b=20), "full", 2e-5), (MILD, "both", 0.02)],
    ids=["second order", "fifth"],
)
def test_exact_is_the_equation_averaged_over_pixels(on_cuda, aberrations, sideband, tolerance):
    calibration, counts, disc, total = scan(-70.0, False)
    g = sidebands_of(calibration, counts, disc, total)
    expected = averaged_phase(counts, disc, calibration, aberrations, sideband == "full")
    assert relative(single_sideband(g, aberrations, "exact", sideband), expected) < tolerance


THICK = Specimen(120, (6, -9), 40)


@pytest.mark.parametrize("specimen", [Specimen(300, (3, 2)), THICK], ids=["thick", "spread too"])
def test_sums_through_a_thick_specimen_are_the_equations(on_cuda, specimen):
    calibration, counts, disc, total = scan(33.0, True, (5, 9))
    g = sidebands_of(calibration, counts, disc, total).through(specimen)
    expected = hard_phase(counts, disc, calibration, MANY, True, specimen)
    assert relative(single_sideband(g, MANY, "draft", "full"), expected) < 2e-5
    aberrations = Aberrations(C10=100, C12a=-30, C12b=20)
    expected = averaged_phase(
        counts, disc, calibration, aberrations, True, specimen=specimen, at_centres=True
    )
    assert relative(single_sideband(g, aberrations, "exact", "full"), expected) < 2e-5


@pytest.mark.parametrize("mode", ["exact", "draft"])
def test_cpu_and_cuda_agree_on_each_sideband_within_a_band(mode, monkeypatch, request):
    calibration, counts, disc, total = scan(20.0, True, (5, 9))
    g = sidebands_of(calibration, counts, disc, total)
    far = Aberrations(C10=150, C30=4e5)  # steep enough for pixels of more than two turns
    results = [object_transmission(g, far, mode, "left", 0.8)]
    request.getfixturevalue("on_cuda")
    g.derived.clear()
    results.append(object_transmission(g, far, mode, "left", 0.8))
    assert relative(results[1] - 1, results[0] - 1) < 1e-5


def test_sum_is_the_papers_equation_3(on_cuda):
    calibration, counts, disc, total = scan(20.0, False, (5, 9))
    g = sidebands_of(calibration, counts, disc, total)
    expected = plain_sum(counts, disc, calibration, MANY, total, "right")
    result = object_transmission(g, MANY, "sum", "right") * total / counts[0].size
    assert relative(result, expected) < 2e-5


def test_a_g_on_a_device_is_worked_on_there(small_blocks):
    used = set()

    def noted(name):
        def launch(*arguments):
            used.add(name)
            return getattr(recon.kernels.cuda, name)(*arguments)

        return launch

    calibration, counts, disc, total = scan(20.0, False, (5, 5), 2.0, 4)
    g = sidebands_of(calibration, counts, disc, total)
    kernels = SimpleNamespace(**{name: noted(name) for name in simulator.NAMES})
    device = replace(CPU, name="simulated", kernels=kernels)
    moved = g.to_device(device)
    assert moved.to_device(device) is moved
    for mode in MODES:
        phase = single_sideband(g, MILD, mode, "full")
        assert relative(single_sideband(moved, MILD, mode, "full"), phase) < 1e-5
    assert used == {"sum_hard", "hard_power", "triple_power", "sum_averaged"}
    thick = single_sideband(g.through(THICK), MILD, "draft")
    assert relative(single_sideband(moved.through(THICK), MILD, "draft"), thick) < 1e-5
    assert "weighed_power" in used


def test_entries_in_half_precision_are_read_as_they_are(request):
    calibration, counts, disc, total = scan(20.0, False, (5, 9))
    g = sidebands_of(calibration, counts, disc, total)
    phases = [single_sideband(g, MANY, mode) for mode in ("draft", "exact")]
    request.getfixturevalue("on_cuda")
    rounded = {name: getattr(g, name).astype(np.float16) for name in ("re", "im")}
    g = replace(g, **rounded, derived={}, spare=[])
    halves = [single_sideband(g, MANY, mode) for mode in ("draft", "exact")]
    for phase, rounded in zip(phases, halves, strict=True):
        # 2^-11 of each entry, at random.
        assert 0 < relative(rounded, phase) < 5e-4
