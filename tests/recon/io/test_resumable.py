"""A conversion that is killed goes on where it was, and gives what an unbroken one gives."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from app.cli import main
from recon.io import open_events, open_frames, resumable, write_events
from recon.io.checksum import checksum, places_checksum
from recon.scan.events import from_frames
from recon.scan.frames import DenseFrames, of_array
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE_S

SCAN, FRAME = (6, 5), (8, 9)


def counts(seed=0):
    return np.random.default_rng(seed).poisson(0.2, (*SCAN, *FRAME)).astype(np.uint16)


def events(seed=0):
    rng = np.random.default_rng(seed)
    frames = [rng.integers(0, 72, rng.integers(0, 9)) for _ in range(30)]
    places = rng.integers(0, 256, sum(map(len, frames)), dtype=np.uint8)
    return from_frames(frames, SCAN, FRAME, metadata={"energy": 8e4}, subpixel=places)


@pytest.fixture(params=["frames", "events"])
def source(request, tmp_path, monkeypatch):
    """A file, how it is opened, and the electrons in it; parts are a few frames."""
    monkeypatch.setattr(DenseFrames.slabs, "__defaults__", (7 * 144, False, 0))
    monkeypatch.setattr(resumable, "PART", 20)
    folder = tmp_path / "in"
    folder.mkdir()
    if request.param == "frames":
        np.save(folder / "scan.npy", counts())
        from recon.scan.low_counts import events_from_frames

        return folder / "scan.npy", open_frames, events_from_frames(of_array(counts()))
    write_events(folder / "scan.npz", events())
    return folder / "scan.npz", open_events, events()


class Killed(BaseException):
    pass


def killed_after(number):
    left = [number]

    def progress(fraction):
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    return progress


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_what_is_resumed_is_what_an_unbroken_conversion_gives(source, steps, tmp_path):
    path, opened, whole = source
    target, once = tmp_path / "out.toml", tmp_path / "once.toml"
    starts = []
    for _ in range(40):
        try:
            *found, start = resumable.convert(
                path, target, opened(path), progress=killed_after(steps)
            )
            starts.append(start)
            break
        except Killed:
            assert not target.exists()
            journal = json.loads((resumable.begun(target) / "journal.json").read_text())
            starts.append(journal["frames"])
    assert starts == sorted(starts)
    assert len(starts) >= 2
    assert found == [whole.electrons, checksum(whole), places_checksum(whole)]
    back = open_events(target)
    assert (checksum(back), places_checksum(back)) == (checksum(whole), places_checksum(whole))
    assert back.metadata == whole.metadata
    write_events(once, whole)
    ours, theirs = (open_events(p) for p in (target, once))
    np.testing.assert_array_equal(ours.pixels, theirs.pixels)
    np.testing.assert_array_equal(ours.offsets, theirs.offsets)
    assert not resumable.begun(target).exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_frames_that_are_done_are_not_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(DenseFrames.slabs, "__defaults__", (7 * 144, False, 0))
    np.save(tmp_path / "scan.npy", counts())
    target = tmp_path / "out.toml"
    frames, read = open_frames(tmp_path / "scan.npy"), []
    with pytest.raises(Killed):
        resumable.convert(tmp_path / "scan.npy", target, frames, progress=killed_after(3))
    load = frames.load

    def noted(first, last):
        read.append(first)
        return load(first, last)

    object.__setattr__(frames, "load", noted)
    resumable.convert(tmp_path / "scan.npy", target, frames)
    assert min(read) == 21


def test_bytes_beyond_the_journal_do_not_count(source, tmp_path):
    path, opened, whole = source
    target = tmp_path / "out.toml"
    with pytest.raises(Killed):
        resumable.convert(path, target, opened(path), progress=killed_after(2))
    for name in resumable.SIZES:
        with open(resumable.begun(target) / name, "ab") as file:
            file.write(b"half a part of somethi")
    (resumable.begun(target) / "journal.new").write_text("{")
    resumable.convert(path, target, opened(path))
    assert checksum(open_events(target)) == checksum(whole)


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_kill_while_files_get_their_names_does_no_harm(source, tmp_path, monkeypatch, moved):
    path, opened, whole = source
    target = tmp_path / "out.toml"
    write_events(target, from_frames([[1]], (1, 1), FRAME))
    replace, left = os.replace, [moved + 4]

    def replaced(old, new):
        if str(old).endswith(("indices", "subpixel")) or str(new).endswith(("raw", "toml")):
            left[0] -= 1
            if left[0] == 0:
                raise Killed
        replace(old, new)

    monkeypatch.setattr(os, "replace", replaced)
    try:
        resumable.convert(path, target, opened(path))
    except Killed:
        assert open_events(target).electrons == 1  # what was there is there
    monkeypatch.setattr(os, "replace", replace)
    if resumable.begun(target).exists():
        resumable.convert(path, target, opened(path))
    assert checksum(open_events(target)) == checksum(whole)
    placed = whole.subpixel is not None
    assert len([p for p in tmp_path.iterdir() if p.suffix == ".raw"]) == 3 + placed


def test_another_source_or_other_options_are_refused(source, tmp_path):
    path, opened, _ = source
    target = tmp_path / "out.toml"
    with pytest.raises(Killed):
        resumable.convert(path, target, opened(path), {"a": 1}, progress=killed_after(1))
    with pytest.raises(ValueError, match="with other options: nothing of it can be used"):
        resumable.convert(path, target, opened(path), {"a": 2})
    os.utime(path, (1, 1))
    with pytest.raises(ValueError, match=r"another state of the source.*Remove .*toml\.resume"):
        resumable.convert(path, target, opened(path), {"a": 1})


@pytest.mark.parametrize("damage", ["journal", "short", "absurd"])
def test_what_is_damaged_is_refused(source, tmp_path, damage):
    path, opened, _ = source
    target = tmp_path / "out.toml"
    with pytest.raises(Killed):
        resumable.convert(path, target, opened(path), progress=killed_after(2))
    folder = resumable.begun(target)
    journal = folder / "journal.json"
    if damage == "journal":
        journal.write_bytes(journal.read_bytes()[:-9])
    elif damage == "short":
        os.truncate(folder / "indices", 3)
    else:
        journal.write_text(json.dumps(json.loads(journal.read_text()) | {"frames": -1}))
    with pytest.raises(ValueError, match=r"Remove .*out\.toml\.resume to begin anew"):
        resumable.convert(path, target, opened(path))


def test_one_process_at_a_time(source, tmp_path):
    path, opened, _ = source
    target = tmp_path / "out.toml"

    def second(fraction):
        with pytest.raises(OSError, match=r"out\.toml was not written: another process"):
            resumable.convert(path, target, opened(path))
        raise Killed

    with pytest.raises(Killed):
        resumable.convert(path, target, opened(path), progress=second)


def test_the_command_goes_on_after_a_kill(tmp_path, capsys):
    shape = (40, 50)
    data = np.random.default_rng(0).poisson(0.02, (*shape, 64, 64)).astype(np.uint16)
    np.save(tmp_path / "scan.npy", data)
    code = (
        "import os, signal; from recon.scan.frames import DenseFrames; "
        "from recon.io import resumable; "
        "DenseFrames.slabs.__defaults__ = (1 << 18, False, 0); note = resumable._note; n = []\n"
        "def noted(*a):\n    note(*a); n.append(1)\n"
        "    if len(n) == 9: os.kill(os.getpid(), signal.SIGKILL)\n"
        "resumable._note = noted; from app.cli import main; "
        f"main(['convert', {str(tmp_path / 'scan.npy')!r}, {str(tmp_path / 'out.toml')!r}, "
        "'--resume'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=PATIENCE_S
    )
    assert ended.returncode == -signal.SIGKILL
    command = ["convert", str(tmp_path / "scan.npy"), str(tmp_path / "out.toml"), "--resume"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert "Went on at frame 288 of 2000." in err
    assert f"out.toml: {data.sum()} electrons, checksum " in out
    assert main(["convert", str(tmp_path / "scan.npy"), str(tmp_path / "out.npz")]) == 0
    assert capsys.readouterr().out.split()[-1] == out.split()[-1]
    assert main([*command, "--option", "dwell_time=1e-6"]) == 2
    assert "knows no option dwell_time" in capsys.readouterr().err
    assert main([*command[:2], str(tmp_path / "out.h5"), "--resume"]) == 2
    assert "only a raw CSR file (.toml)" in capsys.readouterr().err
