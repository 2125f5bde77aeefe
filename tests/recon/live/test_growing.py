"""G of the rows that have come against its equation in double precision."""

import gc
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.device.backend import CPU, on_host
from recon.device.failure import DeviceFull
from recon.kernels.cpu.simd import LANES
from recon.live.growing import GrowingSidebands
from recon.live.rows import final_rows, reach_in_rows
from recon.optics import Aberrations
from recon.scan.events import from_frames
from recon.simulate.scan import expected_intensities, sample_events
from recon.ssb.bright_field import bright_field
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from recon.ssb.tables import scan_tables
from tests.support.fake_gpu import fake_gpu
from tests.support.g_of_events import ARRAYS, CALIBRATION, assert_same, events_in_disc
from tests.support.growing_scans import (
    blocks_of,
    error_of,
    filled_counts,
    random_scan,
    rows_of,
    scans_in_blocks,
)

PRECISION = 1e-6
"""Of the norm of all entries: single precision."""


def growing(events, across=12, calibration=CALIBRATION, disc=None, **options):
    disc = disc or bright_field(calibration, events.frame_shape, across)
    return GrowingSidebands(events.scan_shape, events.frame_shape, disc, calibration, **options)


def grown(events, borders, **options):
    made = growing(events, **options)
    for block in blocks_of(events, borders):
        made.add(*block)
    return made


@settings(max_examples=25, deadline=None)
@given(scans_in_blocks(), st.booleans(), st.integers(1, 9), st.data())
def test_at_every_block_it_is_the_equation(scan, full, most, data):
    events, calibration, _, disc, blocks = scan
    made = growing(events, calibration=calibration, disc=disc, full=full, block=most)
    scanned = np.zeros(events.scan_shape[0], bool)
    for first, part in blocks:
        made.add(first, part)
        scanned[first : first + part.scan_shape[0]] = True
        if scanned.all() or data.draw(st.booleans()):
            g = made.sidebands()
            counts = filled_counts(events, disc, scanned)
            assert error_of(g, counts) < PRECISION
            np.testing.assert_allclose(g.pacbed, counts.mean((1, 2)), rtol=1e-12)
            assert g.electrons == events.counts[scanned].sum()
            assert g.scanned == scanned.mean()
            np.testing.assert_array_equal(scanned if g.rows is None else g.rows, scanned)
            assert not g.re[:LANES].any()
            assert not g.im[-LANES:].any()


@settings(max_examples=15, deadline=None)
@given(scans_in_blocks(), st.booleans())
def test_after_the_last_row_it_is_the_g_of_the_stored_scan(scan, full):
    events, calibration, across, disc, blocks = scan
    made = growing(events, calibration=calibration, disc=disc, full=full)
    for block in blocks:
        made.add(*block)
    expected = build_sidebands(events, calibration, across, full=full)
    # To the last bit, whatever the order in which its rows came.
    assert_same(made.settled(events), expected)
    g = made.sidebands()
    assert g.rows is None
    np.testing.assert_allclose(g.pacbed, expected.pacbed, rtol=1e-6)
    if expected.current is None:
        entries, there = (one.re + 1j * one.im for one in (g, expected))
        assert np.linalg.norm(entries - there) < PRECISION * np.linalg.norm(there)
        for mode in ("draft", "exact"):
            phase, there = (
                single_sideband(one, Aberrations(C10=-60), mode) for one in (g, expected)
            )
            assert np.linalg.norm(phase - there) < 3 * PRECISION * np.linalg.norm(there)


def test_a_complete_scan_settles_with_its_current_taken_out():
    rng = np.random.default_rng(2)
    frames = [rng.integers(0, 17 * 18, 40 if n % 7 else 0) for n in range(24 * 21)]
    events = from_frames(frames, (24, 21), (17, 18))
    settled = grown(events, [0, 5, 24]).settled(events)
    expected = build_sidebands(events, CALIBRATION, 12)
    assert expected.current is not None
    assert settled.current.record() == expected.current.record()
    assert_same(settled, expected)


@pytest.mark.parametrize("order", ["down", "up", "odd rows first", "outside in"])
def test_rows_may_come_in_any_order(order):
    events = random_scan((21, 10), CALIBRATION, (17, 18))
    rows = list(range(21))
    rows = {
        "down": rows,
        "up": rows[::-1],
        "odd rows first": rows[1::2] + rows[::2],
        "outside in": sorted(rows, key=lambda row: min(row, 20 - row)),
    }[order]
    made = growing(events, block=5)
    for row in rows:
        made.add(row, rows_of(events, row, row + 1))
    counts = filled_counts(events, made.disc, np.ones(21, bool))
    assert error_of(made.sidebands(), counts) < PRECISION


def test_bright_frames_among_dark_ones_do_not_overflow():
    frames = [[150] * (300 if n == 40 else 70000 if n == 50 else 3) for n in range(72)]
    events = from_frames(frames, (8, 9), (17, 18))
    made = grown(events, [0, 4, 5, 6, 8])
    counts = filled_counts(events, made.disc, np.ones(8, bool))
    assert counts.max() == 70000
    assert error_of(made.sidebands(), counts) < PRECISION


def test_what_is_looked_at_never_changes():
    events = random_scan((20, 11), CALIBRATION, (17, 18))
    made, seen = growing(events, block=3), []
    for first, part in blocks_of(events, [0, 2, 7, 8, 15, 20]):
        made.add(first, part)
        g = made.sidebands()
        assert made.sidebands() is g
        seen.append((g, g.re.copy(), g.im.copy(), g.pacbed.copy()))
    for g, *then in seen:
        for array, before in zip((g.re, g.im, g.pacbed), then, strict=True):
            np.testing.assert_array_equal(array, before)


def test_memory_is_used_again_once_nobody_looks():
    events = random_scan((20, 11), CALIBRATION, (17, 18))
    made, memory = growing(events, block=2), set()
    for row in range(20):
        made.add(row, rows_of(events, row, row + 1))
        g = made.sidebands()
        memory.add(g.re.ctypes.data)
        single_sideband(g, Aberrations(C10=-50), "draft")
    # The page holds one while the next is made.
    assert len(memory) == 2
    del g
    gc.collect()
    alone = growing(events, block=2)
    memory = set()
    for row in range(20):
        alone.add(row, rows_of(events, row, row + 1))
        memory.add(alone.sidebands().re.ctypes.data)
    assert len(memory) == 1


def test_a_redraw_never_sees_half_a_pass():
    """While rows come, another thread looks and redraws: each look is that of whole rows."""
    events = random_scan((48, 13), CALIBRATION, (17, 18), electrons=12)
    made, seen, problems = growing(events, across=6, block=1), [], []
    made.add(0, rows_of(events, 0, 1))
    done = threading.Event()

    def watch():
        try:
            while True:
                last = done.is_set()
                g = made.sidebands()
                seen.append((g.scanned, single_sideband(g, Aberrations(C10=-50), "draft"), g))
                if last:
                    return
        except BaseException as error:
            problems.append(error)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for row in range(1, 48):
        made.add(row, rows_of(events, row, row + 1))
    done.set()
    watcher.join()
    assert not problems
    assert seen[-1][0] == 1
    for share, phase, g in {one[0]: one for one in seen}.values():
        scanned = np.arange(48) < round(48 * share)
        assert error_of(g, filled_counts(events, made.disc, scanned)) < PRECISION
        np.testing.assert_array_equal(phase, single_sideband(g, Aberrations(C10=-50), "draft"))


def test_a_row_counts_once_and_a_block_has_to_fit():
    events = random_scan((9, 8), CALIBRATION, (17, 18))
    made = growing(events)
    made.add(3, rows_of(events, 3, 6))
    before = made.sidebands()
    with pytest.raises(ValueError, match=r"Row 5 has come before: the first one stands"):
        made.add(5, rows_of(events, 5, 7))
    with pytest.raises(ValueError, match=r"Rows 7 to 9 do not lie in a scan of 9 rows \(0 to 8\)"):
        made.add(7, rows_of(events, 0, 3))
    with pytest.raises(ValueError, match="Rows -1 to 0 do not lie"):
        made.add(-1, rows_of(events, 0, 2))
    narrow = from_frames([[1]] * 7, (1, 7), (17, 18))
    with pytest.raises(ValueError, match=r"A block of 1 × 7 positions .* 17 × 18 .* of 9 × 8"):
        made.add(0, narrow)
    other = from_frames([[1]] * 8, (1, 8), (18, 17))
    with pytest.raises(ValueError, match=r"on a detector of 18 × 17 .* one of 17 × 18"):
        made.add(0, other)
    outside = from_frames([[17 * 18]] * 8, (1, 8), (17, 18))
    with pytest.raises(ValueError, match="lies outside the detector"):
        made.add(0, outside)
    # Nothing has changed, and what was refused may still come.
    assert made.sidebands() is before
    for first, last in ((0, 3), (6, 9)):
        made.add(first, rows_of(events, first, last))
    counts = filled_counts(events, made.disc, np.ones(9, bool))
    assert error_of(made.sidebands(), counts) < PRECISION


def test_without_electrons_in_the_disc_there_is_nothing_to_look_at():
    events = from_frames([[]] * 36 + [[150]] * 36, (8, 9), (17, 18))
    made = growing(events)
    with pytest.raises(ValueError, match=r"No electrons in the bright-field disc of radius 6\.0"):
        made.sidebands()
    made.add(0, rows_of(events, 0, 4))
    with pytest.raises(ValueError, match="No electrons in the bright-field disc"):
        made.sidebands()
    made.add(4, rows_of(events, 4, 8))
    assert made.sidebands().electrons == 36


def test_scans_of_one_shape_share_tables():
    events = events_in_disc((12, 10))
    tables = scan_tables(events, CALIBRATION, 12)
    made = grown(events, [0, 12], tables=tables)
    assert made.sidebands().runs is tables.runs
    coarse = replace(CALIBRATION, scan_sampling=(1e-3, 1e-3))
    with pytest.raises(ValueError, match="resolves nothing in a field of"):
        growing(events, calibration=coarse)


def test_on_a_device_it_is_that_of_the_cpu_and_stays_there(monkeypatch):
    events = random_scan((14, 9), CALIBRATION, (17, 18))
    device = fake_gpu("cpu", monkeypatch).device
    there = grown(events, [0, 3, 4, 11, 14], device=device)
    here = grown(events, [0, 3, 4, 11, 14])
    g = there.sidebands()
    assert g.device is device
    assert all(isinstance(getattr(g, name), device.xp.ndarray) for name in ARRAYS)
    assert_same(g, here.sidebands())
    phase = single_sideband(g, Aberrations(C10=-50), "exact")
    expected = single_sideband(here.sidebands(), Aberrations(C10=-50), "exact")
    np.testing.assert_array_equal(on_host(phase), expected)
    settled = there.settled(events)
    assert settled.device is device
    assert_same(settled.to_device(CPU), build_sidebands(events, CALIBRATION, 12))


def test_a_full_device_loses_no_row_and_changes_no_look(monkeypatch):
    events = random_scan((14, 9), CALIBRATION, (17, 18))
    expected = grown(events, [0, 14]).sidebands()
    fake = fake_gpu("cpu", monkeypatch)
    failures = 0
    for number in range(1, 30, 2):
        made = growing(events, device=fake.device, block=4)
        made.add(0, rows_of(events, 0, 6))
        g = made.sidebands()
        before = on_host(g.re).copy()
        fake.fail_at(number)
        try:
            made.add(6, rows_of(events, 6, 14))
            made.sidebands()
        except DeviceFull:
            failures += 1
        fake.fail_at(10**9)
        missing = np.flatnonzero(~made.rows.scanned)
        for row in missing:
            made.add(row, rows_of(events, row, row + 1))
        np.testing.assert_array_equal(on_host(g.re), before)
        entries = on_host(made.sidebands().re)
        np.testing.assert_allclose(entries, expected.re, atol=1e-5 * abs(expected.re).max())
        del g
    assert failures > 5


@pytest.mark.parametrize("defocus", [0.0, -120.0])
def test_rows_far_from_the_edge_of_what_is_scanned_are_final(defocus):
    aberrations = Aberrations(C10=defocus)
    calibration = replace(CALIBRATION, scan_sampling=(0.35, 0.4), rotation_deg=0.0)
    shape = 96, 40
    rng = np.random.default_rng(3)
    q = np.hypot(*np.meshgrid(np.fft.fftfreq(96, 0.35), np.fft.fftfreq(40, 0.4), indexing="ij"))
    spectrum = np.fft.fft2(rng.normal(size=shape)) * np.exp(-((q / 0.9) ** 4)) * (q > 0.15)
    phase = np.fft.ifft2(spectrum).real
    expected = expected_intensities(
        phase * 0.05 / phase.std(), calibration, aberrations, frame_shape=(17, 18), weak=True
    )
    events = sample_events(expected, 20000.0, seed=0)
    made = growing(events, calibration=calibration)
    made.add(0, rows_of(events, 0, 64))
    part = single_sideband(made.sidebands(), aberrations)
    reach = reach_in_rows(aberrations, calibration)
    final = final_rows(made.sidebands().rows, reach)
    made.add(64, rows_of(events, 64, 96))
    whole = single_sideband(made.sidebands(), aberrations)
    assert 10 < final.sum() < 60
    np.testing.assert_array_equal(np.flatnonzero(final), np.arange(reach, 64 - reach))
    error = (part - whole)[final]
    edge = (part - whole)[[0, 1, 62, 63]]
    assert error.std() < 0.15 * whole.std()
    assert edge.std() > 2 * error.std()
