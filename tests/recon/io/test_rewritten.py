"""Files that others rewrite, cut off or replace while they are open: a sentence, and no more."""

import json
import mmap
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from recon.errors import Cancelled, Changed, UnreadableFile
from recon.io import open_events, open_frames, write_events
from recon.io.files.slabs import FileArray
from recon.io.files.unchanged import Unchanged
from tests.support.paths import ROOT
from tests.support.rewriting import DENSE, EVENTS, cut, npy


def run(*command):
    """A process that finds the tests and what they test."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_no_format_shows_mixed_contents_or_ends_the_process(tmp_path):
    pytest.importorskip("hdf5plugin")
    pytest.importorskip("zarr")
    pytest.importorskip("rsciio")
    done = run("-m", "tests.support.rewriting", tmp_path)
    ended = {(name, way): how for name, way, how in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0, (done.returncode, ended, done.stderr[-2000:])
    ways = ("in_place", "cut", "replaced")
    for write, way in product(DENSE, ways):
        told = ended[write.__name__, way]
        assert "changed while it was open; open it again" in told, (write, way, told)
        assert not told.startswith("first")
    # Events are read whole, into memory or a file of our own.
    assert {ended[pair] for pair in product(EVENTS, ways)} == {"old"}


STOPPED = """
import os, sys
from recon.scan.frames import DenseFrames
read, path = DenseFrames.read, sys.argv[-1]

def and_cut(frames, first, last):
    if last - first > 1:
        os.truncate(path, os.path.getsize(path) // 2)
    return read(frames, first, last)

DenseFrames.read = and_cut
from app.cli import run
sys.argv[0] = "livestem"
run()
"""


def test_a_command_ends_with_a_sentence(tmp_path):
    path = npy(tmp_path, 1)
    done = run("-c", STOPPED, "info", "--health", path)
    assert done.returncode == 2, (done.stdout, done.stderr)
    (line,) = done.stderr.strip().splitlines()
    assert "scan.npy: the file changed while it was open" in line
    assert "Traceback" not in done.stdout + done.stderr
    assert {p.name for p in tmp_path.iterdir()} == {"scan.npy"}


def test_a_file_that_is_removed_is_told_by_its_name(tmp_path):
    frames = open_frames(npy(tmp_path, 1))
    (tmp_path / "scan.npy").unlink()
    with pytest.raises(Changed, match=r"^scan\.npy: the file was removed while it was open"):
        frames.read(0, 1)


def test_events_that_change_while_they_are_read_are_not_taken(tmp_path, monkeypatch):
    from recon.io.events import csr_npz

    path, read = tmp_path / "scan.npz", csr_npz.read
    EVENTS[".npz"](tmp_path, 1)

    def and_write(path, **options):
        found = read(path, **options)
        EVENTS[".npz"](tmp_path, 2)
        return found

    monkeypatch.setattr(csr_npz, "read", and_write)
    with pytest.raises(Changed, match=r"^scan\.npz: the file changed while it was open"):
        open_events(path)


def test_a_changed_binary_file_of_raw_csr_is_told(tmp_path, monkeypatch):
    from recon.io.events import libertem_csr

    counted = libertem_csr.counted
    side = EVENTS[".toml"](tmp_path, 1)

    def and_write(*arguments):
        side.write_bytes(side.read_bytes()[::-1])
        return counted(*arguments)

    monkeypatch.setattr(libertem_csr, "counted", and_write)
    with pytest.raises(Changed, match=r"^scan\.toml: its file scan\.indices\.raw changed while"):
        open_events(tmp_path / "scan.toml")


@pytest.mark.parametrize(
    ("changes", "raised", "told"),
    [
        (False, UnreadableFile("damaged"), UnreadableFile),
        (True, UnreadableFile("damaged"), Changed),
        (True, Cancelled(), Cancelled),
        (True, KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_what_a_change_has_led_to_is_told_as_a_change(changes, raised, told, tmp_path):
    path = npy(tmp_path, 1)
    files = Unchanged(path)

    def read():
        with files:
            if changes:
                cut(path, None)
            raise raised

    with pytest.raises(told) as caught:
        read()
    assert type(caught.value) is told


VIEWS = {
    "C order": lambda a: a,
    "without the last rows": lambda a: a[:, :, :3],
    "one field of a record": lambda a: a.view([("x", "<u2"), ("y", "<u2")])["y"],
    "Fortran order": lambda a: a.T,
    "turned over": lambda a: a[:, ::-1, :, ::-1],
    "every other": lambda a: a[::2, :, 1::3],
    "axes exchanged": lambda a: a.transpose(2, 0, 3, 1),
}


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_read_is_what_a_map_shows(view, tmp_path):
    random = np.random.default_rng(0)
    array = random.integers(0, 1 << 16, (6, 5, 8, 10)).astype("<u2")
    path = tmp_path / "raw"
    path.write_bytes(bytes(14) + array.tobytes())
    mapped = VIEWS[view](np.memmap(path, "<u2", "r", 14, array.shape))
    stored = FileArray.of(mapped)
    assert (stored.shape, stored.dtype) == (mapped.shape, mapped.dtype)
    first = mapped.shape[0]
    for part in (np.s_[:], np.s_[1:2], np.s_[2:first], np.s_[1:3, 2:4], np.s_[3:3]):
        found = stored[part]
        np.testing.assert_array_equal(found, mapped[part])
        assert not isinstance(found, np.memmap)
    cut(path, None)
    with pytest.raises(UnreadableFile, match="shorter"):
        stored[:]


def test_nothing_that_others_can_change_is_mapped(tmp_path, monkeypatch):
    """But where the page of a map is only looked at to be read from the file instead."""
    made = []
    monkeypatch.setattr(mmap, "mmap", lambda *a, **k: made.append(a) or pytest.fail("mapped"))
    for suffix in (".npz", ".h5", ".toml"):
        EVENTS[suffix](tmp_path, 1)
        events = open_events(tmp_path / f"scan{suffix}")
        write_events(tmp_path / f"again{suffix}", events)
    assert not made
