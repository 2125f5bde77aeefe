"""The eight orientations of simulated scans, of which one is true."""

from functools import cache

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.errors import Cancelled, Unfitted
from recon.orientation.eight_ways import orientations, sheet_by_curl
from recon.simulate.scan import sample_events
from tests.support.fake_gpu import fake_gpu
from tests.support.focus_scans import LOW, STEP, intensities
from tests.support.laid_scans import FOCUSES, laid


@cache
def found(*how):
    """The sheet of such a scan, and how it lies."""
    events, calibration, true = laid(*how)
    return orientations(events, calibration), true


@pytest.mark.parametrize(
    ("focus", "rotation", "transpose", "along_y", "quarters"),
    [
        ("in focus", 25.0, False, False, 0),
        ("astigmatic", -160.0, True, False, 2),
        ("overfocus", 12.0, True, True, 3),
    ],
)
def test_the_true_orientation_comes_first(focus, rotation, transpose, along_y, quarters):
    sheet, (true, swapped) = found(focus, rotation, transpose, along_y, quarters)
    best = sheet.best
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
