import numpy as np
import pytest

from recon.calibration import Calibration
from recon.device.backend import on_host
from recon.ssb.bright_field import bright_field
from recon.ssb.gfunction import build_sidebands
from recon.ssb.tables import count_entries, estimate_entries, find_tables
from tests.support.fake_gpu import fake_gpu
from tests.support.g_of_events import CALIBRATION, events_in_disc


@pytest.mark.parametrize("full", [False, True])
def test_counted_numbers_are_those_of_the_g_that_is_built(full):
    g = build_sidebands(events_in_disc(), CALIBRATION, 12, full=full)
    counts = count_entries(CALIBRATION, g.bright_field, g.scan_shape, full)
    assert (counts.entries, counts.runs, counts.hard) == (g.entries, len(g.runs), len(g.hard))
    assert counts.nbytes() == g.nbytes
    assert counts.nbytes(half=True) == g.nbytes - 4 * g.re.size
    kinds, lengths = g.runs[:, 3].astype(int), g.runs[:, 2].astype(int)
    # None for whole pixels, one for a part of a term, two where both terms lie.
    assert counts.masks == (np.array([0, 0, 0, 1, 1, 2, 2])[kinds] * lengths).sum()


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("sampling", "scan"),
    [((0.316, 0.316), (256, 512)), ((1.2, 0.4), (300, 200)), ((0.4, 1.3), (210, 384))],
    ids=["fine", "coarse rows", "coarse columns"],
)
def test_the_estimate_is_within_three_per_cent(sampling, scan, full):
    """Also where the scan is too coarse for a part of the sidebands."""
    calibration = Calibration(80e3, 25.0, sampling, (8.5, 8.5), 8.6, 20.0)
    disc = bright_field(calibration, (18, 18), 18)
    exact, guess = (
        function(calibration, disc, scan, full) for function in (count_entries, estimate_entries)
    )
    for name in ("runs", "hard", "entries", "masks"):
        assert getattr(guess, name) == pytest.approx(getattr(exact, name), rel=0.03)
    assert guess.nbytes() == pytest.approx(exact.nbytes(), rel=0.03)


def test_small_scans_are_counted_rather_than_estimated():
    disc = bright_field(CALIBRATION, (17, 18), 12)
    assert estimate_entries(CALIBRATION, disc, (20, 30)) == count_entries(
        CALIBRATION, disc, (20, 30)
    )


def test_tables_made_on_a_device_are_those_of_the_cpu(monkeypatch):
    device = fake_gpu("cpu", monkeypatch).device
    disc = bright_field(CALIBRATION, (17, 18), 12)
    expected = build_sidebands(events_in_disc(), CALIBRATION, 12, full=True)
    tables = find_tables(CALIBRATION, disc, (8, 9), True, device)
    for name in ("first", "runs", "hard", "hard_at", "masks"):
        assert isinstance(getattr(tables, name), device.xp.ndarray)
        np.testing.assert_array_equal(on_host(getattr(tables, name)), getattr(expected, name))
    assert count_entries(CALIBRATION, disc, (8, 9), True, device) == tables.counts


@pytest.mark.parametrize("scan", [(3, 9), (8, 2**16)], ids=["too small", "too long"])
def test_a_scan_that_has_no_tables_is_not_counted(scan):
    disc = bright_field(CALIBRATION, (17, 18), 12)
    for function in (count_entries, estimate_entries):
        with pytest.raises(ValueError, match=r"at least 4 × 4 positions|too long a side"):
            function(CALIBRATION, disc, scan)
