"""A recording that was cut off: the rows that had come, wherever its files end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.errors import UnreadableFile
from recon.io import open_events
from recon.io.events.unfinished import record_type
from tests.support.strategies import dense
from tests.support.streams import some_scan

TOML = """
[params]
filetype = "raw_csr"
nav_shape = [{}, {}]
sig_shape = [{}, {}]
[unfinished]
rows_file = "a.rows.raw"
pixels_file = "a.pixels.raw"
[livestem]
metadata = "{{\\"energy\\": 80000.0}}"
"""


def store(folder, scan, order, cut_rows=0, cut_pixels=0):
    """The rows of a scan in an order, by hand, and files that end some bytes before the end."""
    height, width = scan.scan_shape
    (folder / "a.toml").write_text(TOML.format(height, width, *scan.frame_shape))
    pixels, records = b"", b""
    for row in order:
        part = scan.offsets[row * width : (row + 1) * width + 1]
        pixels += scan.pixels[part[0] : part[-1]].astype("<u4").tobytes()
        records += np.int64(row).tobytes() + np.diff(part).astype("<u4").tobytes()
    (folder / "a.pixels.raw").write_bytes(pixels[: len(pixels) - cut_pixels])
    (folder / "a.rows.raw").write_bytes(records[: len(records) - cut_rows])
    return folder / "a.toml"


def test_rows_in_order_are_a_scan_of_what_came(tmp_path):
    scan = some_scan((5, 4))
    events = open_events(store(tmp_path, scan, [0, 1, 2]))
    assert events.scan_shape == (3, 4)
    np.testing.assert_array_equal(dense(events), dense(scan)[:3])
    assert events.source.notes == ("The recording is not finished: 3 of 5 rows are there.",)
    assert events.metadata == {"energy": 80e3}


@given(st.permutations(range(5)), st.integers(0, 60), st.integers(0, 200))
def test_wherever_it_was_cut_the_whole_rows_are_there(tmp_path_factory, order, rows, pixels):
    scan = some_scan((5, 4))
    path = store(tmp_path_factory.mktemp("cut"), scan, order, rows, pixels)
    ends = np.cumsum([scan.counts[row].sum() for row in order])
    records = 5 - -(-rows // record_type(4).itemsize)
    there = order[: min(records, int(np.sum(ends <= ends[-1] - -(-pixels // 4))))]
    if not there:
        with pytest.raises(UnreadableFile, match="ended before its first row"):
            open_events(path)
        return
    wanted = dense(scan)[: max(there) + 1]
    empty = [row for row in range(max(there)) if row not in there]
    wanted[empty] = 0
    events = open_events(path)
    np.testing.assert_array_equal(dense(events), wanted)
    assert bool(empty) == any("had not come" in note for note in events.source.notes)


def test_a_row_that_came_in_parts_is_put_together(tmp_path):
    scan, more = some_scan((3, 4)), some_scan((3, 4), seed=1)
    path = store(tmp_path, scan, [0, 2, 1])
    pixels, rows = (tmp_path / f"a.{name}.raw" for name in ("pixels", "rows"))
    old = pixels.read_bytes(), rows.read_bytes()
    store(tmp_path, more, [2])
    pixels.write_bytes(old[0] + pixels.read_bytes())
    rows.write_bytes(old[1] + rows.read_bytes())
    wanted = dense(scan)
    wanted[2] += dense(more)[2]
    np.testing.assert_array_equal(dense(open_events(path)), wanted)


def test_a_record_of_no_row_is_damage(tmp_path):
    path = store(tmp_path, some_scan((3, 4)), [0, 1])
    rows = tmp_path / "a.rows.raw"
    rows.write_bytes(np.int64(9).tobytes() + rows.read_bytes()[8:])
    with pytest.raises(UnreadableFile, match="rows outside its scan of 3 × 4"):
        open_events(path)


def test_a_file_that_is_missing_is_a_sentence(tmp_path):
    path = store(tmp_path, some_scan((3, 4)), [0, 1])
    (tmp_path / "a.pixels.raw").unlink()
    with pytest.raises(UnreadableFile, match=r"its file a\.pixels\.raw: No such file"):
        open_events(path)


def test_another_shape_has_to_have_as_many_positions(tmp_path):
    path = store(tmp_path, some_scan((3, 4)), [0, 1])
    assert open_events(path, scan_shape=(4, 2)).scan_shape == (4, 2)
    with pytest.raises(UnreadableFile, match="8 frames do not fill a scan of 3 × 4"):
        open_events(path, scan_shape=(3, 4))
