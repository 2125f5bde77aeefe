"""Event files are written whole, or what was there stays."""

import os
import resource
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

from recon.errors import Cancelled
from recon.io import open_events, write_events
from recon.scan.events import from_frames

FRAMES = [[1, 2], [], [19], [3, 3, 4], [0], [7, 8]]


@pytest.fixture
def events():
    return from_frames(FRAMES, (2, 3), (4, 5), metadata={"energy": 80e3})


@pytest.fixture(params=[".h5", ".npz"])
def path(tmp_path, request):
    return tmp_path / f"scan{request.param}"


@pytest.fixture
def npz(tmp_path):
    return tmp_path / "scan.npz"


@pytest.fixture
def many(tmp_path):
    return from_frames([np.arange(4000) % 20] * 600, (20, 30), (4, 5))


@contextmanager
def no_file_larger_than(size):
    """A disk that is full after `size` bytes, as far as a process can make one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TestWriting:
    def refused(self, path, events, match):
        with pytest.raises(OSError, match=match) as caught:
            write_events(path, events)
        assert str(caught.value).startswith(f"{path.name} was not written: ")
        assert "\n" not in str(caught.value)

    def test_a_full_disk_leaves_what_was_there(self, path, many, events):
        write_events(path, events)
        with no_file_larger_than(1_000_000):
            self.refused(path, many, "the disk is full")
        assert os.listdir(path.parent) == [path.name]
        assert open_events(path).electrons == 9
        write_events(path, many)
        assert open_events(path).electrons == many.electrons

    def test_a_disk_too_small_is_refused_at_once(self, path, many, monkeypatch):
        usage = shutil.disk_usage(path.parent)._replace(free=2_000_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
        self.refused(path, many, "it needs 10 MB, and the disk has 2 MB left")
        assert os.listdir(path.parent) == []

    def test_cancelled(self, path, many, events):
        write_events(path, events)

        def stop(fraction):
            raise Cancelled

        with pytest.raises(Cancelled):
            write_events(path, many, progress=stop)
        assert os.listdir(path.parent) == [path.name]
        assert open_events(path).electrons == 9

    def test_progress_rises_to_one(self, path, many):
        seen = []
        write_events(path, many, progress=seen.append)
        assert seen == sorted(seen)
        assert seen[-1] == 1

    def test_folder_in_place_of_the_file(self, path, events):
        path.mkdir()
        self.refused(path, events, "it is a folder")

    def test_missing_folder(self, path, events):
        self.refused(path.parent / "none" / path.name, events, "no such file")

    def test_device(self, path, events):
        path.symlink_to("/dev/full")
        self.refused(path, events, "not an ordinary file")
        assert os.path.exists("/dev/full")

    def test_a_link_stays_one(self, path, events, tmp_path):
        target = tmp_path / "deep" / path.name
        target.parent.mkdir()
        path.symlink_to(target)
        write_events(path, events)
        assert path.is_symlink()
        assert open_events(target).electrons == 9

    def test_permissions_are_the_usual_ones(self, path, events):
        before = os.umask(0o027)
        try:
            write_events(path, events)
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o777 == 0o640

    def test_unknown_suffix(self, tmp_path, events):
        with pytest.raises(ValueError, match=r"scan.txt was not written: .* \.h5, \.hdf5, \.npz"):
            write_events(tmp_path / "scan.txt", events)
        assert os.listdir(tmp_path) == []


def test_reading_an_npz_can_be_stopped(npz, many):
    write_events(npz, many)

    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        open_events(npz, progress=stop)
