"""Every format that is written holds every scan, whole, or is not there at all."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recon.io.files.atomic as atomic
from recon.errors import Cancelled, UnreadableFile
from recon.io import WRITERS, losses, open_events, write_events
from recon.io.checksum import checksum, places_checksum
from recon.io.conversion import stated_losses, verify
from recon.scan.events import Source, from_frames
from tests.support.strategies import scans

SUFFIXES = [suffix for writer in WRITERS for suffix in writer.SUFFIXES]
METADATA = {
    "energy": 80e3,
    "semiangle_cutoff": 21.5,
    "scan_sampling": (0.3, 0.1),
    "rotation_deg": -7.25,
    "transpose": True,
    "centre": (1.1, 2.2),
    "radius": 3.3,
    "aberrations": {"C10": 12.5, "C12a": -1e-3},
    "dose": 1e4,
    "dwell_time": 1.15e-5,
    "seed": 2**53 + 1,
    "description": 'Ångström "quoted" \\ \x7f',
}
EDGES = {
    "empty": [[]] * 6,
    "one electron": [[], [], [7], [], [], []],
    "the last pixel": [[19]] * 6,
    "the same pixel many times": [[3] * 500, [], [3, 3], [0, 19, 0], [5], []],
}


def with_places(events, seed=0):
    places = np.random.default_rng(seed).integers(0, 256, events.electrons).astype(np.uint8)
    return replace(events, subpixel=places)


def same(one, other):
    assert np.array_equal(one.pixels, other.pixels)
    assert np.array_equal(one.offsets, other.offsets)
    assert (one.scan_shape, one.frame_shape) == (other.scan_shape, other.frame_shape)
    assert one.metadata == other.metadata
    assert (one.subpixel is None) == (other.subpixel is None)
    assert one.subpixel is None or np.array_equal(one.subpixel, other.subpixel)


@pytest.fixture
def scan():
    frames = [[5, 5, 1], [], [19], [0], [2, 3], [4]]
    return with_places(from_frames(frames, (2, 3), (4, 5), metadata=METADATA))


@pytest.mark.parametrize("suffix", SUFFIXES)
class TestWhatIsWrittenIsRead:
    @given(events=scans(metadata=METADATA), places=st.booleans())
    def test_any_scan(self, suffix, events, places, tmp_path_factory):
        path = tmp_path_factory.mktemp("scan") / f"scan{suffix}"
        events = with_places(events) if places else events
        write_events(path, events)
        same(open_events(path), events)
        assert losses(path, events) == ()

    @pytest.mark.parametrize("frames", EDGES.values(), ids=EDGES)
    @pytest.mark.parametrize("places", [False, True])
    def test_edges(self, suffix, frames, places, tmp_path):
        events = from_frames(frames, (2, 3), (4, 5))
        events = with_places(events) if places else events
        write_events(tmp_path / f"scan{suffix}", events)
        same(open_events(tmp_path / f"scan{suffix}"), events)

    def test_the_last_pixel_of_a_large_detector(self, suffix, tmp_path):
        events = from_frames([[2**27 - 1, 0]], (1, 1), (2**13, 2**14))
        write_events(tmp_path / f"scan{suffix}", events)
        same(open_events(tmp_path / f"scan{suffix}"), events)

    def test_a_scan_larger_than_the_pieces_it_is_written_in(self, suffix, tmp_path):
        rng = np.random.default_rng(0)
        counts = rng.integers(0, 60_000, 300)
        pixels = rng.integers(0, 4096, counts.sum()).astype(np.uint32)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        events = replace(
            from_frames([[]] * 300, (15, 20), (64, 64)),
            pixels=pixels,
            offsets=offsets,
            subpixel=rng.integers(0, 256, pixels.size).astype(np.uint8),
        )
        write_events(tmp_path / f"scan{suffix}", events)
        same(open_events(tmp_path / f"scan{suffix}"), events)


@given(events=scans(metadata=METADATA), places=st.booleans(), data=st.data())
def test_a_chain_of_conversions_changes_nothing(events, places, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    events = with_places(events) if places else events
    found = events
    for number, suffix in enumerate(data.draw(st.permutations(SUFFIXES))):
        write_events(folder / f"{number}{suffix}", found)
        found = open_events(folder / f"{number}{suffix}")
        assert checksum(found) == checksum(events)
        assert places_checksum(found) == places_checksum(events)
    same(found, events)


def test_places_follow_their_electrons_where_a_column_is_left_out(scan, tmp_path):
    kept = [0, 1, 2, 4, 5, 6]
    for suffix in SUFFIXES:
        write_events(tmp_path / f"scan{suffix}", scan)
        found = open_events(tmp_path / f"scan{suffix}", keep_flyback=False)
        assert found.scan_shape == (2, 2)
        assert found.subpixel.tolist() == scan.subpixel[[0, 1, 2, 4, 5, 6]].tolist()
        assert found.pixels.tolist() == scan.pixels[kept].tolist()


class TestPlacesThatLie:
    def test_another_number_than_electrons_in_hdf5(self, scan, tmp_path):
        write_events(tmp_path / "scan.h5", scan)
        for wrong in (np.zeros(7, "u1"), np.zeros(8, "i1"), np.zeros((8, 1), "u1")):
            with h5py.File(tmp_path / "scan.h5", "r+") as file:
                del file["livestem/subpixel"]
                file["livestem/subpixel"] = wrong
            with pytest.raises(UnreadableFile, match="one uint8 for each of the 8 electrons"):
                open_events(tmp_path / "scan.h5")

    def test_they_lie_in_another_file(self, scan, tmp_path):
        write_events(tmp_path / "scan.h5", scan)
        write_events(tmp_path / "other.h5", scan)
        with h5py.File(tmp_path / "scan.h5", "r+") as file:
            del file["livestem/subpixel"]
            file["livestem/subpixel"] = h5py.ExternalLink("other.h5", "livestem/subpixel")
        with pytest.raises(UnreadableFile, match="one uint8 for each"):
            open_events(tmp_path / "scan.h5")

    def test_another_number_than_electrons_in_raw_csr(self, scan, tmp_path):
        write_events(tmp_path / "scan.toml", scan)
        os.truncate(tmp_path / "scan.subpixel.raw", 5)
        with pytest.raises(UnreadableFile, match="holds 5 places of uint8"):
            open_events(tmp_path / "scan.toml")

    def test_a_file_cut_off_within_them(self, scan, tmp_path):
        for suffix, side in ((".h5", "scan.h5"), (".npz", "scan.npz")):
            write_events(tmp_path / f"scan{suffix}", scan)
            os.truncate(tmp_path / side, os.path.getsize(tmp_path / side) - 3)
            with pytest.raises(UnreadableFile):
                open_events(tmp_path / f"scan{suffix}")


def test_what_is_lost_is_stated(scan, tmp_path):
    source = Source("a.tpx3", "Timepix3 raw packets, 9 hits", 4, "dropped")
    odd = replace(scan, source=source, metadata={"energy": 80e3, "colour": "blue"})
    assert stated_losses(tmp_path / "b.h5", scan) == ()
    assert stated_losses(tmp_path / "b.h5", odd) == (
        "The flyback column is left out.",
        "The 4 frames at a position become one, with the electrons of all.",
        "The times of hits, and how long they were over threshold, are not kept.",
        "Of the metadata, colour would not be kept in b.h5.",
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
class TestInterrupted:
    def test_by_the_user(self, suffix, scan, tmp_path):
        path = tmp_path / f"scan{suffix}"
        before = from_frames([[1]], (1, 1), (2, 2))

        def stop(fraction):
            raise Cancelled

        for there in ([], [before]):
            for events in there:
                write_events(path, events)
            names = sorted(os.listdir(tmp_path))
            with pytest.raises(Cancelled):
                write_events(path, scan, progress=stop)
            assert sorted(os.listdir(tmp_path)) == names
        same(open_events(path), before)

    def test_by_a_full_disk_at_any_file(self, suffix, scan, tmp_path, monkeypatch):
        path = tmp_path / f"scan{suffix}"
        before = from_frames([[1]], (1, 1), (2, 2))
        write_events(path, before)
        names = sorted(os.listdir(tmp_path))
        sync, failed = os.fsync, 0
        for good in range(9):
            left = [good]

            def full(handle, left=left):
                left[0] -= 1
                if left[0] < 0:
                    raise OSError(28, "No space left on device")
                sync(handle)

            monkeypatch.setattr(atomic.os, "fsync", full)
            try:
                write_events(path, scan)
                break
            except OSError as error:
                assert "was not written: the disk is full." in str(error)  # noqa: PT017
            failed += 1
            assert sorted(os.listdir(tmp_path)) == names
            same(open_events(path), before)
        assert failed == (5 if suffix == ".toml" else 1)
        same(open_events(path), scan)

    def test_by_the_death_of_the_process(self, suffix, scan, tmp_path):
        path = tmp_path / f"scan{suffix}"
        code = (
            "import sys, time, numpy as np\n"
            "from recon.scan.events import ElectronEvents\n"
            "from recon.io import write_events\n"
            "def wait(fraction):\n"
            "    if fraction > 0.3: print('half', flush=True); time.sleep(600)\n"
            "n = 20_000_000\n"
            "events = ElectronEvents(np.zeros(n, np.uint32), np.linspace(0, n, 101).astype(int),"
            " (10, 10), (4, 4))\n"
            "write_events(sys.argv[1], events, progress=wait)\n"
        )
        with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as done:
            assert done.stdout.readline() == b"half\n"
            done.send_signal(signal.SIGKILL)
        assert done.returncode == -signal.SIGKILL
        assert not path.exists()
        left = [name for name in os.listdir(tmp_path) if name.endswith(".part")]
        assert left == os.listdir(tmp_path)
        assert len(left) == (3 if suffix == ".toml" else 1)
        for name in left:
            os.utime(tmp_path / name, (time.time() - 60,) * 2)
        # The next writer takes nothing of it, and tidies up.
        write_events(path, scan)
        same(open_events(path), scan)
        assert len(os.listdir(tmp_path)) == (5 if suffix == ".toml" else 1)


def test_what_another_process_still_writes_is_not_tidied_up(tmp_path):
    path = tmp_path / "scan.h5"
    with atomic.replacing(path) as file:
        file.write(b"first")
        file.flush()
        (part,) = tmp_path.iterdir()
        os.utime(part, (time.time() - 60,) * 2)
        with atomic.replacing(path) as other:
            other.write(b"second")
        assert path.read_bytes() == b"second"
        assert part.exists()
    assert path.read_bytes() == b"first"


def test_files_that_only_look_alike_are_not_tidied_up(tmp_path):
    for name in (".scan.h5.part", ".scan.h5.abcdefgh.part2", ".other.h5.abcdefgh.part", "scan.h5x"):
        (tmp_path / name).write_bytes(b"mine")
        os.utime(tmp_path / name, (time.time() - 60,) * 2)
    with atomic.replacing(tmp_path / "scan.h5") as file:
        file.write(b"new")
    assert len(os.listdir(tmp_path)) == 5


@pytest.mark.parametrize("suffix", SUFFIXES)
class TestVerified:
    def test_the_same(self, suffix, scan, tmp_path):
        path = tmp_path / f"scan{suffix}"
        write_events(path, scan)
        verify(path, checksum(scan), places_checksum(scan))
        assert path.exists()

    def test_another_electron_or_place_or_no_file(self, suffix, scan, tmp_path):
        path = tmp_path / f"scan{suffix}"
        good = checksum(scan), places_checksum(scan)
        for electrons, places, match in (
            ("0" * 16, good[1], f"its electrons have the checksum {good[0]}, not 0000"),
            (good[0], "0" * 16, f"the places of its electrons have the checksum {good[1]}"),
            (good[0], None, "not None"),
        ):
            write_events(path, scan)
            with pytest.raises(OSError, match=match):
                verify(path, electrons, places)
            assert os.listdir(tmp_path) == []

    def test_no_memory_to_check_it_with(self, suffix, scan, tmp_path, monkeypatch):
        path = tmp_path / f"scan{suffix}"
        write_events(path, scan)

        def full(*arguments, **options):
            raise MemoryError

        for writer in WRITERS:
            monkeypatch.setattr(writer, "read", full)
        with pytest.raises(OSError, match="not enough memory to check it"):
            verify(path, checksum(scan), places_checksum(scan))
        assert path.exists()
