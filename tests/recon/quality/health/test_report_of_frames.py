"""Faults of dense frames, whatever an electron is worth in them, and of a pattern alone."""

from dataclasses import replace

import numpy as np
import pytest

from recon.quality.health import faulty_pixels, health
from recon.scan.frames import of_array
from recon.scan.low_counts import events_from_frames
from recon.sums import outliers
from recon.sums.detectors import pacbed
from recon.treatment.mask import without
from tests.support.faulty_scans import CENTRE, FRAME, SCAN, disc, scan

HOT, DEAD = [(2, 3), (24, 20), (24, 21), (40, 44)], [(20, 25), (30, 22)]
UNITS = {"electron volts": (37.0, 4.0, 5.0), "tiny": (1e-6, 1e-7, 0.0), "offset": (1.0, 0.1, 40.0)}
"""What an electron is worth, read noise, and level without a beam."""


def marks(places):
    mask = np.zeros(FRAME, bool)
    mask[tuple(np.transpose(places))] = True
    return mask


def spoil(expected):
    brightest = expected.max()
    for place in HOT:
        expected[..., *place] += 2 * brightest
    for place in DEAD:
        expected[..., *place] = 0


def frames(unit, change=None, seed=0, electrons=60.0):
    gain, noise, level = UNITS[unit]
    expected = np.broadcast_to(electrons * disc(), (*SCAN, *FRAME)).copy()
    if change is not None:
        change(expected)
    rng = np.random.default_rng(seed)
    data = gain * rng.poisson(expected) + rng.normal(level, noise, expected.shape)
    return of_array(data.astype(np.float32))


def verdicts(report):
    return {f.name for f in report.findings if f.verdict != "ok"}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_found_on_clean_frames(unit, seed):
    report = health(frames(unit, seed=seed))
    assert verdicts(report) == set()
    assert not (report.hot | report.dead).any()


@pytest.mark.parametrize("unit", UNITS)
def test_faults_of_pixels_are_found_in_any_unit_and_go_with_the_mask(unit):
    spoiled = frames(unit, spoil)
    report = health(spoiled)
    np.testing.assert_array_equal(report.hot, marks(HOT))
    np.testing.assert_array_equal(report.dead, marks(DEAD))
    assert verdicts(report) == {"hot pixels", "dead pixels"}
    assert "double counts" not in {f.name for f in report.findings}
    masked = health(without(spoiled, report.hot | report.dead))
    assert verdicts(masked) == set()
    hot, dead = faulty_pixels(report.pattern)
    np.testing.assert_array_equal(hot, report.hot)
    np.testing.assert_array_equal(dead, report.dead)


def test_faults_that_run_over_the_scan_are_found_in_frames():
    def change(expected):
        expected *= np.linspace(1, 0.7, SCAN[0])[:, None, None, None]
        expected[12, 13] = 0
        for column in range(SCAN[1]):
            expected[:, column] = np.roll(expected[:, column], column // 16, axis=-1)

    report = health(frames("electron volts", change, electrons=200.0))
    assert verdicts(report) == {"beam current", "frames", "descan"}
    assert report["beam current"].values["drift over the scan"][0] == pytest.approx(-35, abs=2)
    assert report["frames"].picture[12, 13] == -1
    shift = report["descan"].values["disc along x across the scan"][0]
    assert shift == pytest.approx(2.7, abs=0.4)  # a line through steps of 0, 1 and 2 pixels


def test_a_pattern_of_electrons_tells_hot_and_dead_pixels_that_are_not_masked_yet():
    spoiled = scan(spoil)
    pattern = pacbed(spoiled)
    hot, dead = faulty_pixels(pattern)
    np.testing.assert_array_equal(hot, marks(HOT))
    np.testing.assert_array_equal(dead, marks(DEAD))
    for mask in (hot, hot | dead):
        masked = without(spoiled, mask)
        again = faulty_pixels(pacbed(masked), masked.excluded)
        np.testing.assert_array_equal(again[0], hot & ~mask)
        np.testing.assert_array_equal(again[1], dead & ~mask)
    with pytest.raises(ValueError, match="3 × 4 pixels, the pattern 48 × 48"):
        faulty_pixels(pattern, np.zeros((3, 4), bool))


def test_a_dark_sector_is_dead_and_what_is_no_number_too():
    y, x = np.indices(FRAME)
    sector = (y > CENTRE[0]) & (x > CENTRE[1]) & (np.hypot(y - CENTRE[0], x - CENTRE[1]) < 10)
    pattern = np.random.default_rng(0).poisson(np.where(sector, 0, 3e5 * disc()))
    hot, dead = faulty_pixels(pattern, centre=CENTRE)
    assert not hot.any()
    assert (dead & sector).sum() > 0.5 * sector.sum()
    assert not (dead & ~sector).any()
    broken = pattern.astype(float)
    broken[5, 6] = np.nan
    assert faulty_pixels(broken)[1][5, 6]


@pytest.mark.parametrize("pattern", [np.zeros(FRAME), np.full(FRAME, np.nan), np.ones((1, 1))])
def test_a_pattern_of_nothing_has_no_hot_pixels(pattern):
    hot, dead = faulty_pixels(pattern)
    assert not hot.any()
    assert dead.all() == np.isnan(pattern).all()
    assert health(of_array(np.zeros((2, 3, 4, 5)))).totals.sum() == 0


def test_a_mask_that_leaves_nothing_is_no_fault():
    events = scan(electrons=5)
    everything = replace(without(events, np.ones(FRAME, bool)))
    assert not health(everything).hot.any()


def gone(which):
    """(Sy, Sx) bool: frames that were never written."""
    mask = np.zeros(SCAN, bool)
    mask[which] = True
    return mask


LOST = {
    "a quarter": gone(np.s_[20:32]),
    "the last rows": gone(np.s_[21:]),
    "nearly all": gone(np.s_[5:]),
    "every other row": gone(np.s_[::2]),
    "columns": gone(np.s_[:, 17:30]),
    "the last column": gone(np.s_[:, -1]),
    "one frame": gone((7, 9)),
    "from the middle of a row on": np.arange(SCAN[0] * SCAN[1]).reshape(SCAN) > 1700,
}


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("kind", ["frames", "background", "offset", "electrons"])
def test_each_empty_frame_is_found_and_nothing_is_said_of_the_others(kind, lost):
    rng, mask = np.random.default_rng(3), LOST[lost]
    level = {"background": 1.5, "offset": 10.0}.get(kind, 0.0)
    data = rng.poisson(np.broadcast_to(400 * disc() + level, (*SCAN, *FRAME)))
    data[mask] = 0
    cube = of_array(data.astype({"offset": "f4"}.get(kind, "u2")))
    report = health(events_from_frames(cube) if kind == "electrons" else cube)
    np.testing.assert_array_equal(report["frames"].picture, -mask.astype(int))
    assert report["frames"].values["empty frames"] == (mask.sum(), "")
    assert report["frames"].verdict == ("look" if lost == "one frame" else "bad")
    assert report["frames"].meaning.startswith(f"{mask.sum()} frame")
    assert verdicts(report) <= {"frames", "flyback"}


def test_rows_without_an_electron_are_found_where_single_frames_may_be_empty():
    def stop(expected):
        expected[30:] = 0

    report = health(scan(stop, electrons=2))
    assert report["frames"].values["empty frames"] == (18 * SCAN[1], "")
    assert health(scan(electrons=2))["frames"].values["empty frames"] == (0, "")
    dose = report["dose"].values["electrons a position"][0]
    assert dose == pytest.approx(2, rel=0.1)


def test_sums_below_zero_are_not_taken_for_many_electrons():
    data = np.random.default_rng(0).normal(-5, 1, (9, 10, 12, 12)).astype(np.float32)
    data[4] = 0
    assert health(of_array(data))["frames"].values["empty frames"] == (0, "")


@pytest.mark.parametrize("judge", [outliers.too_many, outliers.too_few])
def test_a_map_is_judged_alike_in_strips_and_as_a_whole(judge, monkeypatch):
    rng = np.random.default_rng(5)
    counts = rng.poisson(50, (300, 70))
    counts.flat[rng.choice(counts.size, 300, replace=False)] = 0
    counts.flat[rng.choice(counts.size, 300, replace=False)] = 120
    whole = judge(counts)
    assert whole.sum() > 200
    monkeypatch.setattr(outliers, "STRIP", 70 * 45)
    np.testing.assert_array_equal(judge(counts), whole)
