"""The compact event file, and what all formats share: metadata, atomic writing, refusals."""

import json
import os
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recon.io.events.npz
from recon.errors import UnreadableFile
from recon.io import describe, open_events, statement, write_events
from recon.io.checksum import checksum
from recon.scan.events import from_frames

FRAMES = [[1, 2], [], [19], [3, 3, 4], [0], [7, 8]]


METADATA = {
    "energy": 80e3,
    "semiangle_cutoff": 25.0,
    "scan_sampling": (0.3, 0.25),
    "rotation_deg": -12.5,
    "transpose": True,
    "centre": (1.5, 2.25),
    "radius": 1.75,
    "aberrations": {"C10": -120.0, "C12a": 20.0},
    "dose": 2000.0,
    "dwell_time": 1.15e-5,
    "seed": 7,
    "description": "Tellurium in a nanotube, 2 × 10³ e/Å²",
}


@pytest.fixture
def events():
    return from_frames(FRAMES, (2, 3), (4, 5), metadata=dict(METADATA))


@pytest.fixture(params=[".h5", ".npz"])
def path(tmp_path, request):
    return tmp_path / f"scan{request.param}"


@pytest.fixture
def npz(tmp_path):
    return tmp_path / "scan.npz"


def arrays(**changes):
    values = {
        "pixels": np.array([1, 2, 19, 3], np.uint32),
        "offsets": np.array([0, 2, 2, 4], np.int64),
        "scan_shape": np.array([1, 3]),
        "frame_shape": np.array([4, 5]),
    } | changes
    return {name: value for name, value in values.items() if value is not None}


def refused(path, match, **options):
    with pytest.raises(UnreadableFile, match=match) as caught:
        open_events(path, **options)
    assert str(caught.value).startswith(path.name)
    assert "\n" not in str(caught.value)


def test_what_is_written_is_read(path, events):
    write_events(path, events)
    back = open_events(path)
    assert np.array_equal(back.pixels, events.pixels)
    assert np.array_equal(back.offsets, events.offsets)
    assert (back.scan_shape, back.frame_shape) == ((2, 3), (4, 5))
    assert back.metadata == METADATA
    assert describe(back) | {"format": "", "statement": ""} == {
        "checksum": checksum(events),
        "places_checksum": None,
        "format": "",
        "statement": "",
        "scan_shape": [2, 3],
        "frame_shape": [4, 5],
        "electrons": 9,
        "metadata": METADATA,
        "frames_per_position": 1,
        "flyback": "none",
        "notes": [],
        "empty_frames": 1,
        "electrons_per_frame": {"mean": 1.5, "min": 0, "max": 3},
    }
    json.dumps(describe(back))


def test_what_was_found_is_one_sentence(tmp_path, events):
    write_events(tmp_path / "scan.npz", events)
    assert statement(open_events(tmp_path / "scan.npz")) == (
        "event NPZ: 9 electrons (1.5 a position) at 2 × 3 positions, on a detector of 4 × 5 pixels."
    )


@settings(deadline=None, max_examples=40)
@given(
    data=st.data(),
    scan=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    detector=st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
)
def test_any_scan_survives(data, scan, detector, tmp_path_factory):
    frame = st.lists(st.integers(0, detector[0] * detector[1] - 1), max_size=20)
    count = scan[0] * scan[1]
    frames = data.draw(st.lists(frame, min_size=count, max_size=count))
    path = tmp_path_factory.mktemp("round") / "scan.npz"
    write_events(path, from_frames(frames, scan, detector))
    back = open_events(path)
    assert [frame.tolist() for frame in back.frames()] == frames
    assert (back.scan_shape, back.frame_shape) == (scan, detector)


def test_equal_events_are_equal_files(tmp_path, events):
    write_events(tmp_path / "one.npz", events)
    write_events(tmp_path / "two.npz", events)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_numpy_reads_and_writes_it(npz, events, save):
    write_events(npz, events)
    with np.load(npz, allow_pickle=False) as found:
        content = dict(found)
    assert content["pixels"].tolist() == [1, 2, 19, 3, 3, 4, 0, 7, 8]
    save(npz, **content)
    assert open_events(npz).metadata == METADATA
    assert np.array_equal(open_events(npz).pixels, events.pixels)


def test_content_decides_and_not_the_suffix(tmp_path, events):
    for written, read in ((".h5", ".npz"), (".npz", ".h5"), (".h5", ""), (".npz", ".data")):
        write_events(tmp_path / f"a{written}", events)
        (tmp_path / f"a{written}").rename(tmp_path / f"b{read}")
        assert open_events(tmp_path / f"b{read}").electrons == 9


def test_an_archive_of_frames_is_told_from_one_of_events(npz):
    np.savez(npz, data=np.zeros((2, 3, 4, 5)), mask=np.zeros(3))
    with pytest.raises(UnreadableFile, match=r"holds data, mask, and no electron events.*\.npy"):
        open_events(npz)


def test_flyback_and_scan_shape_on_request(npz, events):
    write_events(npz, events)
    assert open_events(npz, keep_flyback=True).scan_shape == (2, 3)
    assert open_events(npz, scan_shape=(3, 2)).scan_shape == (3, 2)
    dropped = open_events(npz, keep_flyback=False)
    assert dropped.scan_shape == (2, 2)
    assert [frame.tolist() for frame in dropped.frames()] == [[1, 2], [], [3, 3, 4], [0]]
    assert dropped.source.flyback == "dropped"
    refused(npz, "6 frames do not fill a scan of 7 × 1", scan_shape=(7, 1))


class TestMetadata:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"energy": -1.0},
            {"energy": np.nan},
            {"energy": 3e8},  # eV taken for keV
            {"semiangle_cutoff": 21_400},  # µrad taken for mrad
            {"scan_sampling": (1e10, 1e10)},  # 1 m
            {"scan_sampling": 0.3},
            {"scan_sampling": (0.3, 0.0)},
            {"transpose": "perhaps"},
            {"aberrations": 5.0},
            {"seed": 2**80},
            {"colour": "blue"},
        ],
    )
    def test_entries_that_make_no_sense_are_left_out(self, path, wrong):
        events = from_frames(FRAMES, (2, 3), (4, 5), metadata={**METADATA, **wrong})
        write_events(path, events)
        expected = {name: value for name, value in METADATA.items() if name not in wrong}
        assert open_events(path).metadata == expected

    def test_foreign_entries_in_hdf5(self, tmp_path, events):
        path = tmp_path / "scan.h5"
        write_events(path, events)
        with h5py.File(path, "a") as file:
            group = file["metadata"]
            group.attrs["energy"] = "eighty"
            group.attrs["radius"] = h5py.Empty("f4")
            group.attrs["centre"] = np.zeros((2, 2))
            group.attrs["semiangle_cutoff"] = np.float32(30)
            group["aberrations"].attrs["C10"] = [1.0, 2.0]
            group["microscope"] = "of no interest"
        found = open_events(path).metadata
        gone = ("energy", "radius", "centre", "aberrations")
        expected = {name: value for name, value in METADATA.items() if name not in gone}
        assert found == expected | {"semiangle_cutoff": 30.0}

    @pytest.mark.parametrize("content", ["no JSON", "[1, 2]", "[" * 100_000, 7.5, "null"])
    def test_broken_json(self, npz, content):
        np.savez(npz, **arrays(metadata=np.array(content)))
        assert open_events(npz).metadata == {}


class TestBadInput:
    def test_missing_file(self, tmp_path):
        refused(tmp_path / "none.h5", "No such file")

    def test_folder(self, tmp_path):
        refused(tmp_path, "folder")

    def test_pipe(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.h5")
        refused(tmp_path / "pipe.h5", "not an ordinary file")

    def test_no_permission(self, path, events, monkeypatch):
        write_events(path, events)

        def denied(*args, **kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("builtins.open", denied)
        refused(path, "Permission denied")

    @pytest.mark.parametrize("content", [b"", b"text", b"PK", b"\x89HDF", bytes(2000)])
    def test_of_no_known_format(self, path, content):
        path.write_bytes(content)
        refused(path, "is empty|of no known format")

    @pytest.mark.parametrize("content", [b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"])
    @pytest.mark.parametrize("rest", [b"", bytes(100), b"\xff" * 5000])
    def test_nothing_but_a_signature(self, path, content, rest):
        path.write_bytes(content + rest)
        refused(path, "damaged|truncated")

    @pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
    def test_truncated(self, path, events, kept):
        write_events(path, events)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * kept)])
        refused(path, "damaged|truncated|no dataset")

    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    def test_damaged_anywhere(self, npz, save):
        save(npz, **arrays())
        content, rng = npz.read_bytes(), np.random.default_rng(2)
        for place in rng.integers(0, len(content), 300):
            damaged = bytearray(content)
            damaged[place : place + 6] = rng.bytes(6)
            npz.write_bytes(damaged)
            try:
                open_events(npz)
            except UnreadableFile:
                continue

    @pytest.mark.parametrize(
        ("changes", "match"),
        [
            ({"pixels": None}, "no array 'pixels'"),
            ({"scan_shape": None}, "no array 'scan_shape'"),
            ({"pixels": np.array([1.0, 2, 3, 4])}, "pixels must be .* of uint32"),
            ({"pixels": np.array([[1, 2, 3, 4]], np.uint32)}, "one-dimensional"),
            ({"offsets": np.array([0, 2, 2, 4], np.int32)}, "offsets must be .* of int64"),
            ({"offsets": np.array([0, 2, 4])}, "2 frames do not fill a scan of 1 × 3"),
            ({"offsets": np.array([0, 3, 2, 4])}, "offsets decrease"),
            ({"offsets": np.array([0, 2, 2, 5])}, "offsets run from 0 to 5"),
            ({"scan_shape": np.array([0, 3])}, "scan is empty"),
            ({"scan_shape": np.array([1, 3, 1])}, "scan_shape must be two integers"),
            ({"scan_shape": np.array([2**40, 2**40])}, "do not fill"),
            ({"frame_shape": np.array([4, 0])}, "detector is empty"),
            ({"frame_shape": np.array([2**20, 2**20])}, "no detector has"),
            ({"frame_shape": np.array([2, 5])}, "Pixel index 19 at scan position 2 lies outside"),
            ({"frame_shape": np.array(["4", "5"])}, "frame_shape must be two integers"),
        ],
    )
    def test_arrays_that_do_not_fit(self, npz, changes, match):
        np.savez(npz, **arrays(**changes))
        refused(npz, match)

    def test_pickled_objects_are_not_loaded(self, npz):
        np.savez(npz, **arrays(frame_shape=np.array([print, print], object)))
        refused(npz, "frame_shape must be two integers")

    def test_nothing_is_allocated_on_the_word_of_a_header(self, npz):
        header = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<u4', 'fortran_order': False, "
        header += b"'shape': (4000000000000,), }".ljust(128 - len(header) - 1) + b"\n"
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            np.savez(npz, **arrays(pixels=None))
            with zipfile.ZipFile(npz, "a", compression) as archive:
                archive.writestr("pixels.npy", header + bytes(64))
            refused(npz, "pixels claims 16000000000000 bytes")

    def test_no_bomb(self, npz, monkeypatch):
        monkeypatch.setattr(recon.io.events.npz, "ALLOWANCE", 1 << 20)
        np.savez_compressed(npz, **arrays(pixels=np.zeros(10**7, np.uint32)))
        refused(npz, "pixels claims 40000000 bytes")
