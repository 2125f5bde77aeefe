"""`livestem replay` and `livestem receive`: what was sent is what is kept."""

import os
import re
import signal

import numpy as np
import pytest

from app.cli import main
from recon.io import open_events, write_events
from recon.io.checksum import checksum
from tests.support.played import played
from tests.support.ports import free_port
from tests.support.servers import server
from tests.support.strategies import dense
from tests.support.streams import some_scan
from tests.support.waiting import wait_until

LINE = re.compile(
    r"(\S+): (\d+) electrons in (\d+) rows of (\d+ × \d+) positions, (\d+) frames lost, "
    r"checksum ([0-9a-f]{16})"
)


@pytest.fixture
def stored(tmp_path):
    scan = some_scan((12, 9), (20, 16), brightest=30)
    write_events(tmp_path / "in.npz", scan)
    return tmp_path / "in.npz", scan


TIMED = ("--scan-shape", "12,9", "--dwell-time-us", "1", "--option", "trigger=tdc1 rising",
         "--option", "cluster_window_ns=0")  # fmt: skip
KINDS = {"interactem": ((20, 16), ()), "serval": ((256, 256), TIMED),
         "accos": ((20, 16), ()), "merlin": ((20, 16), ()), "dectris": ((20, 16), ())}  # fmt: skip
"""Detector pixels, and what the receiver has to be told."""


@pytest.mark.parametrize("listen", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_replayed_is_kept_to_the_electron(tmp_path, capsys, kind, listen):
    pixels, told = KINDS[kind]
    scan, path = some_scan((12, 9), pixels, brightest=30), tmp_path / "in.npz"
    write_events(path, scan)
    out = tmp_path / "out.toml"
    assert played(path, out, kind, listen=listen, receive=told) == (0, 0)
    found = LINE.search(capsys.readouterr().out)
    assert found.groups() == ("out.toml", str(scan.electrons), "12", "12 × 9", "0", checksum(scan))
    events = open_events(out)
    np.testing.assert_array_equal(dense(events), dense(scan))
    assert events.source.notes == ()


def test_a_loop_is_scan_after_scan_until_there_are_enough(stored, tmp_path, capsys):
    path, scan = stored
    there = f"tcp://127.0.0.1:{free_port()}"
    (tmp_path / "out-1.toml").write_text("taken")
    with server(["-m", "app.cli", "replay", path, "--as", "interactem", "--dwell-us", "1",
                 "--loop", "--bind", there], "Playing"):  # fmt: skip
        assert main(["receive", f"interactem:{there}", "-o", str(tmp_path / "out.toml"),
                     "--scans", "3"]) == 0  # fmt: skip
    found = LINE.findall(capsys.readouterr().out)
    assert [line[0] for line in found] == ["out-2.toml", "out-3.toml", "out-4.toml"]
    assert {line[5] for line in found} == {checksum(scan)}


def test_what_came_is_kept_when_it_is_stopped(stored, tmp_path):
    path, scan = stored
    there = f"tcp://127.0.0.1:{free_port()}"
    receive = ["-m", "app.cli", "receive", f"interactem:{there}", "-o", tmp_path / "out.toml"]
    # Half a second a row: it is stopped in the middle.
    replay = ["-m", "app.cli", "replay", path, "--as", "interactem", "--dwell-us", "60000",
              "--bind", there]  # fmt: skip
    with server(replay, "Playing"), server(receive, "Waiting") as (process, _):
        rows = tmp_path / "out.unfinished.rows.raw"
        wait_until(lambda: rows.exists() and rows.stat().st_size > 0)
        os.kill(process.pid, signal.SIGINT)
        said, _ = process.communicate()
        assert process.returncode == 130
    assert "The line was closed before the scan was over." in said
    events = open_events(tmp_path / "out.toml")
    whole = events.scan_shape[0] - 1
    np.testing.assert_array_equal(dense(events)[:whole], dense(scan)[:whole])
    assert events.scan_shape[0] < 12
    assert not rows.exists()


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("tcp://localhost:1", "names no known source"),
        ("camera:tcp://localhost:1", "names no known source"),
        ("interactem:localhost", "is no address"),
        ("interactem:tcp://localhost:0", "names no port"),
        ("interactem:tcp://localhost:99999", "is no address"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(source, sentence, tmp_path, capsys):
    assert main(["receive", source, "-o", str(tmp_path / "out.toml")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert sentence in err


def test_only_raw_csr_grows(tmp_path, capsys):
    there = "interactem:tcp://localhost:1"
    assert main(["receive", there, "-o", str(tmp_path / "out.h5")]) == 2
    assert "kept as .toml" in capsys.readouterr().err


def test_what_is_kept_does_not_lie_in_the_folder_that_is_watched(tmp_path, capsys):
    assert main(["receive", f"folder:{tmp_path}", "-o", str(tmp_path / "out.toml")]) == 2
    assert "would lie in the folder that is watched" in capsys.readouterr().err
