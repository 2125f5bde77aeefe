"""The eight orientations of simulated scans, of which one is true."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.errors import Cancelled, Unfitted
from recon.orientation import by_sidebands, eight_ways
from recon.orientation.by_curl import find_orientation
from recon.orientation.by_sidebands import score_at
from recon.orientation.disc_entries import disc_entries
from recon.orientation.eight_ways import (
    beside_curl,
    orientations,
    sheet_by_curl,
    sheet_of,
    sign_by_sidebands,
)
from recon.simulate.scan import sample_events
from tests.support.fake_gpu import fake_gpu
from tests.support.focus_scans import LOW, STEP, intensities
from tests.support.laid_scans import FOCUSES, laid

pytestmark = pytest.mark.usefixtures("few_frequencies")
ALL = by_sidebands.FREQUENCIES


@cache
def found(*how):
    """The sheet of such a scan, and how it lies."""
    events, calibration, true = laid(*how)
    return orientations(events, calibration), true


@pytest.mark.parametrize(
    ("how", "frequencies"),
    [
        (("in focus", 25.0, False, False, 0), None),
        (("astigmatic", -160.0, True, False, 2), None),
        (("overfocus", 12.0, True, True, 3), None),
        (("overfocus", 12.0, True, True, 3), ALL),
    ],
    ids=str,
)
def test_the_true_orientation_comes_first(how, frequencies, monkeypatch):
    find = found
    if frequencies:
        monkeypatch.setattr(by_sidebands, "FREQUENCIES", frequencies)
        find = found.__wrapped__
    sheet, (true, swapped) = find(*how)
    focus, best = how[0], sheet.best
    assert best.transpose == swapped
    turn = (best.rotation_deg - true + 180) % 360 - 180
    off = (turn + 90) % 180 - 90
    # Fringes of an astigmatic probe around the atoms need not show their sign.
    assert off == pytest.approx(turn) or focus == "astigmatic"
    assert abs(off) < min(8, max(3 * sheet.rotation_error, 1))
    assert f"± {sheet.rotation_error:.1f}°" in sheet.statement
    # Rotating the aberrations with the detector changes no defocus.
    sign = 1 if off == pytest.approx(turn) else -1
    assert pytest.approx(sign * FOCUSES[focus].C10, abs=30) == best.C10
    assert sheet.agree is not False
    assert [c.turned_deg for c in sheet.candidates] == [0, 90, 180, 270] * 2
    assert [c.transpose for c in sheet.candidates] == [swapped] * 4 + [not swapped] * 4
    for one, opposite in zip(sheet.candidates[:2], sheet.candidates[2:4], strict=True):
        assert (opposite.rotation_deg - one.rotation_deg) % 360 == pytest.approx(180)
        assert one.atoms_positive >= 0.5 >= opposite.atoms_positive
        assert -180 < one.rotation_deg <= 180
    assert best.coherence > max(c.coherence for c in sheet.candidates if c.turned_deg % 180)
    assert best.coherence > max(c.coherence for c in sheet.candidates[4:])


def test_the_share_of_curl_is_that_of_a_gradient_turned():
    sheet, _ = found("in focus", 25.0, False, False, 0)
    assert sheet.agree
    assert sheet.best.curl < 0.1
    assert sheet.candidates[1].curl > 0.9
    turned = sheet.by_curl.curl_share(sheet.by_curl.rotation_deg + 45, False)
    assert turned == pytest.approx(0.5, abs=0.02)
    assert "Both agree" in sheet.statement


def test_the_curl_alone_lays_out_the_same_eight():
    both, _ = found("in focus", 25.0, False, False, 0)
    alone = sheet_by_curl(both.by_curl)
    assert (alone.asked, both.asked) == (("curl",), ("curl", "sidebands"))
    for one, other in zip(alone.candidates, both.candidates, strict=True):
        assert (one.transpose, one.turned_deg) == (other.transpose, other.turned_deg)
        assert np.isnan(one.coherence)
        assert np.isnan(one.C10)
    off = alone.best.rotation_deg - both.best.rotation_deg
    assert abs(off) < alone.rotation_error + both.rotation_error
    assert alone.by_sidebands is None
    assert "the sidebands were not asked. Best: 2" in alone.statement


WAYS = [
    (focus, rotation, transpose, along_y, quarters)
    for (focus, rotation), quarters in zip(
        (("in focus", 25.0), ("overfocus", -160.0), ("astigmatic", 70.0), ("underfocus", 12.0)),
        range(4),
        strict=True,
    )
    for transpose, along_y in ((False, False), (False, True))
]
"""All four quarters with either state of the transpose."""


@cache
def doubted(*how):
    """Entries of such a scan, what the curl says but for the sign, and how the scan lies."""
    events, calibration, true = laid(*how, dose=1e4)
    c = calibration
    curl = find_orientation(events, c.scan_sampling, c.centre, c.radius)
    open_sign = {"sign_confidence": 0.0, "by_dark_field": False, "dark_field": None}
    return disc_entries(events, calibration, 12), replace(curl, **open_sign), true


def inverted(sheet, true):
    """Whether its best rotation is nearer to the half turn from the truth than to the truth."""
    return round((sheet.best.rotation_deg - true) / 180) % 2 == 1


@pytest.mark.parametrize("how", WAYS, ids=str)
def test_the_sidebands_tell_the_sign_at_any_focus(how):
    entries, curl, (true, swapped) = doubted(*how)
    sheet = sign_by_sidebands(entries, curl)
    assert sheet.asked == ("curl", "sign")
    assert sheet.best.transpose == swapped
    # The angle is the curl's, to the half turn.
    assert (sheet.best.rotation_deg - curl.rotation_deg) % 180 == pytest.approx(0, abs=1e-9)
    assert not inverted(sheet, true)
    # Turned by the half turn, everything that is known of a candidate is turned.
    one, opposite = sheet.candidates[0], sheet.candidates[2]
    assert one.atoms_positive == pytest.approx(1 - opposite.atoms_positive)
    assert (one.coherence, one.C10) == (opposite.coherence, -opposite.C10)


def test_few_electrons_leave_the_sign_uncertain_rather_than_wrong():
    uncertain = 0
    for how in WAYS:
        _, curl, (true, _) = doubted(*how)
        events, calibration, _ = laid(*how, dose=200)
        sheet = sign_by_sidebands(disc_entries(events, calibration, 12), curl)
        open_sign = "uncertain: turn by 180°" in sheet.statement
        assert open_sign or not inverted(sheet, true)
        uncertain += open_sign
    assert uncertain


@pytest.mark.parametrize(
    "how",
    # Of each quarter one always.
    [pytest.param(how, marks=[pytest.mark.slow] * (n % 4 in (1, 2))) for n, how in enumerate(WAYS)],
    ids=str,
)
def test_the_sign_alone_is_that_of_the_full_comparison(how):
    entries, curl, _ = doubted(*how)
    alone, full = sign_by_sidebands(entries, curl), sheet_of(entries, curl)
    assert alone.best.transpose == full.best.transpose
    off = (alone.best.rotation_deg - full.best.rotation_deg + 180) % 360 - 180
    assert abs(off) < 2 * (alone.rotation_error + full.rotation_error)
    assert pytest.approx(full.best.C10, abs=15) == alone.best.C10


@pytest.mark.parametrize("how", [WAYS[0], WAYS[3]], ids=str)
def test_half_a_turn_is_as_coherent_with_the_opposite_aberrations(how):
    """γ(k, -K) = -γ(k, K)* at any χ: coherence cannot tell the sign."""
    entries, curl, _ = doubted(*how)
    here, there = (score_at(entries, curl.rotation_deg + n, curl.transpose) for n in (0, 180))
    assert there.likelihood == pytest.approx(here.likelihood, rel=1e-6)
    for name in ("C10", "C12a", "C12b"):
        assert getattr(there, name) == pytest.approx(-getattr(here, name), abs=0.5)


def test_the_sign_takes_one_score_and_no_search(monkeypatch):
    events, calibration, (true, _) = laid(*WAYS[0], dose=1e4)
    _, curl, _ = doubted(*WAYS[0])
    asked = []

    def counted(entries, *which):
        asked.append(which)
        return score_at(entries, *which)

    def search(*which):
        raise AssertionError("Angles are searched.")

    monkeypatch.setattr(eight_ways, "score_at", counted)
    monkeypatch.setattr(eight_ways, "rank_orientations", search)
    told = beside_curl(events, calibration, curl, "", True)
    assert asked == [(curl.best_angle(False), False)]
    assert not inverted(told, true)
    assert "is sure: the sidebands were asked for the sign alone. Best: " in told.statement
    with pytest.raises(AssertionError, match="searched"):
        beside_curl(events, calibration, curl)


def test_sidebands_that_show_nothing_leave_the_sign_uncertain(monkeypatch):
    entries, curl, _ = doubted(*WAYS[0])
    chance = replace(score_at(entries, curl.best_angle(False), False), score=7.9)
    monkeypatch.setattr(eight_ways, "score_at", lambda *which: chance)
    told = sign_by_sidebands(entries, curl)
    assert "for the sign alone, and show none. Best: " in told.statement
    assert "uncertain: turn by 180°" in told.statement
    assert np.isnan(told.best.coherence)


@pytest.mark.parametrize("denied", [{"dark_field": -30.0}, {"dark_field": -4.0}])
def test_sure_judges_that_contradict_each_other_leave_the_sign_uncertain(denied):
    entries, curl, _ = doubted(*WAYS[0])
    for sign_confidence in (0.999, 1.0):
        sure = replace(curl, sign_confidence=sign_confidence, **denied)
        assert "uncertain: turn by 180°" in sign_by_sidebands(entries, sure).statement
    agreed = replace(curl, sign_confidence=0.999, dark_field=4.0)
    assert "at which atoms are positive" in sign_by_sidebands(entries, agreed).statement


def test_an_empty_film_has_no_orientation():
    expected = intensities(LOW, -12.0, False)
    flat = np.broadcast_to(expected.mean((0, 1)), expected.shape)
    calibration = Calibration(80e3, 25.0, STEP, (11.3, 10.6), 8.0)
    with pytest.raises(Unfitted, match=r"no more than noise.*standard deviations"):
        orientations(sample_events(flat, 20.0), calibration)


def test_a_device_says_the_same_and_can_be_cancelled(monkeypatch):
    how = "overfocus", 12.0, True, True, 3
    events, calibration, _ = laid(*how)
    there = orientations(events.to_device(fake_gpu("cpu", monkeypatch).device), calibration)
    here, _ = found(*how)
    assert there.best.rotation_deg == pytest.approx(here.best.rotation_deg, abs=0.2)
    assert there.best.coherence == pytest.approx(here.best.coherence, rel=1e-3)
    told = []

    def stop(fraction):
        told.append(fraction)
        if fraction > 0.6:
            raise Cancelled

    with pytest.raises(Cancelled):
        orientations(events, calibration, progress=stop)
    assert told == sorted(told)
