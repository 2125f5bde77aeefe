"""The CUDA kernels that pass over electrons and G's entries, against plain NumPy and the CPU.

In Numba's simulator, or on a machine with a GPU.
"""

import numpy as np
import pytest

import recon.kernels.cpu
import recon.kernels.cuda
from recon.kernels.cpu import events
from recon.kernels.cpu.simd import LANES
from recon.kernels.cuda import events as cuda_events
from recon.scan.events import from_frames
from recon.ssb.bright_field import bright_field, plane_counts
from recon.ssb.gfunction import build_sidebands
from recon.ssb.tiles import gfunction_tiles, power_spectrum
from recon.sums import com
from recon.sums import detectors as virtual
from tests.support import simulator
from tests.support.strategies import dense
from tests.support.weak_phase import MANY, built, calibration_of, random_counts

pytestmark = simulator.on_cuda_only


@pytest.fixture(autouse=True)
def brisk_simulator(monkeypatch):
    yield from simulator.take_turns(monkeypatch)


@pytest.fixture
def on_cuda(monkeypatch):
    """Exchange the kernels, and let the simulator run them in small blocks."""
    simulator.make_small(monkeypatch)
    simulator.exchange(monkeypatch)


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
    monkeypatch.setattr("recon.ssb.gfunction.SLAB_BYTES", 25 * 45)
    monkeypatch.setattr("recon.ssb.gfunction.FFT_BYTES", 10 * 8 * 45)
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


@pytest.mark.parametrize("tiles", [1, 16], ids=["a large detector", "a small one"])
def test_virtual_detectors_and_pacbed_count_electrons(on_cuda, tiles, monkeypatch):
    monkeypatch.setattr(cuda_events, "MOST_TILES", tiles)
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


def test_halves_are_packed_and_read_as_single_numbers_are(monkeypatch):
    simulator.make_small(monkeypatch)
    calibration = calibration_of(20.0, False, 3.0, sampling=(0.9, 0.31))
    counts, disc, total = random_counts(calibration, (11, 12), (5, 18), 6)
    g = built(counts, disc, calibration, total)
    planes = np.fft.rfft2(counts).astype(np.complex64)
    re, im = (np.zeros(g.re.size, np.float16) for _ in range(2))
    kernels = recon.kernels.cuda
    places = g.first[0, :-1].copy(), g.first[2, :-1].copy()
    # A few planes at a time.
    for start in range(0, disc.size, 7):
        part = np.ascontiguousarray(planes[start : start + 7])
        kernels.pack(part, start, g.runs, g.first, *places, re, im)
    inner = slice(LANES, -LANES)
    for halves, single in ((re, g.re), (im, g.im)):
        size = abs(single).max()
        np.testing.assert_allclose(halves[inner], single[inner], rtol=2**-10, atol=1e-6 * size)
    np.testing.assert_array_equal(places[0], g.first[0, 1:])
    np.testing.assert_array_equal(places[1], g.first[2, 1:])

    weights = np.random.default_rng(1).random(disc.size).astype(np.float32)
    widened = re.astype(np.float32), im.astype(np.float32)
    results = []
    for module, entries in ((kernels, (re, im)), (recon.kernels.cpu, widened)):
        power, noise = (np.empty(g.q_shape, np.float32) for _ in range(2))
        module.entry_power(*entries, g.first, g.runs, weights, power, noise)
        values, sides = np.zeros(disc.size, np.complex64), np.zeros(disc.size, np.uint8)
        module.gather(*entries, g.first, g.hard, g.hard_at, 1, 2, values, sides)
        assert np.count_nonzero(sides) > 2
        results.append((power, noise, values, sides))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
