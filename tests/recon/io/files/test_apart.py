"""Arrays read in a process of their own: the same numbers, and no harm from files that lie."""

import gc
import json
import os
import signal
import sys

import h5py
import numpy as np
import pytest

from recon.errors import UnreadableFile
from recon.io import open_events
from recon.io.dense import open_frames
from recon.io.files import apart
from recon.io.files.apart import Apart
from tests.support.camera_files import FRAMES, frames_of, store

DATA = np.random.default_rng(0).integers(0, 200, (2, 3, 16, 16)).astype(np.uint16)
FILTERS = ["Zstd", "Blosc", "Blosc2", "LZ4", "BZip2"]


def compressed(path, name, data=DATA):
    plugin = pytest.importorskip("hdf5plugin")
    with h5py.File(path, "w") as file:
        options = getattr(plugin, name)()
        file.create_dataset("frames", data=data, chunks=(1, 1, *data.shape[2:]), **options)
    return path


def whole(frames):
    return frames.read(0, frames.positions).reshape(*frames.scan_shape, *frames.frame_shape)


@pytest.mark.parametrize("name", FILTERS)
def test_other_filters_run_in_a_process_of_their_own(name, tmp_path):
    frames = open_frames(compressed(tmp_path / "a.h5", name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(h5py.Dataset, "__getitem__", None)  # Nothing is read in this one.
        np.testing.assert_array_equal(whole(frames), DATA)
        np.testing.assert_array_equal(frames.read(2, 5), DATA.reshape(-1, 16, 16)[2:5])


@pytest.mark.parametrize("name", FILTERS)
def test_damaged_chunks_end_in_frames_or_a_sentence(name, tmp_path):
    path = compressed(tmp_path / "a.h5", name)
    with h5py.File(path) as file:
        chunks = []
        file["frames"].id.chunk_iter(chunks.append)
    content, random = path.read_bytes(), np.random.default_rng(1)
    ends = set()
    for _ in range(4):
        damaged = bytearray(content)
        for chunk in chunks:
            damaged[chunk.byte_offset + random.integers(24)] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        try:
            ends.add(whole(open_frames(path)).shape)
        except UnreadableFile as error:
            ends.add("damaged" in str(error))
    assert ends <= {DATA.shape, True}


@pytest.fixture
def replaced(tmp_path, monkeypatch):
    """Put another program in the place of the one that reads."""

    def replace(text):
        (tmp_path / "apart_child.py").write_text(text)
        monkeypatch.setattr(apart, "__file__", str(tmp_path / "apart.py"))
        monkeypatch.setattr(apart, "_idle", [])

    return replace


def test_a_process_that_dies_is_told(replaced):
    if sys.platform == "win32":
        pytest.skip("has no such signal")
    replaced("import os, signal, sys; sys.stdin.readline(); os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(UnreadableFile, match=rf"ended HDF5's process \(code -{signal.SIGSEGV:d}\)"):
        Apart().read("a.h5", "frames", [(0, 1)])


def test_a_process_that_hangs_is_stopped(replaced):
    replaced("import time; time.sleep(600)")
    reader = Apart(patience_s=0.5)
    with pytest.raises(UnreadableFile, match=r"longer than 0\.5 s and was stopped"):
        reader.read("a.h5", "frames", [(0, 1)])
    assert reader._child is None


def test_a_process_ends_with_its_reader(tmp_path):
    path = compressed(tmp_path / "a.h5", "Zstd")
    reader = Apart()
    ranges = [(0, n) for n in DATA.shape]
    np.testing.assert_array_equal(reader.read(path, "frames", ranges), DATA)
    number = reader._child.pid
    np.testing.assert_array_equal(reader.read(path, "frames", ranges), DATA)
    assert reader._child.pid == number  # One process for all readings.
    reader.close()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_process_whose_reader_is_gone_reads_the_next_file(tmp_path):
    path = compressed(tmp_path / "a.h5", "Zstd")
    numbers = set()
    for _ in range(3):
        frames = open_frames(path)
        np.testing.assert_array_equal(whole(frames), DATA)
        del frames
        gc.collect()
        numbers.add(apart._idle[0].pid)
    assert len(numbers) == 1
    with pytest.raises(UnreadableFile, match="HDF5 says"):
        Apart().read(path, "none", [(0, 1)])
    np.testing.assert_array_equal(whole(open_frames(path)), DATA)  # the refusal did no harm


CODECS = {
    "blosc": {"zarr_format": 2, "compressors": "Blosc"},
    "lz4": {"zarr_format": 2, "compressors": "LZ4"},
    "zlib, delta": {"zarr_format": 2, "compressors": "Zlib", "filters": "Delta"},
    "zstd": {"zarr_format": 3},
    "shards": {"zarr_format": 3, "shards": (2, 3, 16, 16)},
}


def zarr_store(path, name):
    zarr, numcodecs = pytest.importorskip("zarr"), pytest.importorskip("numcodecs")
    options = dict(CODECS[name])
    for key in ("compressors", "filters"):
        if key in options:
            codec = getattr(numcodecs, options[key])
            options[key] = codec(dtype="<u2") if key == "filters" else codec()
    array = zarr.create_array(
        path, shape=DATA.shape, chunks=(1, 1, 16, 16), dtype=DATA.dtype, **options
    )
    array[:] = DATA
    return path


@pytest.mark.parametrize("name", CODECS)
def test_codecs_of_zarr_run_in_a_process_of_their_own(name, tmp_path):
    import zarr

    frames = open_frames(zarr_store(tmp_path / "a.zarr", name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zarr.Array, "__getitem__", None)  # Nothing is read in this one.
        np.testing.assert_array_equal(whole(frames), DATA)
        np.testing.assert_array_equal(frames.read(2, 5), DATA.reshape(-1, 16, 16)[2:5])


@pytest.mark.parametrize("name", CODECS)
def test_damaged_chunks_of_zarr_end_in_frames_or_a_sentence(name, tmp_path):
    path = zarr_store(tmp_path / "a.zarr", name)
    chunks = [p for p in path.rglob("*") if p.is_file() and not p.name.startswith((".z", "zarr"))]
    contents, random = [chunk.read_bytes() for chunk in chunks], np.random.default_rng(1)
    ends = set()
    for _ in range(6):
        for chunk, content in zip(chunks, contents, strict=True):
            damaged = bytearray(content)
            damaged[random.integers(min(32, len(damaged)))] ^= 1 << random.integers(8)
            chunk.write_bytes(damaged)
        try:
            ends.add(whole(open_frames(path)).shape)
        except UnreadableFile as error:
            ends.add("damaged" in str(error))
    assert ends <= {DATA.shape, True}


@pytest.mark.parametrize("key", ["compressor", "filters"])
def test_a_codec_that_makes_pythons_objects_is_refused(key, tmp_path, monkeypatch):
    from recon.io.dense import zarr_arrays

    class Told:
        def to_dict(self):
            codec = {"id": "pickle", "protocol": 5}
            return {key: codec if key == "compressor" else [codec]}

    class Stand:
        metadata = Told()

    with pytest.raises(UnreadableFile, match="coded with pickle"):
        zarr_arrays._codecs(Stand())
    path = zarr_store(tmp_path / "a.zarr", "blosc")
    described = json.loads((path / ".zarray").read_text())
    described["compressor"] = None
    described["filters"] = None
    described[key] = {"compressor": {"id": "pickle"}, "filters": [{"id": "pickle"}]}[key]
    (path / ".zarray").write_text(json.dumps(described))
    with pytest.raises(UnreadableFile, match="pickle"):
        open_frames(path)


def test_what_hdf5_says_is_the_sentence(tmp_path):
    path = compressed(tmp_path / "a.h5", "Zstd")
    with pytest.raises(UnreadableFile, match=r"HDF5 says: .*nothing"):
        Apart().read(path, "nothing", [(0, 1)])


@pytest.mark.parametrize("options", [{"dtype": np.uint16}, {"file": {"userblock_size": 512}}])
def test_rows_that_h5py_has_to_read(options, tmp_path):
    path = store(tmp_path / "a.h5", FRAMES, attributes={"livestem_flyback": False}, **options)
    assert frames_of(open_events(path)) == FRAMES


@pytest.mark.parametrize("options", [{"dtype": np.uint16}, {"file": {"userblock_size": 512}}])
def test_rows_in_a_heap_that_hdf5_would_walk_for_ever_are_given_up(options, tmp_path, monkeypatch):
    path = store(tmp_path / "a.h5", FRAMES, attributes={"livestem_flyback": False}, **options)
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 24 : heap + 32] = (2**64 - 16).to_bytes(8, "little")
    path.write_bytes(content)
    monkeypatch.setattr("recon.io.events.ragged.Apart", lambda: Apart(patience_s=3.0))
    with pytest.raises(UnreadableFile, match="damaged"):
        open_events(path)


def test_numbers_in_other_files_are_refused(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(range(64)))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        place = [(str(tmp_path / "secret"), 0, 64)]
        file.create_dataset("frames", (1, 4, 4, 4), "u1", external=place)
    with pytest.raises(UnreadableFile, match="in other files"):
        open_frames(tmp_path / "a.h5")


class Taken(list):
    """A list that another thread empties between a look at it and a grip into it."""

    def __bool__(self):
        return True


@pytest.mark.parametrize("dead", [False, True])
def test_a_waiting_process_that_is_taken_or_dead_is_replaced(dead, tmp_path, monkeypatch):
    path = compressed(tmp_path / "a.h5", "Zstd")
    waiting = [apart._start()] if dead else Taken()
    for child in waiting:
        child.kill()
        child.wait()
    monkeypatch.setattr(apart, "_idle", waiting)
    reader = Apart()
    np.testing.assert_array_equal(reader.read(path, "frames", [(0, n) for n in DATA.shape]), DATA)
    reader.close()
