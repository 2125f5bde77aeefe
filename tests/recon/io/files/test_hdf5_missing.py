"""What an HDF5 file promises and does not hold, and which of its arrays is the scan."""

import h5py
import numpy as np
import pytest

from recon.errors import ArrayUnknown, UnreadableFile
from recon.io import open_frames, open_scan
from recon.quality.health import health

SHAPE = (4, 5, 6, 7)
DATA = np.random.default_rng(0).poisson(20, SHAPE).astype(np.uint16)


@pytest.fixture
def parts(tmp_path):
    """Four files with a row each; how a source is made of one."""
    for number, row in enumerate(DATA):
        with h5py.File(tmp_path / f"part{number}.h5", "w") as file:
            file["data"] = row[None]
    return [h5py.VirtualSource(f"part{n}.h5", "data", (1, *SHAPE[1:])) for n in range(4)]


def virtual(path, sources, shape=SHAPE, fill=0):
    layout = h5py.VirtualLayout(shape, "u2")
    for row, source in enumerate(sources):
        layout[row : row + source.shape[0]] = source
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("data", layout, fillvalue=fill)
    return path


def numbered(path):
    """A virtual dataset of part0.h5, part1.h5, … as far as they go."""
    endless = h5py.h5s.UNLIMITED
    space = h5py.h5s.create_simple(SHAPE, (endless, *SHAPE[1:]))
    space.select_hyperslab((0,) * 4, (endless, 1, 1, 1), (1,) * 4, (1, *SHAPE[1:]))
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    source = h5py.h5s.create_simple((1, *SHAPE[1:]))
    how.set_virtual(space, b"part%b.h5", b"data", source)
    with h5py.File(path, "w") as file:
        h5py.h5d.create(file.id, b"data", h5py.h5t.STD_U16LE, space, how)
    return path


def whole(frames):
    return frames.read(0, frames.positions).reshape(*frames.scan_shape, *frames.frame_shape)


def made(kind, folder, parts):
    path = folder / "scan.h5"
    if kind == "numbered":
        return numbered(path)
    if kind == "nested":
        virtual(folder / "inner.h5", parts)
        return virtual(path, [h5py.VirtualSource("inner.h5", "data", SHAPE)])
    return virtual(path, parts)


@pytest.mark.parametrize("kind", ["plain", "numbered", "nested"])
def test_virtual_frames_are_read_where_all_are_there(kind, parts, tmp_path, monkeypatch):
    path = made(kind, tmp_path, parts)
    monkeypatch.chdir("/")
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), DATA)
    assert frames.source.notes == ()


@pytest.mark.parametrize("kind", ["plain", "numbered", "nested"])
@pytest.mark.parametrize("lost", [0, 2])
def test_a_source_that_is_away_is_named(kind, lost, parts, tmp_path):
    path = made(kind, tmp_path, parts)
    (tmp_path / f"part{lost}.h5").unlink()
    for opened in (open_frames, open_scan):
        with pytest.raises(
            UnreadableFile, match=rf"^scan\.h5: its frames, part{lost}\.h5, are not beside it\.$"
        ):
            opened(path)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda path: path.write_bytes(b"no HDF5"), r"part1\.h5, cannot be opened"),
        (lambda path: h5py.File(path, "w").close(), r"data in part1\.h5, which has none"),
        (
            lambda path: h5py.File(path, "r+").__delitem__("data"),
            r"data in part1\.h5, which has none",
        ),
    ],
)
def test_a_source_that_does_not_hold_its_part_is_named(spoil, sentence, parts, tmp_path):
    path = virtual(tmp_path / "scan.h5", parts)
    spoil(tmp_path / "part1.h5")
    with pytest.raises(UnreadableFile, match=sentence):
        open_scan(path)


def test_a_source_that_is_cut_short_is_named(parts, tmp_path):
    source = h5py.VirtualSource("part0.h5", "data", (2, *SHAPE[1:]))
    path = virtual(tmp_path / "scan.h5", [source], (2, *SHAPE[1:]))
    with pytest.raises(
        UnreadableFile, match=r"420 numbers are to be part of /data, and it holds 210"
    ):
        open_scan(path)


def test_rows_of_electrons_in_a_file_that_is_away_are_missed(tmp_path):
    rows = h5py.vlen_dtype(np.uint32)
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        stored = file.create_dataset("frames", (6,), rows)
        for number in range(6):
            stored[number] = np.arange(number, dtype=np.uint32)
    layout = h5py.VirtualLayout((6,), rows)
    layout[:] = h5py.VirtualSource("rows.h5", "frames", (6,), rows)
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        group = file.create_group("electron_events")
        frames = group.create_virtual_dataset("frames", layout)
        frames.attrs["Ny"], frames.attrs["Nx"] = 3, 3
        positions = group.create_dataset("scan_positions", data=np.arange(6))
        positions.attrs["Ny"], positions.attrs["Nx"] = 2, 3
        file.attrs["livestem_flyback"] = False
    (tmp_path / "rows.h5").unlink()
    with pytest.raises(UnreadableFile, match=r"its frames, rows\.h5, are not beside it"):
        open_scan(tmp_path / "scan.h5")


def test_what_no_source_stands_for_is_said(parts, tmp_path):
    path = virtual(tmp_path / "scan.h5", parts[:3], fill=9)
    assert open_frames(path).source.notes == ("25.0% of /data is of no file and reads 9.",)


@pytest.mark.parametrize("fill", [0, 65535])
@pytest.mark.parametrize("how", [{}, {"compression": "gzip"}])
def test_frames_that_were_never_written_are_empty_and_counted(fill, how, tmp_path):
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("a", SHAPE, "u2", chunks=(1, 1, 6, 7), fillvalue=fill, **how)
        stored[:2] = DATA[:2]
        stored[2, :3] = DATA[2, :3]
    frames = open_frames(path)
    expected = DATA.copy()
    expected[2, 3:], expected[3] = 0, 0
    np.testing.assert_array_equal(whole(frames), expected)
    np.testing.assert_array_equal(frames.read(11, 17), expected.reshape(20, 6, 7)[11:17])
    assert frames.source.notes[0].startswith("7 of the 20 parts (chunks) of /a were never written")
    assert health(frames)["frames"].values["empty frames"] == (7, "")


def test_the_end_of_a_chunk_that_was_begun_is_empty_too(tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        stored = file.create_dataset("a", SHAPE, "i2", chunks=(2, 5, 3, 7), fillvalue=-1)
        stored[0] = DATA[0]
    expected = np.zeros(SHAPE)
    expected[0] = DATA[0]
    np.testing.assert_array_equal(whole(open_scan(tmp_path / "scan.h5")), expected)


def test_an_array_that_was_never_written_is_said(tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file.create_dataset("a", SHAPE, "u2")
    assert open_frames(tmp_path / "scan.h5").source.notes == ("/a was never written: it reads 0.",)


def test_numbers_in_files_outside_are_refused(tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file.create_dataset("a", SHAPE, "u2", external=[("raw.bin", 0, 2 * DATA.size)])
    with pytest.raises(UnreadableFile, match="keeps its numbers in other files"):
        open_scan(tmp_path / "scan.h5")


@pytest.fixture
def several(tmp_path):
    with h5py.File(tmp_path / "several.h5", "w") as file:
        file["first/cube"], file["second/cube"] = DATA, DATA[::-1]
        file["fewer"] = DATA[:2]
        file["five"], file["wave"] = DATA[None], DATA.astype("c8")
        file["words"] = np.array([[b"a", b"b"]])
        file["alias"] = h5py.SoftLink("/second/cube")
        file["nowhere"] = h5py.SoftLink("/gone")
        file["away"] = h5py.ExternalLink("store.h5", "/x")
    return tmp_path / "several.h5"


def test_equally_large_arrays_are_a_question_and_each_can_be_chosen(several):
    with pytest.raises(UnreadableFile, match="2 arrays in the HDF5 file are") as asked:
        open_scan(several)
    assert isinstance(asked.value.__cause__, ArrayUnknown)
    assert [name for name, _ in asked.value.__cause__.arrays] == ["/first/cube", "/second/cube"]
    for name, expected in {
        "/first/cube": DATA,
        "second/cube": DATA[::-1],
        "/alias": DATA[::-1],
        "fewer": DATA[:2],
    }.items():
        np.testing.assert_array_equal(whole(open_scan(several, dataset=name)), expected)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "none",
            r"there is no array /none in the HDF5 file; there is /fewer \(2 × 5 × 6 × 7, uint16",
        ),
        ("five", r"five holds no frames \(1 × 4 × 5 × 6 × 7, uint16: five dimensions, and frames"),
        ("wave", r"wave holds no frames .*complex64: complex numbers, and frames are intensities"),
        ("words", "words holds no frames"),
        ("first", "there is no array /first"),
        ("nowhere", r"/nowhere, a link to /gone, which is not there"),
        ("away", r"/away, a link to /x of store\.h5: open that file"),
    ],
)
def test_what_holds_no_frames_is_named(several, name, sentence):
    with pytest.raises(UnreadableFile, match=sentence):
        open_scan(several, dataset=name)


@pytest.mark.parametrize(
    ("fill", "sentence"),
    [
        (lambda f: f.create_dataset("data", data=DATA[None]), "/data .*five dimensions"),
        (lambda f: f.create_dataset("data", data=DATA.astype("c8")), "complex64: complex numbers"),
        (lambda f: f.create_dataset("data", data=DATA[0, 0]), r"there is /data \(6 × 7, uint16"),
        (
            lambda f: f.__setitem__("scan", h5py.ExternalLink("store.h5", "/x")),
            r"/scan, a link to /x of store\.h5: open that file",
        ),
        (lambda f: f.__setitem__("data", 3), r"four dimensions for frames\.$"),
    ],
)
def test_a_file_without_frames_says_what_is_in_it(fill, sentence, tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        fill(file)
    with pytest.raises(UnreadableFile, match=sentence):
        open_scan(tmp_path / "scan.h5")


def test_a_smaller_cube_beside_the_scan_is_mentioned(tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["large"], file["small"], file["image"] = DATA, DATA[:2], DATA[0]
    (note,) = open_scan(tmp_path / "scan.h5").source.notes
    assert "/large, is taken" in note
    assert "--option dataset=/small" in note


def test_zarr_arrays_are_chosen_alike(tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "scan.zarr", mode="w", zarr_format=2)
    for name, data in {"a": DATA, "b": DATA[::-1]}.items():
        group.create_array(name, shape=data.shape, dtype=data.dtype, compressors=None)[:] = data
    with pytest.raises(UnreadableFile, match=r"2 arrays in the Zarr store .*\(/a, /b\)"):
        open_scan(tmp_path / "scan.zarr")
    frames = open_scan(tmp_path / "scan.zarr", dataset="/b")
    np.testing.assert_array_equal(whole(frames), DATA[::-1])


@pytest.mark.parametrize("images", [(1, 4, 5), (4, 5)])
def test_images_of_stempy_give_a_stack_its_shape(images, tmp_path):
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["frames"] = DATA.reshape(20, 6, 7)
        file["stem/images"] = np.zeros(images)
    np.testing.assert_array_equal(whole(open_frames(tmp_path / "raw.h5")), DATA)
    assert open_frames(tmp_path / "raw.h5", scan_shape=(2, 10)).scan_shape == (2, 10)
    with h5py.File(tmp_path / "raw.h5", "r+") as file:
        del file["stem/images"]
        file["stem/images"] = np.zeros((1, 3, 5))
    with pytest.raises(UnreadableFile, match="20 frames"):
        open_frames(tmp_path / "raw.h5")


def test_matlab_is_refused_by_name_or_its_order_of_axes_said(tmp_path):
    io = pytest.importorskip("scipy.io")
    io.savemat(tmp_path / "old.mat", {"a": DATA})
    for opened in (open_scan, open_frames):
        with pytest.raises(UnreadableFile, match=r"a MATLAB file of version 5, .* -v7\.3"):
            opened(tmp_path / "old.mat")
    with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:
        file["a"] = DATA
        file["a"].attrs["MATLAB_class"] = np.bytes_("uint16")
    frames = open_scan(tmp_path / "new.mat")
    np.testing.assert_array_equal(whole(frames), DATA)
    assert "its array of 7 × 6 × 5 × 4 is taken for (kx, ky, x, y)" in frames.source.notes[0]
