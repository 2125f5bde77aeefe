"""A sheared scan, simulated exactly, put back onto its grid."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from scipy.stats import chi2

from recon.calibration import Calibration
from recon.errors import Cancelled, Unfitted
from recon.geometry.lattice import LatticeCalibration, calibrate_scan, refine_peak
from recon.optics import Aberrations
from recon.scan.events import ElectronEvents
from recon.simulate.scan import expected_intensities, sample_events
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from recon.sums.detectors import pacbed
from recon.treatment.crop import crop_scan
from recon.treatment.rows import ScanDistortion, distortion_of_lattice, regrid

ROWS, COLUMNS, FINE = 30, 44, 8
STEP = 0.3
SHEAR = 2 / FINE
"""Rows lie so many steps further right than the one above."""
WAVES = ((2, 6), (5, -3))
CALIBRATION = Calibration(80e3, 25.0, (STEP, STEP), (8.2, 7.6), 6.0, -12.0)
ABERRATIONS = Aberrations(C10=-60.0)


@pytest.fixture(scope="module")
def scans():
    """Expected patterns of a straight and of a sheared scan of the same field.

    Positions of both lie on a grid that is eight times finer along x.
    """
    i, j = np.indices((ROWS, COLUMNS * FINE))
    phase = 0.15 * sum(
        np.cos(2 * np.pi * (m * i / ROWS + n * j / (COLUMNS * FINE)) + p)
        for p, (m, n) in enumerate(WAVES)
    )
    fine = replace(CALIBRATION, scan_sampling=(STEP, STEP / FINE))
    every = expected_intensities(phase, fine, ABERRATIONS, frame_shape=(17, 16), subpixels=3)
    row, column = np.indices((ROWS, COLUMNS))
    # The middle of the scan stays where it is.
    moved = FINE * column + round(SHEAR * FINE) * row - round(SHEAR * FINE * (ROWS - 1) / 2)
    return every[:, ::FINE], every[row, moved % (COLUMNS * FINE)]


def test_electrons_are_shared_as_linear_interpolation_has_it(scans):
    _, sheared = scans
    events = sample_events(sheared, 3000, metadata={"scan_sampling": (STEP, STEP)})
    straight = regrid(events, ScanDistortion(shear=SHEAR, drift=(0.02, 0.0)))
    s = SHEAR * (np.arange(ROWS) - (ROWS - 1) / 2)
    begin, end = int(np.ceil(s.max())), int(np.floor(s.min())) + COLUMNS
    assert straight.scan_shape == (ROWS, end - begin)
    assert f"{COLUMNS - (end - begin)} of {COLUMNS} columns" in straight.source.notes[-1]
    assert straight.metadata["scan_sampling"] == pytest.approx((1.02 * STEP, STEP))
    expected = np.empty((ROWS, end - begin, *sheared.shape[2:]))
    for row in range(ROWS):
        at = np.arange(begin, end) - s[row]
        left = np.floor(at).astype(int)
        share = (at - left)[:, None, None]
        expected[row] = (1 - share) * sheared[row, left]
        expected[row] += share * sheared[row, np.minimum(left + 1, COLUMNS - 1)]
    frame = np.repeat(np.arange(straight.positions), np.diff(straight.offsets))
    flat = frame * expected[0, 0].size + straight.pixels
    found = np.bincount(flat, minlength=expected.size)
    wanted = 3000 * expected.ravel()
    bright = wanted > 5
    deviations = (found - wanted)[bright] ** 2 / wanted[bright]
    assert 1e-3 < chi2.sf(deviations.sum(), bright.sum()) < 1 - 1e-3


def phase_of(events):
    return single_sideband(build_sidebands(events, CALIBRATION, 12), ABERRATIONS, band_limit=0.8)


def test_the_lattice_shows_the_shear_and_the_phase_comes_straight(scans):
    unsheared, sheared = (sample_events(each, 3000, seed=n) for n, each in enumerate(scans))
    phase = phase_of(sheared)
    # Along a sheared scan's axes a wave (m, n) advances by n shear / COLUMNS more in each row.
    peaks = [refine_peak(phase, m + n * SHEAR * ROWS / COLUMNS, n) for m, n in WAVES]
    q = [np.array([m / ROWS, n / COLUMNS]) / STEP for m, n in WAVES]
    spacings = [1 / np.linalg.norm(each) for each in q]
    angle = np.degrees(np.arccos(spacings[0] * spacings[1] * (q[0] @ q[1])))
    found = calibrate_scan(peaks, spacings, sheared.scan_shape, angle)
    assert abs(found.shear - SHEAR) < 4 * found.shear_error < 0.1
    np.testing.assert_allclose(found.scan_sampling, STEP, rtol=0.03)

    straight = regrid(sheared, distortion_of_lattice(found))
    columns = straight.scan_shape[1]
    begin = int(np.ceil(found.shear * (ROWS - 1) / 2))
    same = slice(begin, begin + columns)
    truth, bent = (
        phase_of(crop_scan(each, (0, ROWS), (same.start, same.stop)))
        for each in (unsheared, sheared)
    )
    again = phase_of(
        crop_scan(sample_events(scans[0], 3000, seed=7), (0, ROWS), (same.start, same.stop))
    )
    before, after, noise = (
        np.linalg.norm(each - truth) / np.linalg.norm(truth)
        for each in (bent, phase_of(straight), again)
    )
    assert before > 1.0
    assert after < 1.2 * noise < 0.25


def test_whole_steps_move_whole_frames():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 30, 600).astype(np.uint32)
    events = ElectronEvents(
        pixels, np.arange(0, 601, 10), (6, 10), (5, 6), subpixel=(pixels * 7 % 251).astype(np.uint8)
    )
    jitter = (0, 1, -1, 0, 2, 0)
    straight = regrid(events, ScanDistortion(row_shifts=jitter))
    assert straight.scan_shape == (6, 7)
    frames, moved = (array.reshape(6, -1, 10) for array in (events.pixels, straight.pixels))
    for row, shift in enumerate(jitter):
        # Column 2 of the scan is the first that all rows cover.
        np.testing.assert_array_equal(moved[row], frames[row, 2 - shift : 9 - shift])
    np.testing.assert_array_equal(straight.subpixel, straight.pixels * 7 % 251)
    still = regrid(events, ScanDistortion())
    np.testing.assert_array_equal(still.pixels, events.pixels)


@pytest.mark.usefixtures("all_threads")
def test_the_draw_depends_on_the_seed_alone(scans, monkeypatch):
    events = sample_events(scans[1], 200)
    bent = ScanDistortion(shear=SHEAR)
    first = regrid(events, bent)
    monkeypatch.setattr("recon.treatment.rows.BATCH", 10_000)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        again = regrid(events, bent)
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.offsets, again.offsets)
    assert not np.array_equal(regrid(events, bent, seed=3).offsets, first.offsets)
    # No electron twice, and only those at the ends of rows are lost.
    assert (pacbed(first) <= pacbed(events)).all()


def test_nonsense_is_refused(scans):
    events = sample_events(scans[1], 20)
    with pytest.raises(ValueError, match="of 44 columns, only 0 are covered"):
        regrid(events, ScanDistortion(shear=3.0))
    with pytest.raises(ValueError, match="shifts of 2 rows, but the scan has 30"):
        regrid(events, ScanDistortion(row_shifts=(0.1, 0.2)))
    with pytest.raises(ValueError, match="would turn the scan back"):
        ScanDistortion(drift=(-1.5, 0))
    with pytest.raises(ValueError, match="must be finite"):
        ScanDistortion(shear=np.nan)
    with pytest.raises(ValueError, match="seed is a whole number"):
        regrid(events, ScanDistortion(), seed=-1)

    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        regrid(events, ScanDistortion(shear=0.1), progress=stop)
    steps = (0.3, 0.3), (0.001, 0.001)
    with pytest.raises(Unfitted, match="none that is certain"):
        distortion_of_lattice(LatticeCalibration(*steps, 0.002, 0.001, ""))
    with pytest.raises(Unfitted, match="two peaks and the angle"):
        distortion_of_lattice(LatticeCalibration(*steps, None, None, ""))
