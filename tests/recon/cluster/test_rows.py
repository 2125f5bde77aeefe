"""Rows of a scan in a file are those of the scan, read alone or with the rest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.cluster.rows import open_rows, rows_of
from recon.errors import UnreadableFile
from recon.io import open_scan, write_events
from tests.support.clusters import random_events, random_frames


def assert_rows(part, scan, rows):
    begin, end = rows
    width = scan.scan_shape[1]
    assert part.scan_shape == (end - begin, width)
    assert part.frame_shape == scan.frame_shape
    expected = list(scan.frames())[begin * width : end * width]
    for found, frame in zip(part.frames(), expected, strict=True):
        np.testing.assert_array_equal(found, frame)


@given(st.data())
def test_rows_of_events_are_theirs(data):
    scan = random_events((data.draw(st.integers(1, 9)), data.draw(st.integers(1, 7))), 5)
    begin = data.draw(st.integers(0, scan.scan_shape[0] - 1))
    end = data.draw(st.integers(begin + 1, scan.scan_shape[0]))
    assert_rows(rows_of(scan, (begin, end)), scan, (begin, end))


def test_rows_of_frames_are_read_when_they_are_wanted():
    scan = random_frames((5, 4))
    part = rows_of(scan, (1, 3))
    np.testing.assert_array_equal(part.read(0, 8), scan.read(4, 12))


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
@pytest.mark.parametrize("rows", [(0, 1), (2, 7), (0, 9)])
def test_rows_of_a_file_are_those_of_its_scan(tmp_path, suffix, rows):
    scan, path = random_events((9, 5)), tmp_path / f"scan{suffix}"
    write_events(path, scan)
    assert_rows(open_rows(path, rows), open_scan(path), rows)


def test_of_an_event_npz_only_its_rows_are_read(tmp_path, monkeypatch):
    from recon.io.events import npz

    scan, path, read = random_events((9, 5), 200), tmp_path / "scan.npz", []
    write_events(path, scan)
    fill = npz._fill
    monkeypatch.setattr(
        npz, "_fill", lambda *args: (read.append((args[2], args[1].size)), fill(*args))
    )
    part = open_rows(path, (3, 5))
    assert ("pixels", part.electrons) in read
    assert 0 < part.electrons < scan.electrons


@pytest.mark.parametrize("rows", [(0, 10), (4, 4), (-1, 3)])
def test_rows_that_are_not_there_are_refused(tmp_path, rows):
    scan, path = random_events((9, 5)), tmp_path / "scan.npz"
    write_events(path, scan)
    with pytest.raises(ValueError, match=r"not in a scan of 9 rows"):
        rows_of(scan, rows)
    with pytest.raises(UnreadableFile, match=r"not in a scan of 9 rows"):
        open_rows(path, rows)
