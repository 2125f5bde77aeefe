"""4D Camera HDF5: files made by hand from the layout's description, good and bad."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recon.io.events.heap
import recon.io.events.ragged
from recon.errors import Cancelled, UnreadableFile
from recon.io import describe, open_events, write_events
from recon.io.checksum import checksum
from recon.scan.events import from_frames
from tests.support.camera_files import DETECTOR, FRAMES, SCAN, frames_of, store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan.h5"


@pytest.fixture(params=["by reference", "by h5py"])
def way(request, monkeypatch):
    """Both ways of reading rows."""
    if request.param == "by h5py":
        monkeypatch.setattr(recon.io.events.ragged, "_references", lambda dataset: None)


@pytest.mark.usefixtures("way")
class TestVersions:
    @pytest.mark.parametrize("version", [None, 1, 2, 3])
    def test_one_frame_a_position(self, path, version):
        events = open_events(store(path, FRAMES, version=version), keep_flyback=True)
        assert frames_of(events) == FRAMES
        assert (events.scan_shape, events.frame_shape) == (SCAN, DETECTOR)
        assert events.source.format == f"4D Camera HDF5, version {version or 1}"

    @pytest.mark.parametrize("version", [None, 1, 2, 3])
    def test_the_last_column_is_dropped_as_flyback(self, path, version):
        events = open_events(store(path, FRAMES, version=version))
        assert events.scan_shape == (2, 2)
        assert frames_of(events) == [[1, 2], [], [3, 3, 4], [0]]
        assert events.source.flyback == "dropped"

    def test_version_2_rows_come_repeated_and_in_any_order(self, path):
        rows, positions = [[1], [2], [3], [4], [5]], [5, 0, 5, 2, 0]
        events = open_events(store(path, rows, version=2, positions=positions), keep_flyback=True)
        assert frames_of(events) == [[2, 5], [], [4], [], [], [1, 3]]
        assert events.source.frames_per_position == 2

    def test_version_2_drops_the_flyback_of_unordered_rows(self, path):
        rows, positions = [[1], [2], [3], [4], [5]], [5, 3, 4, 2, 0]
        events = open_events(store(path, rows, version=2, positions=positions))
        assert frames_of(events) == [[5], [], [2], [3]]

    def test_version_1_takes_positions_twice(self, path):
        rows, positions = [*FRAMES, [9]], [0, 1, 2, 3, 4, 5, 1]
        events = open_events(store(path, rows, version=1, positions=positions), keep_flyback=True)
        assert frames_of(events)[1] == [9]

    def test_version_3_merges_the_frames_of_a_position(self, path):
        rows = [[n] for n in range(12)]
        events = open_events(store(path, rows), keep_flyback=True)
        assert frames_of(events) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]
        assert describe(events)["frames_per_position"] == 2

    def test_version_3_follows_another_order_of_positions(self, path):
        events = open_events(
            store(path, [[n] for n in range(6)], positions=[5, 4, 3, 2, 1, 0]), keep_flyback=True
        )
        assert frames_of(events) == [[5], [4], [3], [2], [1], [0]]

    def test_version_3_ignores_a_list_that_is_no_order(self, path):
        events = open_events(store(path, FRAMES, positions=[0] * 6), keep_flyback=True)
        assert frames_of(events) == FRAMES

    @pytest.mark.parametrize("dtype", ["<u2", "<i4", "<u8"])
    def test_any_integer_type(self, path, dtype):
        events = open_events(store(path, FRAMES, dtype=dtype), keep_flyback=True)
        assert frames_of(events) == FRAMES

    @pytest.mark.parametrize(
        "storage",
        [
            {"chunks": (4,)},
            {"chunks": (4,), "compression": "gzip", "shuffle": True},
            {"file": {"userblock_size": 512}},
            {"file": {"libver": "latest"}},
            {"chunks": (2,), "maxshape": (None,), "file": {"libver": "latest"}},
        ],
    )
    def test_any_way_of_storing_rows(self, path, storage):
        events = open_events(store(path, FRAMES, **storage), keep_flyback=True)
        assert frames_of(events) == FRAMES

    def test_a_frame_larger_than_the_window(self, path, monkeypatch):
        monkeypatch.setattr(recon.io.events.ragged, "WINDOW", 4096)
        rows = [np.arange(n) % 20 for n in (5, 9000, 0, 3, 2000, 1)]
        events = open_events(store(path, rows), keep_flyback=True)
        assert frames_of(events) == [row.tolist() for row in rows]

    def test_rows_overwritten_in_place(self, path):
        store(path, FRAMES)
        with h5py.File(path, "a") as file:
            file["electron_events/frames"][3] = np.arange(15, dtype=np.uint32)
            file["electron_events/frames"][0] = np.array([5], np.uint32)
        events = open_events(path, keep_flyback=True)
        assert frames_of(events) == [[5], [], [19], list(range(15)), [0], [7, 8]]


class TestFlyback:
    @pytest.mark.parametrize(
        ("declared", "asked", "columns", "said"),
        [
            (None, None, 2, "dropped"),
            (None, True, 3, "kept"),
            (None, False, 2, "dropped"),
            (False, None, 3, "none"),
            (False, True, 3, "none"),
            (False, False, 2, "dropped"),
            (True, None, 2, "dropped"),
            (True, True, 3, "kept"),
        ],
    )
    def test_rule(self, path, declared, asked, columns, said):
        attributes = {} if declared is None else {"livestem_flyback": declared}
        store(path, FRAMES, attributes=attributes)
        events = open_events(path, keep_flyback=asked)
        assert (events.scan_shape[1], events.source.flyback) == (columns, said)

    def test_a_single_column_is_kept(self, path):
        events = open_events(store(path, FRAMES, scan=(6, 1)))
        assert events.scan_shape == (6, 1)
        with pytest.raises(UnreadableFile, match="single column"):
            open_events(path, keep_flyback=False)

    def test_events_in_the_flyback_need_no_place_on_the_detector(self, path):
        frames = [[1], [2], [20], [3], [4], [5]]
        assert open_events(store(path, frames)).electrons == 4
        with pytest.raises(UnreadableFile, match="Pixel index 20 at scan position 2"):
            open_events(path, keep_flyback=True)


@pytest.mark.parametrize("attributes", [(24, 40), (40, 24)])
def test_a_detector_that_is_not_square_and_whose_sides_are_swapped(path, attributes):
    """24 × 40 pixels with a disc, described as we do and as stempy does."""
    rng = np.random.default_rng(4)
    angle, radius = rng.uniform(0, 2 * np.pi, 60_000), 9 * np.sqrt(rng.uniform(size=60_000))
    y, x = np.rint(12 + radius * np.sin(angle)), np.rint(20 + radius * np.cos(angle))
    rows = (y * 40 + x).astype(int).reshape(6, -1)
    events = open_events(store(path, rows, detector=attributes), keep_flyback=True)
    assert events.frame_shape == (24, 40)
    assert ("counts rows" in events.source.format) == (attributes == (40, 24))


def test_noise_says_nothing_of_the_sides_of_a_detector(path):
    rows = np.random.default_rng(5).integers(0, 24 * 40, (6, 10_000))
    assert open_events(store(path, rows, detector=(40, 24))).frame_shape == (40, 24)


def test_the_scan_shape_can_be_given(path):
    store(path, FRAMES)
    assert open_events(path, scan_shape=(3, 2)).scan_shape == (3, 1)
    with pytest.raises(UnreadableFile, match="4 × 2 = 8 positions does not fit 6 frames"):
        open_events(path, scan_shape=(4, 2))


@pytest.mark.parametrize("written", [True, False])
def test_a_million_empty_frames(path, written):
    with h5py.File(path, "w") as file:
        file.attrs["version"] = 3
        frames = file.create_dataset("electron_events/frames", (10**6,), h5py.vlen_dtype("<u4"))
        frames.attrs["Nx"] = frames.attrs["Ny"] = 576
        if written:
            frames[0] = np.empty(0, np.uint32)
        scan = file.create_dataset("electron_events/scan_positions", data=np.arange(10**6))
        scan.attrs["Nx"] = scan.attrs["Ny"] = 1000
    events = open_events(path)
    assert describe(events) == {
        "checksum": checksum(events),
        "places_checksum": None,
        "format": "4D Camera HDF5, version 3",
        "statement": "4D Camera HDF5, version 3: 0 electrons (0 a position) at 1000 × 999 "
        "positions, on a detector of 576 × 576 pixels.",
        "scan_shape": [1000, 999],
        "frame_shape": [576, 576],
        "electrons": 0,
        "metadata": {},
        "frames_per_position": 1,
        "flyback": "dropped",
        "notes": [],
        "empty_frames": 999_000,
        "electrons_per_frame": {"mean": 0.0, "min": 0, "max": 0},
    }


@st.composite
def scans(draw):
    scan = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    detector = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    frame = st.lists(st.integers(0, detector[0] * detector[1] - 1), max_size=30)
    count = scan[0] * scan[1]
    frames = draw(st.lists(frame, min_size=count, max_size=count))
    return from_frames(frames, scan, detector)


@pytest.mark.parametrize("length", [0, 1, 3])
def test_frames_of_equal_length(path, length):
    write_events(path, from_frames([[2] * length] * 6, SCAN, DETECTOR))
    assert frames_of(open_events(path)) == [[2] * length] * 6


@settings(deadline=None, max_examples=40)
@given(events=scans())
def test_what_is_written_is_read(events, tmp_path_factory):
    path = tmp_path_factory.mktemp("round") / "scan.h5"
    write_events(path, events)
    back = open_events(path)
    assert np.array_equal(back.pixels, events.pixels)
    assert np.array_equal(back.offsets, events.offsets)
    assert (back.scan_shape, back.frame_shape) == (events.scan_shape, events.frame_shape)
    assert back.source.flyback == "none"


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 400))
def test_both_ways_of_reading_agree(seed, rows, tmp_path_factory):
    rng = np.random.default_rng(seed)
    frames = [rng.integers(0, 20, rng.integers(0, 300) * rng.integers(0, 2)) for _ in range(rows)]
    path = tmp_path_factory.mktemp("ways") / "scan.h5"
    store(path, frames, scan=(rows, 1), version=2, positions=rng.integers(0, rows, rows))
    by_reference = open_events(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recon.io.events.ragged, "_references", lambda dataset: None)
        by_h5py = open_events(path)
    assert np.array_equal(by_reference.pixels, by_h5py.pixels)
    assert np.array_equal(by_reference.offsets, by_h5py.offsets)


@settings(deadline=None, max_examples=25)
@given(
    lengths=st.lists(st.integers(0, 30) | st.sampled_from([3000, 16380, 17000, 90_000])),
    piece=st.sampled_from([4096, 100_000, 1 << 24]),
)
def test_h5py_reads_what_is_written(lengths, piece, tmp_path_factory):
    lengths.append(2)
    frames = [np.arange(n, dtype=np.uint32) % 20 for n in lengths]
    path = tmp_path_factory.mktemp("h5py") / "scan.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recon.io.events.heap, "PIECE", piece)
        write_events(path, from_frames(frames, (len(frames), 1), DETECTOR))
    with h5py.File(path, "a") as file:
        assert file.attrs["version"] == 3
        group = file["electron_events"]
        assert group["scan_positions"][()].tolist() == list(range(len(frames)))
        assert dict(group["scan_positions"].attrs) == {"Ny": len(frames), "Nx": 1}
        found = group["frames"][()]
        assert all(np.array_equal(*pair) for pair in zip(found, frames, strict=True))
        # Others may add to the file.
        group["frames"][-1] = np.array([7, 8, 9], np.uint32)
        group["more"] = np.arange(1000)
    with h5py.File(path) as file:
        group = file["electron_events"]
        assert group["more"][-1] == 999
        assert group["frames"][-1].tolist() == [7, 8, 9]
        assert all(
            np.array_equal(*pair) for pair in zip(group["frames"][:-1], frames[:-1], strict=True)
        )


def test_progress_rises_to_one_and_can_stop_the_reading(path, monkeypatch):
    monkeypatch.setattr(recon.io.events.ragged, "WINDOW", 4096)
    store(path, [np.arange(2000) % 20] * 60, scan=(60, 1))
    seen = []
    open_events(path, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert len(seen) > 5

    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        open_events(path, progress=stop)


def test_real_scan(shared_data):
    """127 × 127 positions, one frame each; it does not say that it has no flyback column."""
    path = shared_data / "virus_4dcamera_v3.h5"
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    events = open_events(path, keep_flyback=True)
    assert (events.scan_shape, events.frame_shape) == ((127, 127), (256, 256))
    assert events.electrons == 14_716_187
    assert open_events(path).scan_shape == (127, 126)
