"""A scan written as it comes: whatever ends it, the rows so far are there."""

import os
import random
import signal
import subprocess
import sys

import numpy as np
import pytest

from recon.io import open_events
from recon.live.recorder import Recorder
from recon.live.source import Began, Ended, Late
from recon.live.whole_rows import Rows
from tests.support.paths import ROOT
from tests.support.strategies import dense
from tests.support.streams import some_scan


def blocks(scan, order=None, late=64):
    """A scan as blocks, its frames in an order."""
    rows = Rows(scan.scan_shape, scan.frame_shape, late=late)
    for place in order or range(scan.positions):
        part = scan.pixels[scan.offsets[place] : scan.offsets[place + 1]]
        rows.add([place], [part.size], part)
        yield from rows.take()
    yield from rows.rest()


def began(scan):
    return Began(scan.scan_shape, scan.frame_shape, 1, {"energy": 80e3})


def recorded(path, scan, order=None, late=64, ended=None):
    recorder = Recorder(path, began(scan))
    given = list(blocks(scan, order, late))
    for block in given:
        recorder.add(block)
    assert recorder.finish(ended or Ended(scan.positions, 0)) == path
    assert recorder.trouble == ""
    assert recorder.electrons == scan.electrons
    return given


def test_rows_in_order_become_a_file_as_convert_writes_it(tmp_path):
    scan, path = some_scan(), tmp_path / "a.toml"
    recorded(path, scan)
    events = open_events(path)
    np.testing.assert_array_equal(dense(events), dense(scan))
    assert events.metadata == {"energy": 80e3}
    assert events.source.notes == ()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.data.raw",
        "a.indices.raw",
        "a.indptr.raw",
        "a.toml",
    ]


def test_rows_in_any_order_and_late_parts_are_put_together(tmp_path):
    scan, path = some_scan(), tmp_path / "a.toml"
    order = list(range(scan.positions))
    random.Random(1).shuffle(order)
    given = recorded(path, scan, order, late=0)
    assert any(isinstance(block, Late) for block in given)
    np.testing.assert_array_equal(dense(open_events(path)), dense(scan))


def test_a_scan_that_was_stopped_has_the_rows_that_came_and_says_so(tmp_path):
    scan, path = some_scan((6, 4)), tmp_path / "a.toml"
    order = range(14)
    recorder = Recorder(path, began(scan))
    for block in blocks(scan, order):
        recorder.add(block)
    recorder.finish(Ended(14, 10, ("The scan was stopped.",)))
    events = open_events(path)
    wanted = dense(scan)[:4]
    wanted[3, 2:] = 0
    np.testing.assert_array_equal(dense(events), wanted)
    assert events.source.notes == (
        "The scan was stopped.",
        "The scan was to have 6 rows; it ended after row 3.",
    )


def test_while_it_comes_it_opens_as_the_rows_that_are_there(tmp_path):
    scan, path = some_scan((6, 4)), tmp_path / "a.toml"
    recorder = Recorder(path, began(scan))
    for number, block in enumerate(blocks(scan)):
        recorder.add(block)
        events = open_events(recorder.unfinished)
        np.testing.assert_array_equal(dense(events), dense(scan)[: number + 1])
    assert not path.exists()
    recorder.close()


def test_an_earlier_scan_stays_until_the_new_one_is_complete(tmp_path):
    old, new, path = some_scan(), some_scan(seed=1), tmp_path / "a.toml"
    recorded(path, old)
    recorder = Recorder(path, began(new))
    for block in blocks(new):
        recorder.add(block)
    np.testing.assert_array_equal(dense(open_events(path)), dense(old))
    recorder.finish(Ended(new.positions, 0))
    np.testing.assert_array_equal(dense(open_events(path)), dense(new))
    assert len(list(tmp_path.iterdir())) == 4


def test_nothing_is_written_of_a_scan_without_rows(tmp_path):
    assert Recorder(tmp_path / "a.toml", began(some_scan())).finish(Ended(0, 48)) is None
    assert list(tmp_path.iterdir()) == []


CHILD = """
import os, sys
from pathlib import Path
from recon.live.recorder import Recorder
from tests.recon.live.test_recorder import began, blocks
from tests.support.streams import some_scan
scan = some_scan((6, 4))
recorder = Recorder(Path(sys.argv[1]), began(scan))
for number, block in enumerate(blocks(scan)):
    if number == 4:
        os.kill(os.getpid(), 9)
    recorder.add(block)
"""


def test_kill_9_in_the_middle_leaves_the_rows_so_far(tmp_path):
    path = tmp_path / "a.toml"
    done = subprocess.run([sys.executable, "-c", CHILD, path], cwd=ROOT, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert not path.exists()
    left = tmp_path / "a.unfinished.toml"
    events = open_events(left)
    scan = some_scan((6, 4))
    np.testing.assert_array_equal(dense(events), dense(scan)[:4])
    assert events.source.notes == ("The recording is not finished: 4 of 6 rows are there.",)
    # The next recording of that name leaves it alone.
    recorded(path, scan)
    np.testing.assert_array_equal(dense(open_events(left)), dense(scan)[:4])


FULL = """
import resource, sys
from pathlib import Path
from recon.live.recorder import Recorder
from recon.live.source import Ended
from tests.recon.live.test_recorder import began, blocks
from tests.support.streams import some_scan
scan = some_scan((60, 8), brightest=40)
recorder = Recorder(Path(sys.argv[1]), began(scan))
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
for block in blocks(scan):
    recorder.add(block)
print(recorder.rows, recorder.finish(Ended(scan.positions, 0)).name, recorder.trouble, sep="|")
"""


@pytest.mark.skipif(os.name != "posix", reason="a limit on the size of files is POSIX's")
def test_a_full_disk_ends_the_keeping_and_not_the_scan(tmp_path):
    # A limit on the size of a file stands for the disk: both are told as a full one.
    command = [sys.executable, "-c", FULL, tmp_path / "a.toml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows, name, trouble = done.stdout.strip().split("|")
    assert name == "a.unfinished.toml"
    assert 0 < int(rows) < 60
    assert trouble == f"From row {rows} on nothing is kept: the disk is full."
    events = open_events(tmp_path / name)
    scan = some_scan((60, 8), brightest=40)
    np.testing.assert_array_equal(dense(events), dense(scan)[: int(rows)])
