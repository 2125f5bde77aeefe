"""The CUDA kernels against the equations in double precision and against plain NumPy.

Runs in Numba's simulator, `NUMBA_ENABLE_CUDASIM=1 pytest tests/test_kernels_cuda.py`, or on a
machine with a GPU. The algorithms are the CPU's, with the kernels of their own exchanged: that is
what twins are for. The simulator takes a Python thread for each of the GPU's, so blocks are made
small there: scans that a test can afford then have several tiles and chunks of everything.
"""

import inspect
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import simulator
from equations import averaged_phase, hard_phase, plain_sum
from strategies import dense
from test_ssb import MANY, built, calibration_of, random_counts, relative

import recon.kernels.cpu
import recon.kernels.cuda
from recon import com, virtual
from recon.backend import CPU
from recon.datacube import bright_field, plane_counts
from recon.events import from_frames
from recon.gfunction import build_sidebands
from recon.kernels import (
    cuda_entries,
    cuda_events,
    cuda_sidebands,
    densify,
    dpc,
    events,
    sideband_exact,
    sidebands,
)
from recon.optics import Aberrations
from recon.ssb import MODES, object_transmission, single_sideband
from recon.tiles import gfunction_tiles, power_spectrum

OWNERS = (recon.kernels.cpu, densify, dpc, events, sideband_exact, sidebands)
MILD = Aberrations(*(value / 3 for value in vars(MANY).values()))
NAMES = recon.kernels.cuda.__all__
SMALL = {
    cuda_sidebands: {"WARP": 4, "TILE": 8, "SHARES": 2, "THREADS": 8},
    cuda_entries: {"WARP": 4, "TILE": 8, "SHARES": 2, "THREADS": 16},
    cuda_events: {"LANES": 2, "FRAMES": 4, "THREADS": 8, "LABELS": 16, "STRIDE": 5, "COUNTS": 80}
    | {"BINS": 64, "MOST_BLOCKS": 3},
}

pytestmark = simulator.on_cuda_only


@pytest.fixture(autouse=True)
def brisk_simulator(monkeypatch):
    yield from simulator.take_turns(monkeypatch)


@pytest.fixture
def in_full_blocks(monkeypatch):
    """Exchange every kernel of the CPU for its twin."""
    for owner in OWNERS:
        for name in NAMES:
            if hasattr(owner, name):
                monkeypatch.setattr(owner, name, getattr(recon.kernels.cuda, name))


@pytest.fixture
def on_cuda(in_full_blocks, small_blocks):
    """Exchange the kernels, and let the simulator run them in small blocks."""


@pytest.fixture
def small_blocks(monkeypatch):
    simulator.make_small(monkeypatch, SMALL)


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
    kernels = SimpleNamespace(**{name: noted(name) for name in NAMES})
    device = replace(CPU, name="simulated", kernels=kernels)
    moved = g.to_device(device)
    assert moved.to_device(device) is moved
    for mode in MODES:
        phase = single_sideband(g, MILD, mode, "full")
        assert relative(single_sideband(moved, MILD, mode, "full"), phase) < 1e-5
    assert used == {"sum_hard", "hard_power", "triple_power", "sum_averaged"}


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


def electrons(frame_shape=(13, 14), shape=(5, 9), longest=12):
    rng = np.random.default_rng(7)
    sizes = rng.integers(0, longest, shape[0] * shape[1])
    sizes[3] = 0
    frames = [rng.integers(0, frame_shape[0] * frame_shape[1], size) for size in sizes]
    return from_frames(frames, shape, frame_shape)


def test_from_electrons_to_entries_and_their_power(monkeypatch, request):
    calibration = calibration_of(15.0, False, 3.0, sampling=(0.9, 0.5))
    scan_events = electrons()
    # Planes of the transform arrive a few at a time, and counts a slab at a time.
    monkeypatch.setattr("recon.gfunction.SLAB_BYTES", 25 * 45)
    monkeypatch.setattr("recon.gfunction.FFT_BYTES", 10 * 8 * 45)
    expected = build_sidebands(scan_events, calibration, 6, full=True)
    spectrum, tile = power_spectrum(expected), gfunction_tiles(expected, MANY, [(1, 2)])
    request.getfixturevalue("on_cuda")
    g = build_sidebands(scan_events, calibration, 6, full=True)
    np.testing.assert_array_equal(g.re, expected.re)
    np.testing.assert_array_equal(g.im, expected.im)
    np.testing.assert_allclose(power_spectrum(g), spectrum, rtol=1e-5)
    np.testing.assert_array_equal(gfunction_tiles(g, MANY, [(1, 2)]), tile)


@pytest.mark.parametrize("longest", [12, 400])
def test_electrons_are_counted_in_their_planes(on_cuda, longest):
    scan_events = electrons(longest=longest, shape=(2, 20) if longest < 100 else (1, 4))
    disc = bright_field(calibration_of(radius=4.0), (13, 14), 8)
    counts = plane_counts(scan_events, disc.lookup, 0, disc.size)
    cube = dense(scan_events).reshape(scan_events.positions, -1)
    for plane in range(disc.size):
        expected = cube[:, disc.lookup == plane].sum(1)
        np.testing.assert_array_equal(counts[plane].ravel(), expected)
    part = plane_counts(scan_events, disc.lookup, 5, 11)
    np.testing.assert_array_equal(part, counts[5:11])


def test_more_labels_than_one_tile(on_cuda):
    scan_events = electrons((20, 20), (1, 6), 60)
    sums = virtual.radial_sums(scan_events, (9.5, 9.5), np.linspace(0, 14, 300))
    radius = np.hypot(*(np.indices((20, 20)) - 9.5))
    ring = np.searchsorted(np.linspace(0, 14, 300), radius, side="right") - 1
    for position, frame in enumerate(scan_events.frames()):
        expected = np.bincount(ring.ravel()[frame], minlength=299)
        np.testing.assert_array_equal(sums[:, 0, position], expected)


def test_virtual_detectors_and_pacbed_count_electrons(on_cuda):
    scan_events = electrons()
    cube = dense(scan_events)
    radius = np.hypot(*(np.indices((13, 14)) - np.reshape((6.3, 5.6), (2, 1, 1))))
    image = virtual.virtual_detector(scan_events, (6.3, 5.6), 2.0, 5.0)
    np.testing.assert_array_equal(image, cube[..., (radius >= 2) & (radius < 5)].sum(-1))
    chosen = np.random.default_rng(1).random((5, 9)) < 0.5
    np.testing.assert_array_equal(virtual.pacbed(scan_events, chosen), cube[chosen].sum(0))
    assert scan_events.highest_pixel == scan_events.pixels.max()
    assert events.total(scan_events.pixels) == scan_events.pixels.sum()


@pytest.mark.parametrize("masked", [False, True])
def test_centre_of_mass(on_cuda, masked):
    scan_events = electrons()
    mask = np.ones((13, 14), bool)
    mask[:, :6] = not masked
    cube = dense(scan_events) * mask
    counts = cube.sum((2, 3))
    means = [(cube * axis).sum((2, 3)) / np.maximum(counts, 1) for axis in np.indices((13, 14))]
    expected = [np.where(counts > 0, m, m[counts > 0].mean()) for m in means]
    field = com.centre_of_mass(scan_events, mask if masked else None)
    np.testing.assert_allclose(field, expected, rtol=1e-6)
