"""Dectris' master files: links and what they lead to, aborted scans, and the detector's mask."""

import h5py
import numpy as np
import pytest

from recon.io import open_frames
from tests.recon.io.dense.test_filling import FRAMES, asks, whole
from tests.support.dense_files import DATA, dectris_file


def parts(folder, *numbers, shape=(2, 3), **counts):
    """A master file of links to files of so many frames each; None for one that is not there."""
    master = dectris_file(folder, DATA)
    with h5py.File(master, "a") as file:
        del file["entry/data"]
        start = 0
        for number, frames in enumerate(numbers, 1):
            name = f"scan_data_{number}.h5"
            file[f"entry/data/data_{number}"] = h5py.ExternalLink(name, "/entry/data/data")
            if frames is not None:
                with h5py.File(folder / name, "w") as part:
                    part["entry/data/data"] = np.resize(FRAMES, (99, 5, 7))[start : start + frames]
                start += frames
        for name, value in counts.items():
            file[f"entry/instrument/detector/detectorSpecific/{name}"] = value
    if shape is None:
        (folder / "scan.h5").unlink()
    return master


@pytest.mark.parametrize("links", [True, False])
def test_a_virtual_dataset_over_the_parts_is_no_second_scan(links, tmp_path):
    path = parts(tmp_path, 4, 2)
    with h5py.File(path, "a") as file:
        layout = h5py.VirtualLayout((6, 5, 7), "u2")
        for number, (first, last) in enumerate([(0, 4), (4, 6)], 1):
            name = f"scan_data_{number}.h5"
            source = h5py.VirtualSource(name, "/entry/data/data", (last - first, 5, 7))
            layout[first:last] = source
        if not links:
            del file["entry/data"]
        file.require_group("entry/data").create_virtual_dataset("data", layout)
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), DATA)
    assert frames.source.notes == ()
    (tmp_path / "scan_data_2.h5").unlink()
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), DATA[:1])
    assert "scan_data_2.h5 is not beside it" in str(frames.source.notes)


def test_ten_parts_come_in_the_order_of_their_numbers(tmp_path):
    frames = open_frames(parts(tmp_path, *[1] * 12), scan_shape=(3, 4))
    np.testing.assert_array_equal(frames.read(0, 12), np.resize(FRAMES, (12, 5, 7)))


@pytest.mark.parametrize(
    ("numbers", "shape", "words"),
    [
        ((4, 3), (2, 3), ["the last one is left out"]),
        ((4, 1), (1, 3), ["5 frames, scan.h5 speaks of 2 × 3", "2 frames of an unfinished row"]),
        ((3, None), (1, 3), ["3 frames, scan.h5 speaks of 2 × 3", "scan_data_2.h5 is not beside"]),
        ((3, None, 3), (1, 3), ["scan_data_2.h5 is not beside it", "and those after it"]),
    ],
)
@pytest.mark.parametrize("asked", [None, (2, 3)])
def test_a_dectris_scan_is_as_far_as_its_files_are_there(numbers, shape, words, asked, tmp_path):
    frames = open_frames(parts(tmp_path, *numbers), scan_shape=asked)
    assert frames.scan_shape == shape
    np.testing.assert_array_equal(whole(frames), DATA[: shape[0]])
    assert all(word in str(frames.source.notes) for word in words)


def test_triggers_and_images_in_the_master_file_tell_rows(tmp_path):
    path = parts(tmp_path, 4, 2, shape=None, ntrigger=2, nimages=3)
    np.testing.assert_array_equal(whole(open_frames(path)), DATA)
    path = parts(tmp_path, 4, 2, shape=None, ntrigger=9, nimages=1)
    asks(path, (2, 3))
    frames = open_frames(path, scan_shape=(2, 3))
    assert frames.source.notes == ("The master file speaks of 9 frames, there are 6.",)


@pytest.mark.parametrize("compressed", [False, True])
def test_the_detectors_pixel_mask_leaves_pixels_out_of_every_sum(compressed, tmp_path):
    mask = np.zeros((5, 7), np.uint32)
    mask[1, 2], mask[4, 6] = 1, 16
    path = parts(tmp_path, 4, 2, pixel_mask=mask)
    if compressed:
        plugin = pytest.importorskip("hdf5plugin")
        with h5py.File(path, "a") as file:
            group = file["entry/instrument/detector/detectorSpecific"]
            del group["pixel_mask"]
            group.create_dataset("pixel_mask", data=mask, chunks=(5, 7), **plugin.Bitshuffle())
    frames = open_frames(path)
    np.testing.assert_array_equal(frames.excluded, mask != 0)
    np.testing.assert_array_equal(whole(frames), np.where(mask, 0, DATA))
    assert "2 pixels are left out, as the detector's pixel_mask says" in frames.source.notes[0]
    path = parts(tmp_path, 4, 2, pixel_mask=mask[:4])
    frames = open_frames(path)
    assert frames.excluded is None
    assert "another size" in frames.source.notes[0]


def test_pixels_that_the_detector_marks_in_all_frames_are_left_out_of_every_sum(tmp_path):
    """A single count of that size is an overflow, and counts as zero."""
    path, expected = parts(tmp_path, 4, 2), DATA.copy()
    with h5py.File(tmp_path / "scan_data_1.h5", "a") as first:
        first["entry/data/data"][...] = changed(first["entry/data/data"][...])
        first["entry/data/data"][0, 4, 6] = MARK
    with h5py.File(tmp_path / "scan_data_2.h5", "a") as second:
        second["entry/data/data"][...] = changed(second["entry/data/data"][...])
    expected[:, :, 1, 2] = expected[0, 0, 4, 6] = 0
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), expected)
    assert list(map(tuple, np.argwhere(frames.excluded))) == [(1, 2)]
    assert frames.source.notes == (
        "1 pixel is left out: of 65535 in all frames, the detector's mark.",
    )


MARK = 65535


def changed(frames):
    """One pixel with the detector's mark."""
    frames[:, 1, 2] = MARK
    return frames
