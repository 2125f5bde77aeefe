"""`livestem convert`: what it says, prints and refuses."""

import itertools
import json
import os
import re

import h5py
import numpy as np
import pytest

import recon.io.conversion as conversion
from app.cli import main
from recon.io import open_events, write_events
from recon.io.checksum import checksum, places_checksum
from recon.scan.events import from_frames
from tests.support import timepix_files as files
from tests.support.scans import write_4dcamera

LINE = re.compile(r"(\S+): (\d+) electrons, checksum ([0-9a-f]{16})(.*)\n")


@pytest.fixture
def scan():
    frames = [[5, 5, 1], [], [19], [0], [2, 3], [4]]
    places = np.array([7, 250, 3, 136, 0, 255, 16, 99], np.uint8)
    return from_frames(frames, (2, 3), (4, 5), metadata={"energy": 80e3}, subpixel=places)


def printed(capsys, *arguments):
    """(match of the line on standard output, standard error)."""
    assert main(["convert", *map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    found = LINE.fullmatch(out)
    assert found, out
    return found, err


def refused(capsys, *arguments):
    assert main(["convert", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_all_ways_between_formats_print_one_checksum(scan, tmp_path, capsys):
    for one, other in itertools.permutations((".h5", ".npz", ".toml"), 2):
        write_events(tmp_path / f"in{one}", scan)
        found, said = printed(capsys, tmp_path / f"in{one}", tmp_path / f"out{other}")
        name, electrons, digest, more = found.groups()
        assert (name, electrons) == (f"out{other}", "8")
        assert digest == checksum(scan)
        assert more == f", with their places {places_checksum(scan)}"
        assert "not kept" not in said
        back = open_events(tmp_path / f"out{other}")
        assert back.subpixel.tolist() == scan.subpixel.tolist()
        assert back.metadata == scan.metadata


def test_info_prints_the_same_checksum(scan, tmp_path, capsys):
    write_events(tmp_path / "in.npz", scan)
    found, _ = printed(capsys, tmp_path / "in.npz", tmp_path / "out.toml")
    for name in ("in.npz", "out.toml"):
        assert main(["info", str(tmp_path / name)]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["checksum"] == found[3]
        assert facts["places_checksum"] == places_checksum(scan)


def test_dense_frames_of_low_counts_become_events_exactly(tmp_path, capsys):
    counts = np.random.default_rng(0).poisson(0.02, (5, 6, 8, 9)).astype(np.uint8)
    counts[1, 2, 3, 4] = 3
    np.save(tmp_path / "frames.npy", counts)
    found, _ = printed(capsys, tmp_path / "frames.npy", tmp_path / "out.h5")
    events = open_events(tmp_path / "out.h5")
    frames = [np.repeat(np.arange(72), frame.ravel()) for frame in counts.reshape(30, 8, 9)]
    expected = from_frames(frames, (5, 6), (8, 9))
    assert found[3] == checksum(expected) == checksum(events)
    assert int(found[2]) == counts.sum()


@pytest.mark.parametrize(
    ("value", "dtype", "words"),
    [
        (0.5, "f4", "holds 0.5: counts are whole numbers"),
        (100, "f4", "Frames hold 7200 counts each, so many"),
        (100, "u1", "Frames hold 7200 counts each, so many"),
        (-1, "i2", "holds -1: counts are not below zero"),
    ],
)
def test_frames_that_are_no_electrons_are_refused(tmp_path, capsys, value, dtype, words):
    np.save(tmp_path / "frames.npy", np.full((5, 6, 8, 9), value, dtype))
    said = refused(capsys, tmp_path / "frames.npy", tmp_path / "out.h5")
    assert words in said
    assert "`livestem count`" in said
    assert os.listdir(tmp_path) == ["frames.npy"]


def test_what_a_format_needs_to_be_told_and_what_is_lost(tmp_path, capsys):
    hits = [(640 * n + 5, n, 2, 9) for n in range(12)]
    files.write(tmp_path / "a.tpx3", [files.chunk([files.hit(*hit) for hit in hits])])
    source, target = tmp_path / "a.tpx3", tmp_path / "a.h5"
    assert "give the dwell_time" in refused(capsys, source, target, "--scan-shape", "3,4")
    twice = "--dwell-time-us", "1", "--option", "dwell_time=1e-6"
    assert "given twice" in refused(capsys, source, target, "--scan-shape", "3,4", *twice)
    by_number = tmp_path / "by_number.npz"
    printed(capsys, source, by_number, "--scan-shape", "3,4", "--dwell-time-us", "1")
    told = "--scan-shape", "3,4", "--option", "dwell_time=1e-6"
    found, said = printed(capsys, source, target, *told, "--option", "cluster_window_ns=0")
    assert found[2] == "12"
    assert "The times of hits, and how long they were over threshold, are not kept." in said
    for wrong, words in (
        ("dwell=1", "knows no option dwell"),
        ("dwell_time", "is not of the form NAME=VALUE"),
        ("path=b", "path is no option"),
    ):
        assert words in refused(capsys, source, target, "--option", wrong)
    twice = "--option", "repeat=true", "--option", "repeat=false"
    assert "given twice" in refused(capsys, source, target, *twice)
    assert "knows no option repeat" in refused(capsys, target, tmp_path / "b.npz", *twice[:2])


def test_a_flyback_column_that_is_left_out_is_stated(tmp_path, capsys):
    frames = [[5], [5, 9, 9], [70], [1, 2], [727], [30, 31]]
    source = write_4dcamera(tmp_path / "camera.h5", frames, (2, 3), flyback=True)
    found, said = printed(capsys, source, tmp_path / "a.npz")
    assert found[2] == "7"
    assert "The flyback column is left out." in said
    found, said = printed(capsys, source, tmp_path / "b.npz", "--keep-flyback")
    assert found[2] == "10"
    assert "left out" not in said


def test_what_does_not_hold_what_was_written_is_removed(scan, tmp_path, capsys, monkeypatch):
    write_events(tmp_path / "in.npz", scan)

    def damaged(path, **options):
        with h5py.File(path, "r+") as file:
            file["electron_events/frames"][2] = np.array([18], np.uint32)
        return open_events(path, **options)

    monkeypatch.setattr(conversion, "open_events", damaged)
    said = refused(capsys, tmp_path / "in.npz", tmp_path / "out.h5")
    assert "out.h5 was removed, because it did not hold what was written" in said
    assert checksum(scan) in said
    assert os.listdir(tmp_path) == ["in.npz"]


@pytest.mark.parametrize("name", ["out.toml", "OUT.TOML"])
def test_binary_files_go_with_a_description_that_is_removed(
    scan, name, tmp_path, capsys, monkeypatch
):
    write_events(tmp_path / "in.npz", scan)

    def damaged(path, **options):
        side = next(path.parent.glob("*.indices.raw"))
        side.write_bytes(bytes(side.stat().st_size))
        return open_events(path, **options)

    monkeypatch.setattr(conversion, "open_events", damaged)
    assert "was removed" in refused(capsys, tmp_path / "in.npz", tmp_path / name)
    assert os.listdir(tmp_path) == ["in.npz"]
