from dataclasses import replace

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.device.backend import CPU, on_host
from recon.device.failure import DeviceFull
from recon.errors import Cancelled
from recon.kernels.cpu.sideband_geometry import LEFT, RIGHT, TRIPLE
from recon.kernels.cpu.simd import LANES
from recon.optics import Aberrations
from recon.scan.events import from_frames
from recon.ssb import gfunction
from recon.ssb.gfunction import build_sidebands, sidebands_of_planes
from recon.ssb.sidebands import half_scale
from recon.ssb.tables import scan_tables
from recon.treatment.dose import thin_events
from tests.support.equations import planes, terms
from tests.support.fake_gpu import fake_gpu
from tests.support.g_of_events import ARRAYS, CALIBRATION, assert_same, events_in_disc
from tests.support.weak_phase import binned


def dense_and_sparse(full, calibration=CALIBRATION):
    counts, disc = planes(
        np.random.default_rng(0).poisson(2.0, (11, 14, 17, 18)).astype(float), calibration, 12
    )
    g = sidebands_of_planes(binned(counts, disc), calibration, counts.sum(), full=full)
    return np.fft.rfft2(counts), disc, g


def unpacked(g):
    """(K, Sy, Qx) complex128 with NaN where no entry is kept."""
    dense = np.full((g.bright_field.size, *g.q_shape), np.nan, complex)
    for row in range(g.scan_shape[0]):
        at = g.first[2, row]
        for plane, column, length, _ in g.runs[g.first[0, row] : g.first[0, row + 1]].astype(int):
            values = g.re[at : at + length] + 1j * g.im[at : at + length]
            dense[plane, row, column : column + length] = values
            at += length
        assert at == g.first[2, row + 1]
    return dense


@pytest.mark.parametrize("full", [False, True])
def test_kept_entries_are_those_of_the_dense_transform(full):
    dense, disc, g = dense_and_sparse(full)
    kept = unpacked(g)
    held = ~np.isnan(kept)
    np.testing.assert_allclose(kept[held], dense[held], atol=1e-3)
    assert g.entries == np.count_nonzero(held) < dense.size
    # No pixel whose centre lies in a sideband is missing.
    for n in range(disc.size):
        right, left = terms(CALIBRATION, Aberrations(), *disc.k[:, n], g.scan_shape)
        sideband = ((right != 0) != (left != 0))[:, : g.q_shape[1]]
        assert held[n][sideband].all()
        if full:
            triple = ((right != 0) & (left != 0))[:, : g.q_shape[1]]
            triple[0, 0] = False
            assert held[n][triple].all()
    assert not held[:, 0, 0].any()


def test_hard_runs_are_the_masks_of_the_pixels_centres():
    _, disc, g = dense_and_sparse(True)
    sides = np.zeros((disc.size, *g.q_shape), int)
    for row in range(g.scan_shape[0]):
        for run in g.hard[g.first[1, row] : g.first[1, row + 1]].astype(int):
            plane, column, length, side = run
            sides[plane, row, column : column + length] = side
    for n in range(disc.size):
        right, left = terms(CALIBRATION, Aberrations(), *disc.k[:, n], g.scan_shape)
        here, there = (t[:, : g.q_shape[1]] != 0 for t in (right, left))
        expected = np.where(here & there, TRIPLE, np.where(here, RIGHT, np.where(there, LEFT, 0)))
        expected[0, 0] = 0
        np.testing.assert_array_equal(sides[n], expected)
    assert g.hard_entries == np.count_nonzero(sides)


def test_margins_are_there_for_vectors_that_begin_before_a_run():
    _, _, g = dense_and_sparse(False)
    assert not g.re[:LANES].any()
    assert not g.re[-LANES:].any()
    assert g.first[2, 0] == g.first[3, 0] == LANES


def test_pacbed_and_mean_counts():
    counts = np.random.default_rng(1).poisson(3.0, (6, 7, 17, 18)).astype(float)
    counts, disc = planes(counts, CALIBRATION, 12)
    g = sidebands_of_planes(binned(counts, disc), CALIBRATION, 1, full=False)
    np.testing.assert_allclose(g.pacbed, counts.mean((1, 2)))
    assert g.mean_counts == pytest.approx(counts.mean((1, 2)).sum() / disc.coverage.sum())


def test_slabs_and_batches_do_not_change_g(monkeypatch):
    whole = build_sidebands(events_in_disc(), CALIBRATION, 12)
    monkeypatch.setattr("recon.ssb.gfunction.SLAB_BYTES", 72 * 7)
    monkeypatch.setattr("recon.ssb.gfunction.FFT_BYTES", 12 * 72 * 3)
    parts = build_sidebands(events_in_disc(), CALIBRATION, 12)
    np.testing.assert_allclose(parts.re, whole.re, atol=1e-4)
    np.testing.assert_allclose(parts.im, whole.im, atol=1e-4)


def test_progress_runs_from_0_to_1_and_cancels():
    seen = []
    build_sidebands(events_in_disc(), CALIBRATION, 12, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] == pytest.approx(1)

    def stop(fraction):
        if fraction > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        build_sidebands(events_in_disc(), CALIBRATION, 12, progress=stop)


@pytest.fixture
def device(monkeypatch):
    return fake_gpu("cpu", monkeypatch).device


@pytest.mark.parametrize("full", [False, True])
def test_g_made_on_a_device_is_that_of_the_cpu_and_stays_there(device, full):
    expected = build_sidebands(events_in_disc(), CALIBRATION, 12, full=full)
    g = build_sidebands(events_in_disc().to_device(device), CALIBRATION, 12, full=full)
    assert g.device is device
    assert all(isinstance(getattr(g, name), device.xp.ndarray) for name in ARRAYS)
    assert_same(g, expected)


@pytest.mark.parametrize("there", [False, True], ids=["from the host", "from the device"])
def test_planes_may_come_from_either_side(device, there):
    counts, disc = planes(
        np.random.default_rng(0).poisson(2.0, (11, 14, 17, 18)).astype(float), CALIBRATION, 12
    )
    source = device.xp.asarray(counts) if there else counts
    there = binned(source, disc, device)
    g = sidebands_of_planes(there, CALIBRATION, counts.sum(), full=False)
    assert_same(g, dense_and_sparse(False)[2])


def test_a_g_moves_to_a_device_and_back(device):
    g = build_sidebands(events_in_disc(), CALIBRATION, 12)
    there = g.to_device(device)
    assert there.to_device(device) is there
    assert_same(there, g)
    back = there.to_device(CPU)
    assert back.device is CPU
    assert_same(back, g)


def test_slabs_on_a_device_are_as_large_as_its_memory_allows(device, monkeypatch):
    expected = build_sidebands(events_in_disc(), CALIBRATION, 12)
    scan = events_in_disc().to_device(device)
    asked, count = [], gfunction.plane_counts

    def noted(events, lookup, start, stop):
        asked.append(stop - start)
        return count(events, lookup, start, stop)

    monkeypatch.setattr(gfunction, "plane_counts", noted)
    build_sidebands(scan, CALIBRATION, 12)
    assert asked == [expected.bright_field.size]
    asked.clear()
    monkeypatch.setattr(gfunction, "_require_memory", lambda *arguments: None)
    # A share is then 1872 bytes: 26 planes of 72 counts, and two transforms of 12 bytes for each.
    room = gfunction.memory(device)
    monkeypatch.setattr(
        gfunction, "memory", lambda device: replace(room, free=8 * 1872, total=8 * 1872)
    )
    seen = []
    g = build_sidebands(scan, CALIBRATION, 12, progress=seen.append)
    assert max(asked) == 26
    assert sum(asked) == g.bright_field.size
    # Transforms of other batches differ in their last bit.
    np.testing.assert_allclose(on_host(g.re), expected.re, atol=1e-4)
    np.testing.assert_allclose(g.pacbed, expected.pacbed, rtol=1e-6)
    # Told now and then, when what was queued is done.
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1)
    assert 4 < len(seen) < 2 + g.bright_field.size / 2


def test_a_cancelled_build_leaves_nothing_on_the_device(monkeypatch):
    fake = fake_gpu("cpu", monkeypatch)
    scan = events_in_disc().to_device(fake.device)
    before = fake.live

    def stop(fraction):
        if fraction > 0.05:
            raise Cancelled

    with pytest.raises(Cancelled):
        build_sidebands(scan, CALIBRATION, 12, progress=stop)
    assert fake.live == before


def test_a_g_that_cannot_fit_is_refused_before_the_device_is_used(monkeypatch):
    fake = fake_gpu("cpu", monkeypatch)
    scan = events_in_disc((64, 64)).to_device(fake.device)
    g = build_sidebands(scan, CALIBRATION, 12)
    needed, before, made = g.nbytes, fake.live - g.nbytes, fake.allocations
    del g
    fake.total = before + needed // 2
    with pytest.raises(DeviceFull, match=r"This scan of 64 × 64 .* needs .* GB .*: take"):
        build_sidebands(scan, CALIBRATION, 12)
    assert fake.allocations == made
    # With the events' own memory, which the plan counts as well, there is enough.
    fake.total = before + 4 * needed
    assert build_sidebands(scan, CALIBRATION, 12).nbytes == needed


def test_a_full_device_is_said_in_a_sentence_and_keeps_nothing(monkeypatch):
    fake = fake_gpu("cpu", monkeypatch)
    scan = events_in_disc().to_device(fake.device)
    before, made = fake.live, fake.allocations
    g = build_sidebands(scan, CALIBRATION, 12)
    needed = fake.allocations - made
    assert needed > 10
    del g
    for number in range(1, needed + 1, 3):
        fake.fail_at(number)
        with pytest.raises(DeviceFull, match="memory is full"):
            build_sidebands(scan, CALIBRATION, 12)
        assert fake.live == before
    build_sidebands(scan, CALIBRATION, 12)


def test_half_precision_on_the_cpu_is_refused():
    g = build_sidebands(events_in_disc(), CALIBRATION, 12)
    assert not g.half
    sentence = r"Half precision is for G on a GPU: the CPU's kernels read single precision only\."
    with pytest.raises(ValueError, match=sentence):
        g.to_half()
    with pytest.raises(ValueError, match=sentence):
        build_sidebands(events_in_disc(), CALIBRATION, 12, half=True)


def test_half_precision_is_half_the_bytes_of_each_entry_and_widens_on_its_way_back(device):
    single = build_sidebands(events_in_disc(), CALIBRATION, 12)
    half = single.to_device(device).to_half()
    assert half.half
    assert half.to_half() is half
    assert half.nbytes == single.nbytes - 4 * single.re.size
    back = half.to_device(CPU)
    assert back.re.dtype == np.float32
    assert back.scale == 1
    largest = abs(single.re).max()
    np.testing.assert_allclose(back.re, single.re, rtol=2**-11, atol=2**-25 * largest)
    assert not np.array_equal(back.re, single.re)
    # A power of two, under which the largest entry fits with a factor of two to spare.
    assert np.frexp(half.scale)[0] == 0.5
    assert 2**-20 < abs(on_host(half.re)).max() < 2**15


@pytest.mark.parametrize("largest", [1.0, 1023.0, 1024.0, 5.2e7, 3e11])
def test_no_entry_in_half_precision_reaches_two_to_the_15(largest):
    scale = half_scale(largest)
    assert 2**14 <= largest * scale < 2**15
    # Noise is the root of a pixel's counts: it keeps its eleven bits.
    assert np.float16(np.sqrt(largest) * scale) > 10 * np.finfo(np.float16).tiny


def test_what_cannot_be_transformed_is_refused():
    with pytest.raises(ValueError, match="at least 4 × 4 positions, not 3 × 9"):
        build_sidebands(events_in_disc((3, 9)), CALIBRATION, 12)
    empty = from_frames([[]] * 72, (8, 9), (17, 18))
    with pytest.raises(ValueError, match=r"No electrons in the bright-field disc of radius 6.0"):
        build_sidebands(empty, CALIBRATION, 12)
    coarse = Calibration(80e3, 25.0, (1e-3, 1e-3), (8.3, 7.6), 6.0)
    with pytest.raises(ValueError, match=r"resolves nothing in a field of .* has a sideband"):
        build_sidebands(events_in_disc(), coarse, 12)


def test_scans_that_differ_in_their_electrons_share_tables():
    frames = [[n % 324, (7 * n) % 324, 150] for n in range(11 * 14)]
    events = from_frames(frames, (11, 14), (18, 18))
    fewer = thin_events(events, 0.5)
    tables = scan_tables(events, CALIBRATION, 12)
    shared = build_sidebands(fewer, CALIBRATION, 12, tables=tables)
    own = build_sidebands(fewer, CALIBRATION, 12)
    assert shared.runs is tables.runs
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(shared, name), getattr(own, name))
