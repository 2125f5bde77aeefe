"""Where in its pixel an electron was: kept from the file on, as far as pixels are kept whole."""

from dataclasses import replace

import numpy as np
import pytest
from eer_files import CODES, encode, random_hits, tiff
from hypothesis import given
from hypothesis import strategies as st
from strategies import scans
from timepix_files import chunk, hit

from recon.cropping import bin_detector, bin_scan, crop_detector, crop_scan, rotate_detector
from recon.events import from_frames
from recon.io import losses, open_events, write_events


@st.composite
def finer(draw):
    """A scan whose places are a function of the pixel, so that any mix-up shows."""
    events = draw(scans())
    return replace(events, subpixel=tag(events.pixels))


def tag(pixels):
    return (pixels * np.uint32(37) % 251).astype(np.uint8)


@given(finer(), st.data())
def test_crops_of_the_scan_and_its_bins_keep_it(events, data):
    (height, width) = events.scan_shape
    rows, columns = ((data.draw(st.integers(0, n - 1)), n) for n in (height, width))
    for changed in (crop_scan(events, rows, columns), bin_scan(events, (height, width))):
        assert np.array_equal(changed.subpixel, tag(changed.pixels))


@given(finer(), st.data())
def test_crops_of_the_detector_keep_it(events, data):
    height, width = events.frame_shape
    top, left = (data.draw(st.integers(0, n - 1)) for n in (height, width))
    cropped = crop_detector(events, (top, height), (left, width))
    y, x = np.divmod(cropped.pixels.astype(np.int64), width - left)
    before = ((y + top) * width + x + left).astype(np.uint32)
    assert np.array_equal(cropped.subpixel, tag(before))


@given(finer())
def test_what_moves_parts_of_pixels_drops_it(events):
    assert bin_detector(events, 1).subpixel is None
    assert rotate_detector(events, 0.0, (0.0, 0.0)).subpixel is None


@given(finer())
def test_our_own_file_keeps_it(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("round") / "scan.npz"
    write_events(path, events)
    back = open_events(path)
    assert np.array_equal(back.subpixel, events.subpixel)
    assert back.nbytes == 5 * events.electrons + 8 * (events.positions + 1)
    if events.scan_shape[1] > 1:
        dropped = open_events(path, keep_flyback=False)
        assert np.array_equal(dropped.subpixel, tag(dropped.pixels))


@pytest.mark.parametrize("wrong", [np.zeros(2, np.uint8), np.zeros(9, np.int64)])
def test_one_byte_an_electron(wrong, tmp_path):
    path = tmp_path / "scan.npz"
    arrays = {"pixels": np.arange(9, dtype=np.uint32), "offsets": np.array([0, 9])}
    np.savez(path, scan_shape=[1, 1], frame_shape=[3, 3], subpixel=wrong, **arrays)
    with pytest.raises(ValueError, match=r"one uint8 for each of 9|subpixel must be"):
        open_events(path)


def test_falcon_files_give_it(tmp_path):
    bits = CODES[65001]
    hits = random_hits(np.random.default_rng(0), 50, 800, bits)
    path = tiff(tmp_path / "scan.eer", [encode(hits, 800, bits)] * 4, (20, 40), 65001)
    events = open_events(path, scan_shape=(2, 2))
    # Two's complement of two bits, in the middle of its quarter: -3/8, -1/8, 1/8, 3/8 pixels.
    eighths = {2: -3, 3: -1, 0: 1, 1: 3}
    expected = [16 * (8 + 2 * eighths[y]) + 8 + 2 * eighths[x] for _, y, x in hits] * 4
    assert events.subpixel.tolist() == expected


def test_clusters_give_it_and_single_hits_do_not(tmp_path):
    path = tmp_path / "scan.tpx3"
    path.write_bytes(chunk([hit(1000, 10, 20, 30), hit(1010, 11, 20, 10)]))
    asked = {"scan_shape": (1, 1), "dwell_time": 1.0}
    assert open_events(path, **asked).subpixel.tolist() == [0x8C]
    assert open_events(path, cluster_window_ns=0, **asked).subpixel is None


def test_what_a_format_cannot_hold_is_said():
    events = from_frames([[1, 2]], (1, 1), (2, 2), metadata={"energy": 8e4})
    assert losses("scan.toml", events) == ()
    events = replace(events, subpixel=np.zeros(2, np.uint8), metadata={"truth": 5})
    assert losses("scan.npz", events) == ("Of the metadata, truth would not be kept.",)
    assert losses("a/scan.h5", events)[0] == (
        "scan.h5 holds no places within a pixel: write .npz to keep them."
    )
