"""LiberTEM's raw CSR: as its documentation describes it, and as we write it."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recon.io.events.libertem_csr as libertem_csr
from recon.errors import UnreadableFile
from recon.io import open_events, write_events
from recon.scan.events import from_frames
from tests.support.strategies import dense, scans

FRAMES = [[1, 2], [], [19], [3, 3, 4], [0], [7, 8]]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan.toml"


def store(path, indptr, indices, data, nav=(2, 3), sig=(4, 5), names=None, **changes):
    """A file with its side files, the way LiberTEM's documentation writes it."""
    arrays = {"indptr": indptr, "indices": indices, "data": data}
    lines = ["[params]", 'filetype = "raw_csr"', f"nav_shape = {list(nav)}",
             f"sig_shape = {list(sig)}", "[raw_csr]"]  # fmt: skip
    for name, array in arrays.items():
        side = (names or {}).get(name, f"{name}.dat")
        if array is not None:
            array.tofile(path.parent / f"{name}.dat")
        dtype = changes.get(f"{name}_dtype", array.dtype.str if array is not None else "<i4")
        lines += [f"{name}_file = '{side}'", f"{name}_dtype = '{dtype}'"]
    path.write_text("\n".join(lines))
    return path


def small(path, indptr=(0, 2, 2, 3, 5, 6, 8), indices=(1, 2, 19, 3, 4, 0, 7, 8),
          data=(1, 1, 1, 2, 1, 1, 1, 1), types=("<i4", "<i4", "<i4"), **options):  # fmt: skip
    arrays = (np.array(a, t) for a, t in zip((indptr, indices, data), types, strict=True))
    return store(path, *arrays, **options)


def frames_of(events):
    return [frame.tolist() for frame in events.frames()]


def refused(path, match, **options):
    with pytest.raises(UnreadableFile, match=match) as caught:
        open_events(path, **options)
    assert str(caught.value).startswith(path.name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "types",
    [("<i4", "<i4", "<i4"), ("<i8", "<u4", "|u1"), ("<u4", "<i8", "<f4"), (">i4", ">u2", ">f8"),
     ("int64", "uint32", "float64")],
)  # fmt: skip
def test_any_types_of_numbers(path, types):
    events = open_events(small(path, types=types))
    assert frames_of(events) == FRAMES
    assert (events.scan_shape, events.frame_shape) == ((2, 3), (4, 5))
    assert events.source.format == "LiberTEM raw CSR"
    assert events.pixels.flags.c_contiguous


def test_counts_of_one_are_the_pixels_in_memory_of_our_own(path):
    events = open_events(small(path, data=[1] * 8))
    assert events.pixels.dtype == np.uint32
    assert events.electrons == 8
    for side in path.parent.glob("*.raw"):
        side.write_bytes(b"")
    events.check_pixels()
    assert frames_of(events)[0]


def test_counts_may_be_left_out(path):
    small(path)
    text = [line for line in path.read_text().splitlines() if not line.startswith("data_")]
    path.write_text("\n".join(text))
    assert open_events(path).electrons == 8


def test_zeros_are_no_electrons(path):
    assert frames_of(open_events(small(path, data=[0, 1, 0, 0, 3, 0, 0, 1])))[3] == [4, 4, 4]


def test_a_scan_shape_is_asked_for_where_the_file_has_none(path):
    refused(small(path, nav=(6,)), r"6 frames and does not say .* 2 × 3 or 3 × 2")
    events = open_events(path, scan_shape=(3, 2))
    assert events.source.notes == ()  # what is a list of six is no contradiction
    (note,) = open_events(small(path, nav=(2, 3)), scan_shape=(3, 2)).source.notes
    assert note.startswith("The file states a scan of 2 × 3 positions")
    refused(small(path, nav=(4, 3)), r"6 frames do not fill a scan of 4 × 3")


@given(
    events=scans(metadata={"energy": 3e5, "description": 'a "b"\\ \x7f é 😀'}), pieces=st.booleans()
)
def test_what_is_written_is_read(events, pieces, tmp_path_factory):
    path = tmp_path_factory.mktemp("csr") / "scan.toml"
    before, libertem_csr.PIECE = libertem_csr.PIECE, 5 if pieces else libertem_csr.PIECE
    try:
        write_events(path, events)
    finally:
        libertem_csr.PIECE = before
    back = open_events(path)
    assert np.array_equal(back.pixels, events.pixels)
    assert np.array_equal(back.offsets, events.offsets)
    assert (back.scan_shape, back.frame_shape) == (events.scan_shape, events.frame_shape)
    assert back.metadata == events.metadata


@given(scans())
def test_what_is_written_is_scipys_csr(tmp_path_factory, events):
    sparse = pytest.importorskip("scipy.sparse")
    path = tmp_path_factory.mktemp("csr") / "scan.toml"
    write_events(path, events)
    types = (("indptr", "<i8"), ("indices", "<i4"), ("data", "u1"))
    columns = {n: np.fromfile(path.with_name(f"scan.{n}.raw"), dtype) for n, dtype in types}
    shape = (events.positions, events.frame_shape[0] * events.frame_shape[1])
    parts = (columns["data"].astype(int), columns["indices"], columns["indptr"])
    matrix = sparse.csr_array(parts, shape=shape)
    assert np.array_equal(matrix.toarray().reshape(dense(events).shape), dense(events))


def test_writing_anew_replaces_all_files(path):
    one, other = (from_frames([[n]] * 6, (2, 3), (4, 5)) for n in (3, 4))
    for events in (one, other, one, other):
        write_events(path, events)
        assert open_events(path).pixels.tolist() == events.pixels.tolist()
        assert len(os.listdir(path.parent)) == 4


def test_writing_that_fails_leaves_what_was_there(path, monkeypatch):
    write_events(path, from_frames([[3]] * 6, (2, 3), (4, 5)))

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_events(path, from_frames([[4]] * 6, (2, 3), (4, 5)), progress=stop)
    assert len(os.listdir(path.parent)) == 4
    assert open_events(path).pixels.tolist() == [3] * 6


class TestFilesBeside:
    @pytest.mark.parametrize(
        "name", ["/etc/passwd", "../indices.dat", "sub/indices.dat", "..", "a\\\\b", ".", "x" * 300]
    )
    def test_they_lie_next_to_the_toml_file(self, path, name):
        (path.parent / "sub").mkdir()
        refused(small(path, names={"indices": name}), "does not lie next to the TOML file")

    def test_they_are_there(self, path):
        small(path)
        os.remove(path.with_name("indices.dat"))
        refused(path, "indices.dat: No such file")

    def test_they_are_ordinary_files(self, path):
        small(path)
        os.remove(path.with_name("data.dat"))
        os.mkfifo(path.with_name("data.dat"))
        refused(path, "data.dat is not an ordinary file")

    def test_links_in_a_circle(self, path):
        small(path)
        os.remove(path.with_name("data.dat"))
        os.symlink("data.dat", path.with_name("data.dat"))
        refused(path, "data.dat: Too many levels")


class TestDamage:
    @pytest.mark.parametrize(
        ("changes", "match"),
        [
            ({"indptr": (0, 2, 2, 3, 5, 6)}, "5 frames do not fill a scan of 2 × 3"),
            ({"indptr": (0, 2, 1, 3, 5, 6, 8)}, "indptr does not rise"),
            ({"indptr": (1, 2, 2, 3, 5, 6, 8)}, "indptr does not rise from 0"),
            ({"indptr": (0, 2, 2, 3, 5, 6, 9)}, "9 counts, but the files hold 8: truncated"),
            ({"indptr": (0, 2, 2, 3, 5, 6, 7)}, "7 counts, but the files hold 8: is a type"),
            ({"indices": (1, 2, 19, 3, 20, 0, 7, 8)}, "index 20 at scan position 3 lies outside"),
            ({"indices": (1, 2, -1, 3, 4, 0, 7, 8)}, "index 4294967295 at scan position 2"),
            ({"data": (1, 1, 1, -2, 1, 1, 1, 1)}, "a count of -2 is none"),
            (
                {"data": (1, 1, 1, 2**31 - 1, 1, 1, 1, 1)},
                "more than .* electrons: open it as dense",
            ),
            ({"data": (1, 1)}, "speaks of 8 counts, but the files hold 2"),
            ({"indices": ()}, "speaks of 8 counts, but the files hold 0"),
            ({"indptr": ()}, "no positions"),
            ({"sig": (4,)}, "the detector's shape must be two whole numbers"),
            ({"sig": (2**40, 2**40)}, "no detector has"),
            ({"nav": (2**40, 2**40)}, "6 frames do not fill"),
            ({"data_dtype": "O"}, "data_dtype is no type of numbers: 'O'"),
            ({"data_dtype": "(9999999,9999)i4"}, "data_dtype is no type of numbers"),
            ({"data_dtype": "<u8"}, "speaks of 8 counts, but the files hold 4"),
            ({"indptr_dtype": "<f4"}, "indptr cannot be of type float32"),
        ],
    )
    def test_numbers_that_do_not_fit(self, path, changes, match):
        refused(small(path, **changes), match)

    def test_counts_that_are_no_whole_numbers(self, path):
        data = (1, 1, 1, 1.5, 1, 1, 1, 1)
        refused(small(path, data=data, types=("<i4", "<i4", "<f4")), "1.5 is no whole number")
        data = (1, 1, 1, float("nan"), 1, 1, 1, 1)
        refused(small(path, data=data, types=("<i4", "<i4", "<f4")), "a count of nan is none")

    def test_files_cut_off(self, path):
        small(path)
        side = path.with_name("indices.dat")
        side.write_bytes(side.read_bytes()[:-1])
        refused(path, "indices.dat has 31 bytes, no whole number of int32")

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ("[raw_csr]\nindptr_file = ", "its TOML is damaged"),
            ("[raw_csr]\nx = 1", r"no table \[params\]"),
            ("raw_csr = 5\n[params]\nfiletype = 'raw_csr'", r"no table \[raw_csr\]"),
            ("[params]\n[raw_csr]\nindptr_file = 5", "indptr_file is not the name"),
            ("[raw_csr]\na = " + "[" * 5000, "its TOML is damaged"),
            ("[raw_csr]\n\xff", "its TOML is damaged"),
        ],
    )
    def test_text_that_is_no_header(self, path, text, match):
        path.write_bytes(text.encode("latin-1"))
        refused(path, match)
