"""Files of dense frames that lie, are cut off, or are something else: one sentence each."""

import os
import sys

import h5py
import numpy as np
import pytest

from recon.errors import UnreadableFile
from recon.io.dense import is_dense, open_frames
from tests.support.dense_files import (
    DATA,
    blo_file,
    dectris_file,
    emd,
    empad_file,
    hdf5,
    hspy,
    mrc,
    npy,
    tvips,
    zarr_zip,
    zspy,
)
from tests.support.dm_files import image, write_dm

WRITERS = [npy, hdf5, hspy, emd, zarr_zip, tvips, mrc, blo_file, dectris_file]


def written(write, folder):
    data = np.arange(150, dtype=np.uint8).reshape(2, 3, 5, 5) if write is blo_file else DATA
    return write(folder, data)


def ends_well(path):
    """Whether a file opens; if not, it ends in a sentence that names it."""
    refusal = None
    try:
        frames = open_frames(path, scan_shape=(2, 3))
        for _ in frames.slabs():
            pass
    except UnreadableFile as error:
        refusal = str(error)
    assert refusal is None or (refusal and "\n" not in refusal)
    return refusal is None


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_cut_off_anywhere_ends_in_a_sentence(write, tmp_path):
    path = written(write, tmp_path)
    content = path.read_bytes()
    assert ends_well(path)
    for length in np.unique(np.linspace(0, len(content) - 1, 25).astype(int)):
        path.write_bytes(content[:length])
        ends_well(path)


@pytest.mark.parametrize("write", WRITERS)
def test_flipped_bits_end_in_frames_or_a_sentence(write, tmp_path):
    path = written(write, tmp_path)
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(0)
    head = min(len(content), 2048)
    for _ in range(60):
        damaged = bytearray(content)
        for place in random.integers(0, head, 3):
            damaged[place] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        ends_well(path)


def test_a_header_that_promises_more_than_the_file_holds_allocates_nothing(tmp_path):
    path = blo_file(tmp_path, np.zeros((2, 3, 5, 5), np.uint8))
    content = bytearray(path.read_bytes())
    content[20:28] = np.array([65535, 0, 65535, 65535], "<u2").tobytes()
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match="cut off or damaged"):
        open_frames(path)
    path = tmp_path / "huge.npy"
    np.lib.format.open_memmap(path, "w+", np.uint8, (2, 2, 3, 3))
    path.write_bytes(path.read_bytes().replace(b"(2, 2, 3, 3)", b"(999999, 9, 9999, 9999)")[:300])
    with pytest.raises(UnreadableFile, match="damaged or cut off"):
        open_frames(path)


def test_a_dataset_larger_than_any_memory_is_opened_but_no_detector_is_that_large(tmp_path):
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("frames", (1000, 1000, 60000, 60000), "u2", chunks=(1, 1, 500, 500))
    with pytest.raises(UnreadableFile, match="no detector has 60000 × 60000 pixels"):
        open_frames(tmp_path / "huge.h5")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"hello, this is no scan at all", "of no known format of frames"),
        (b"<root><a/></root>", "of no known format"),
    ],
)
def test_something_else_is_named_so(content, sentence, tmp_path):
    path = tmp_path / "other.raw"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=rf"other\.raw: .*{sentence}"):
        open_frames(path)


def test_missing_files_folders_and_objects_are_refused(tmp_path):
    with pytest.raises(UnreadableFile, match=r"none\.npy: No such file"):
        open_frames(tmp_path / "none.npy")
    with pytest.raises(UnreadableFile, match="no known format"):
        open_frames(tmp_path)
    np.save(tmp_path / "objects.npy", np.array([[[{}]]]), allow_pickle=True)
    with pytest.raises(UnreadableFile, match="damaged"):
        open_frames(tmp_path / "objects.npy")


def test_an_empty_hdf5_file_and_an_empty_store_say_so(tmp_path):
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["a"] = np.zeros(3)
    with pytest.raises(UnreadableFile, match="no array of three or four dimensions"):
        open_frames(tmp_path / "none.h5")
    zarr = pytest.importorskip("zarr")
    zarr.open_group(tmp_path / "none.zarr", mode="w")
    with pytest.raises(UnreadableFile, match="no array of three or four dimensions"):
        open_frames(tmp_path / "none.zarr")


def test_a_chunk_that_is_lost_is_told_when_it_is_read(tmp_path):
    path = zspy(tmp_path, DATA)
    for chunk in (path / "Experiments/scan/data").glob("[0-9]*"):
        chunk.write_bytes(b"rubbish")
    frames = open_frames(path)
    with pytest.raises(UnreadableFile, match="Zarr says"):
        frames.read(0, 3)


@pytest.mark.parametrize("fill", [0, 7])
def test_parts_that_a_store_lacks_are_told(fill, tmp_path):
    zarr = pytest.importorskip("zarr")
    how = {"chunks": (1, *DATA.shape[1:]), "zarr_format": 2, "fill_value": fill}
    zarr.create_array(tmp_path / "scan.zarr", data=DATA, **how)
    assert open_frames(tmp_path / "scan.zarr").source.notes == ()
    (tmp_path / "scan.zarr" / "1.0.0.0").unlink()
    frames = open_frames(tmp_path / "scan.zarr")
    assert (frames.read(3, 6) == fill).all()
    assert f"1 of the 2 parts (chunks) of / is not in the store and reads {fill}" in str(
        frames.source.notes
    )


def test_what_rosettasciio_raises_is_a_sentence(tmp_path):
    pytest.importorskip("rsciio.quantumdetector")
    (tmp_path / "scan.mib").write_bytes(b"MQ1,000001,00384,nonsense".ljust(2000, b"\0"))
    with pytest.raises(UnreadableFile, match=r"looks like Merlin \.mib, but is damaged"):
        open_frames(tmp_path / "scan.mib")
    damaged = (3).to_bytes(4, "big") + (100).to_bytes(4, "big") + (1).to_bytes(4, "big")
    (tmp_path / "scan.dm3").write_bytes(damaged.ljust(100, b"\7"))
    with pytest.raises(UnreadableFile, match="looks like DigitalMicrograph"):
        open_frames(tmp_path / "scan.dm3")


def test_empad_descriptions_that_are_no_xml_are_not_taken_for_one(tmp_path):
    empad_file(tmp_path)
    (tmp_path / "scan.xml").write_text("<root><raw_file filename='raw.raw'></root>")
    with pytest.raises(UnreadableFile, match="no known format"):
        open_frames(tmp_path / "scan.xml")


def dm4(folder, data):
    return write_dm(folder / "scan.dm4", image(data.astype("<u2"), (1.0,) * 4, ""))


@pytest.mark.parametrize(
    ("write", "module"), [(zspy, "zarr"), (dm4, "rsciio.digitalmicrograph._api")]
)
def test_a_library_that_is_not_installed_is_named(write, module, tmp_path, monkeypatch):
    path = write(tmp_path, DATA)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UnreadableFile, match=module.split(".")[-1]):
        open_frames(path, scan_shape=(2, 3))


def test_hdf5_without_plugins_is_read_as_far_as_it_needs_none(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    assert open_frames(hdf5(tmp_path, DATA)).scan_shape == (2, 3)


def test_more_positions_than_any_scan_has_are_refused(tmp_path):
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("frames", (1 << 16, 1 << 16, 2, 2), "u2", chunks=(1, 8, 2, 2))
    with pytest.raises(UnreadableFile, match="no scan has 65536 × 65536 positions"):
        open_frames(tmp_path / "huge.h5")


def test_pipes_loops_and_locked_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableFile, match="not an ordinary file"):
        open_frames(tmp_path / "pipe")
    assert not is_dense(tmp_path / "pipe")
    (tmp_path / "loop.npy").symlink_to(tmp_path / "loop.npy")
    with pytest.raises(UnreadableFile, match="symbolic links"):
        open_frames(tmp_path / "loop.npy")
    path = npy(tmp_path, DATA)
    path.chmod(0)
    if not os.access(path, os.R_OK):  # To root, no file is locked.
        with pytest.raises(UnreadableFile, match="Permission denied"):
            open_frames(path)


def test_text_in_a_damaged_heap_is_not_read(tmp_path):
    path = hspy(tmp_path, DATA)
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    assert "scan_sampling" in open_frames(path).metadata
    # The first object's size, such that HDF5 would come back to it for ever.
    content[heap + 24 : heap + 32] = (2**64 - 16).to_bytes(8, "little")
    path.write_bytes(content)
    frames = open_frames(path)
    assert "scan_sampling" not in frames.metadata
    np.testing.assert_array_equal(frames.read(0, 6).reshape(DATA.shape), DATA)
