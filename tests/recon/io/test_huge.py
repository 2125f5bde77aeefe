"""A scan larger than memory: kept in a temporary file, and still all that is made of a scan.

At 10⁸ electrons; `LIVESTEM_HUGE=4.3e9` for the full size: minutes, and 17 GB of the disk.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from recon.errors import UnreadableFile
from recon.geometry.descan import Descan
from recon.io import open_events, write_events
from recon.io.scanning import without_last_column
from recon.scan import spill as room
from recon.scan.events import from_frames
from recon.treatment.crop import crop_detector, crop_scan
from recon.treatment.dose import thin_events
from recon.treatment.mask import without
from recon.treatment.rows import ScanDistortion, regrid
from recon.treatment.straighten import straighten
from recon.treatment.subpixel import refine_detector
from tests.support.paths import ROOT

ELECTRONS = float(os.environ.get("LIVESTEM_HUGE", 1e8))
ALLOWED = 1 << 30
"""Bytes that may be resident beside the file's pages, at any size."""


@pytest.fixture
def events():
    random = np.random.default_rng(0)
    frames = [random.integers(0, 400, random.integers(0, 50)) for _ in range(600)]
    return from_frames(frames, (20, 30), (20, 20))


def has_holes(folder):
    """Whether files there take no room for what was never written, and Linux tells of memory."""
    with open(folder / "hole", "wb") as file:
        file.truncate(1 << 24)
        blocks = os.fstat(file.fileno()).st_blocks
    return blocks * 512 < 1 << 20 and Path("/proc/self/status").exists()


def test_a_scan_larger_than_memory_is_kept_in_a_file_and_gives_everything(tmp_path):
    if not has_holes(tmp_path) or shutil.disk_usage(tmp_path).free < 1 << 30:
        pytest.skip("needs a file system with holes, 1 GB of it, and Linux")
    side = 32 if ELECTRONS < 1e9 else 128
    (tmp_path / "scan").mkdir()
    script = [sys.executable, "-m", "tests.support.huge_scan"]
    command = [*script, str(tmp_path / "scan"), str(ELECTRONS), str(side)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    for suffix in (".toml", ".npz"):
        found = report[suffix]
        assert all(found["agree"].values()), found
        grown = found["peak_anonymous"] - found["anonymous_before"]
        # Far less than the electrons themselves, whose pages belong to the file.
        assert grown < min(ALLOWED, report["bytes"] / 2)
    if ELECTRONS >= 4e9:
        print(done.stdout)


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_what_is_larger_than_memory_is_kept_in_a_file(suffix, events, tmp_path, monkeypatch):
    write_events(tmp_path / f"scan{suffix}", events)
    assert not isinstance(open_events(tmp_path / f"scan{suffix}").pixels.base, np.memmap)
    monkeypatch.setattr(room, "is_large", lambda size: True)
    back = open_events(tmp_path / f"scan{suffix}")
    assert isinstance(back.pixels.base, np.memmap)
    assert back.pixels.flags.aligned
    np.testing.assert_array_equal(back.pixels, events.pixels)
    np.testing.assert_array_equal(back.offsets, events.offsets)
    assert {path.name for path in tmp_path.iterdir()} == {f"scan{suffix}"}


def test_arrays_of_an_archive_begin_aligned_and_numpy_reads_it(events, tmp_path):
    path = tmp_path / "scan.npz"
    write_events(path, events)
    content = path.read_bytes()
    assert content.index(events.pixels.tobytes()) % 64 == 0
    assert content.index(events.offsets.tobytes()) % 64 == 0
    with np.load(path) as arrays:
        np.testing.assert_array_equal(arrays["pixels"], events.pixels)


def test_neither_memory_nor_disk_is_a_sentence(events, tmp_path, monkeypatch):
    write_events(tmp_path / "scan.h5", events)
    monkeypatch.setattr(room, "is_large", lambda size: True)

    def full(descriptor, first, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UnreadableFile, match="TMPDIR"):
        open_events(tmp_path / "scan.h5")


def test_large_is_what_takes_half_of_the_free_memory(monkeypatch):
    class Memory:
        free = 1000

    monkeypatch.setattr(room, "memory", lambda device: Memory)
    assert not room.is_large(500)
    assert room.is_large(501)


def placed(events):
    """The same electrons with places in their pixels."""
    places = np.random.default_rng(1).integers(0, 256, events.electrons).astype(np.uint8)
    return replace(events, subpixel=places)


HOT = np.zeros((20, 20), bool)
HOT[3, 4] = HOT[10:12, 9] = True

MADE = {
    "masked": lambda events: without(events, HOT),
    "cropped scan": lambda events: crop_scan(events, (2, 18), (0, 29)),
    "cropped detector": lambda events: crop_detector(events, (2, 18), (3, 20)),
    "thinned": lambda events: thin_events(events, 0.6),
    "finer": lambda events: refine_detector(events, 2),
    "straight": lambda events: straighten(events, Descan((0.4, 0, 0, 0, 0), (0, 0.3, 0, 0, 0))),
    "without flyback": without_last_column,
    "regridded": lambda events: regrid(events, ScanDistortion(shear=0.05)),
}


@pytest.mark.parametrize("made", MADE)
def test_what_is_made_of_a_scan_larger_than_memory_is_kept_in_a_file(made, events, monkeypatch):
    scan = placed(events)
    expected = MADE[made](scan)
    monkeypatch.setattr(room, "is_large", lambda size: True)
    found = MADE[made](scan)
    for name in ("pixels", "subpixel"):
        assert isinstance(getattr(found, name).base, np.memmap), name
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_array_equal(found.offsets, expected.offsets)


def test_a_mask_is_refused_in_a_sentence_where_neither_memory_nor_disk_has_room(
    events, monkeypatch
):
    monkeypatch.setattr(room, "is_large", lambda size: True)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(UnreadableFile, match="TMPDIR"):
        without(events, HOT)
