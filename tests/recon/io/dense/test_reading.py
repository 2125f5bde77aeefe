"""Formats of dense frames: axes, metadata, and what is wrong with a file, in a sentence."""

import json
import re

import h5py
import numpy as np
import pytest

from recon.errors import UnreadableFile
from recon.io import is_dense, open_frames, open_scan, write_events
from recon.scan.events import ElectronEvents, from_frames
from recon.scan.frames import DenseFrames
from tests.support.dense_files import (
    DATA,
    SHAPE,
    blo_file,
    dectris_file,
    emd,
    empad_file,
    hdf5,
    hdf5_compressed,
    hspy,
    mrc,
    npy,
    tvips,
    zarr_zip,
    zspy,
)
from tests.support.paths import SHARED

REAL = SHARED / "data" / "formats"


def real(name):
    path = REAL / name
    if not path.exists():
        pytest.skip(f"needs the real file {name}")
    return path


def whole(frames):
    return frames.read(0, frames.positions).reshape(*frames.scan_shape, *frames.frame_shape)


# Writers of small files, one a format: path, data -> path to open.


IN_FOUR = [npy, hdf5, hdf5_compressed, hspy, emd, zspy, zarr_zip]
IN_THREE = [npy, hdf5, tvips, mrc]


@pytest.mark.parametrize("write", IN_FOUR)
@pytest.mark.parametrize("dtype", ["<u2", "<f4"])
def test_axes_are_scan_y_x_then_detector_y_x(write, dtype, tmp_path):
    frames = open_frames(write(tmp_path, DATA.astype(dtype)))
    assert isinstance(frames, DenseFrames)
    assert frames.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(whole(frames), DATA)
    np.testing.assert_array_equal(frames.read(2, 5), DATA.reshape(-1, 5, 7)[2:5])


@pytest.mark.parametrize("write", IN_THREE)
def test_a_stack_of_frames_asks_how_it_fills_the_scan(write, tmp_path):
    path = write(tmp_path, DATA.reshape(6, 1, 5, 7)[:, 0] if write in (npy, hdf5) else DATA)
    with pytest.raises(UnreadableFile, match=r"6 frames .* is it 2 × 3 or 3 × 2\?"):
        open_frames(path)
    frames = open_frames(path, scan_shape=(2, 3))
    np.testing.assert_array_equal(whole(frames), DATA)
    with pytest.raises(UnreadableFile, match="do not fill a scan of 4 × 4"):
        open_frames(path, scan_shape=(4, 4))


@pytest.mark.parametrize("write", [npy, hdf5])
def test_a_reference_may_be_a_single_image(write, tmp_path):
    frames = open_frames(npy(tmp_path, DATA[0, 0]), reference=True)
    assert (frames.scan_shape, frames.frame_shape) == ((1, 1), (5, 7))
    np.testing.assert_array_equal(frames.read(0, 1)[0], DATA[0, 0])
    with pytest.raises(UnreadableFile, match="of shape 5 × 7"):
        open_frames(npy(tmp_path, DATA[0, 0]))


@pytest.mark.parametrize("write", [hspy, zspy])
def test_hyperspys_metadata_come_in_our_units_with_their_origin(write, tmp_path):
    notes = open_frames(write(tmp_path, DATA)).metadata
    assert notes["energy"] == pytest.approx(200e3)  # keV
    assert notes["semiangle_cutoff"] == pytest.approx(21.4)  # mrad
    assert notes["camera_length"] == pytest.approx(0.115)  # mm
    assert notes["scan_sampling"] == pytest.approx((2.0, 1.0))  # nm
    assert notes["origins"]["energy"] == "Acquisition_instrument.TEM.beam_energy"
    assert set(notes["origins"]) == set(notes) - {"origins"}


def test_emds_dimensions_give_the_scan_step(tmp_path):
    frames = open_frames(emd(tmp_path, DATA))
    assert frames.metadata["scan_sampling"] == pytest.approx((2.0, 1.0))
    assert frames.source.format == "EMD (HDF5)"


def test_velox_keeps_frames_last_and_speaks_json(tmp_path):
    notes = {
        "Optics": {"AccelerationVoltage": "300000", "BeamConvergence": "0.0214"},
        "Scan": {"DwellTime": "0.001"},
    }
    with h5py.File(tmp_path / "velox.emd", "w") as file:
        file["Version"] = "{}"
        group = file.create_group("Data/Image/0a1b")
        group["Data"] = np.moveaxis(DATA.reshape(6, 5, 7), 0, 2)
        text = np.frombuffer(json.dumps(notes).encode().ljust(500, b"\0"), np.uint8)
        group["Metadata"] = np.repeat(text[:, None], 6, axis=1)
    frames = open_frames(tmp_path / "velox.emd", scan_shape=(2, 3))
    np.testing.assert_array_equal(whole(frames), DATA)
    assert frames.metadata["energy"] == 300e3
    assert frames.metadata["semiangle_cutoff"] == pytest.approx(21.4)
    assert frames.metadata["dwell_time"] == 0.001
    assert frames.source.format == "Velox EMD"


def test_two_arrays_of_one_size_are_a_question(tmp_path):
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["a"] = file["b"] = DATA
        file["c"] = DATA
    with pytest.raises(UnreadableFile, match="equally large"):
        open_frames(tmp_path / "two.h5")


def test_low_counts_open_as_events_and_high_ones_as_frames(tmp_path):
    low = np.random.default_rng(0).poisson(0.1, SHAPE).astype(np.uint16)
    events = open_scan(npy(tmp_path, low))
    assert isinstance(events, ElectronEvents)
    assert events.electrons == low.sum()
    assert open_scan(npy(tmp_path, low.astype(np.float32))).electrons == low.sum()
    for data in (low + 9, low.astype(np.float32) + 0.5):
        frames = open_scan(npy(tmp_path, data))
        assert isinstance(frames, DenseFrames)
        np.testing.assert_array_equal(whole(frames), data)


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_files_of_events_are_left_to_their_readers(suffix, tmp_path):
    events = from_frames([[1, 2], [3], [], [4]], (2, 2), (3, 3))
    write_events(tmp_path / f"events{suffix}", events)
    assert not is_dense(tmp_path / f"events{suffix}")
    np.testing.assert_array_equal(open_scan(tmp_path / f"events{suffix}").pixels, events.pixels)


def test_block_files_are_read_with_their_metadata(tmp_path):
    data = np.arange(150, dtype=np.uint8).reshape(2, 3, 5, 5)
    frames = open_frames(blo_file(tmp_path, data))
    np.testing.assert_array_equal(whole(frames), data)
    notes = frames.metadata
    assert notes["scan_sampling"] == pytest.approx((2.0, 1.0))
    assert (notes["energy"], notes["camera_length"]) == pytest.approx((200e3, 0.115))


@pytest.mark.parametrize("opened", ["scan.xml", "raw.raw"])
def test_empad_is_opened_by_its_description_or_its_frames(opened, tmp_path):
    data = empad_file(tmp_path)
    frames = open_frames(tmp_path / opened)
    np.testing.assert_array_equal(whole(frames), data)
    notes = frames.metadata
    assert notes["scan_sampling"] == pytest.approx((20.0, 10.0))
    assert (notes["energy"], notes["dwell_time"]) == pytest.approx((300e3, 0.002))
    assert notes["origins"]["energy"] == "scan.xml: source.get_voltage"


def test_the_field_of_view_of_newer_empad_software_is_that_of_the_larger_side(tmp_path):
    empad_file(tmp_path)
    path = tmp_path / "scan.xml"
    old = re.search(r"<optics.get_full_scan_field_of_view>.*</[^>]*>", path.read_text())[0]
    for new in (
        "<full_scan_field_of_view><x>2.16e-9</x><scale_factor>0.72</scale_factor>"
        "</full_scan_field_of_view>",
        "<full_scan_field_of_view.x>2.16e-9</full_scan_field_of_view.x>"
        "<full_scan_field_of_view.scale_factor>0.72</full_scan_field_of_view.scale_factor>",
    ):
        path.write_text(path.read_text().replace(old, new))
        old = new
        # 2.16 nm / 0.72 = 3 nm over three columns.
        assert open_frames(path).metadata["scan_sampling"] == pytest.approx((10.0, 10.0))


def test_empad_frames_that_are_missing_or_too_few_are_told(tmp_path):
    data = empad_file(tmp_path)
    raw = (tmp_path / "raw.raw").read_bytes()
    (tmp_path / "raw.raw").write_bytes(raw[:-1000])
    frames = open_frames(tmp_path / "scan.xml")
    assert frames.scan_shape == (1, 3)
    np.testing.assert_array_equal(whole(frames), data[:1])
    stopped, cut = frames.source.notes
    assert "5 frames, scan.xml speaks of 2 × 3 positions (6): 1 whole row is taken" in stopped
    assert "2 frames of an unfinished row are left out" in stopped
    assert "raw.raw ends within a frame (65560 of 66560 bytes)" in cut
    (tmp_path / "raw.raw").write_bytes(raw[: 4 * 66560])
    assert open_frames(tmp_path / "scan.xml", scan_shape=(2, 2)).scan_shape == (2, 2)
    (tmp_path / "raw.raw").write_bytes(raw[:1000])
    with pytest.raises(UnreadableFile, match="less than a frame"):
        open_frames(tmp_path / "scan.xml")
    (tmp_path / "raw.raw").unlink()
    with pytest.raises(UnreadableFile, match="not beside it"):
        open_frames(tmp_path / "scan.xml")


def test_dectris_links_are_followed_and_masked_pixels_are_zero(tmp_path):
    data = DATA.astype(np.uint32)
    data[1, 1, 2, 3] = 2**32 - 1
    frames = open_frames(dectris_file(tmp_path, data))
    data[1, 1, 2, 3] = 0
    np.testing.assert_array_equal(whole(frames), data)
    np.testing.assert_array_equal(frames.read(3, 5), data.reshape(6, 5, 7)[3:5])
    notes = frames.metadata
    assert notes["scan_sampling"] == pytest.approx((1.0, 1.0))
    assert (notes["energy"], notes["dwell_time"]) == pytest.approx((3e5, 1e-4))


def test_a_dectris_link_does_not_lead_out_of_the_folder(tmp_path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    dectris_file(outside, DATA)
    path = dectris_file(inside, DATA, link="../outside/scan_data_000001.h5")
    (inside / "scan_data_000001.h5").unlink()
    with pytest.raises(UnreadableFile, match=r"scan_data_000001\.h5, are not beside it"):
        open_frames(path)


def test_real_merlin_frames():
    pytest.importorskip("rsciio.quantumdetector")
    path = real("001_4x2_6bit.mib")
    frames = open_frames(path)
    assert (frames.scan_shape, frames.frame_shape, frames.dtype) == ((2, 4), (256, 256), np.uint8)
    # Frames of 384 bytes of header and 256 × 256 bytes; Merlin's rows run upwards.
    raw = np.fromfile(path, np.uint8).reshape(8, -1)[:, 384:].reshape(8, 256, 256)[:, ::-1]
    np.testing.assert_array_equal(frames.read(0, 8), raw)
    assert frames.metadata["dwell_time"] == pytest.approx(0.1)
    assert open_frames(path, scan_shape=(4, 2)).scan_shape == (4, 2)


def test_real_empad_frames():
    empad = pytest.importorskip("rsciio.empad")
    frames = open_frames(real("map4x4.xml"))
    np.testing.assert_array_equal(
        whole(frames), empad.file_reader(str(real("map4x4.xml")))[0]["data"]
    )
    assert frames.metadata["energy"] == 3e5


def test_real_block_file():
    frames = open_frames(real("test1.blo"))
    assert (frames.scan_shape, frames.frame_shape) == ((3, 2), (144, 144))
    assert frames.read(0, 6).std() > 1


def test_real_py4dstem_file():
    frames = open_frames(real("py4DSTEM_size2x3x4x5.h5"))
    with h5py.File(real("py4DSTEM_size2x3x4x5.h5")) as file:
        np.testing.assert_array_equal(whole(frames), file["datacube_root/datacube/data"][()])
    assert frames.metadata["scan_sampling"] == pytest.approx((1.26796875, 1.26796875))


def test_real_arina_file():
    frames = open_frames(real("arina/test_00_master.h5"))
    assert (frames.scan_shape, frames.frame_shape) == ((4, 4), (192, 192))
    assert not frames.read(0, 16).any()
    notes = frames.metadata
    assert (notes["energy"], notes["camera_length"]) == pytest.approx((3e5, 0.115))
    # The file itself says that its pixel size is not calibrated.
    assert "scan_sampling" not in notes
