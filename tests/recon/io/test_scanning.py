"""How frames fill a scan, and what is asked when nobody has said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.errors import UnreadableFile
from recon.io import open_events, write_events
from recon.io.scanning import candidates, fill, pair, without_last_column
from recon.scan.events import from_frames
from tests.support.strategies import dense, scans


def test_the_squarest_shapes_are_offered_first():
    assert candidates(36) == [(6, 6), (4, 9), (9, 4), (3, 12)]
    assert candidates(6) == [(2, 3), (3, 2)]
    assert candidates(13) == [(1, 13)]
    assert candidates(1) == [(1, 1)]


@given(st.integers(1, 10**6))
def test_every_candidate_is_filled(frames):
    assert all(height * width == frames for height, width in candidates(frames))


def test_an_absurd_number_of_frames_is_no_long_search():
    assert all(height * width == 2**62 for height, width in candidates(2**62))
    assert candidates(2**61 - 1) == [(1, 2**61 - 1)]


def test_a_shape_that_is_not_known_is_asked_for():
    with pytest.raises(UnreadableFile, match=r"36 frames .* is it 6 × 6 or 4 × 9 or 9 × 4"):
        fill(36)


def test_a_shape_that_does_not_fit_is_refused_with_those_that_do():
    with pytest.raises(UnreadableFile, match=r"5 × 7 positions \(35\): is it 6 × 6"):
        fill(36, (5, 7))
    assert fill(36, (2, 18)) == (2, 18)


@pytest.mark.parametrize("wrong", [(0, 3), (2, -1), (2,), 5, (1.5, 2), "ab", (None, 1), (2**40,)])
def test_what_is_no_shape_is_refused(wrong):
    with pytest.raises(UnreadableFile, match="two whole numbers"):
        pair(wrong, "scan")


@given(scans())
def test_dropping_the_last_column_is_slicing(events):
    if events.scan_shape[1] == 1:
        with pytest.raises(UnreadableFile, match="single column"):
            without_last_column(events)
    else:
        dropped = without_last_column(events)
        assert np.array_equal(dense(dropped), dense(events)[:, :-1])
        assert dropped.source.flyback == "dropped"


def test_an_option_of_another_format_is_refused(tmp_path):
    write_events(tmp_path / "scan.npz", from_frames([[1]], (1, 1), (2, 2)))
    with pytest.raises(UnreadableFile, match=r"scan.npz: .* no option dwell_time \(.* none\)"):
        open_events(tmp_path / "scan.npz", dwell_time=1e-6)
    assert open_events(tmp_path / "scan.npz", dwell_time=None).electrons == 1
    with pytest.raises(UnreadableFile, match="two whole numbers"):
        open_events(tmp_path / "scan.npz", scan_shape="abc")
