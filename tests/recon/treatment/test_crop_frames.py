"""Crops of dense frames are slices of their array; binning sums its blocks."""

import numpy as np
import pytest

from recon.scan.frames import of_array
from recon.treatment.crop_frames import bin_scan, crop_detector, crop_scan

ARRAY = np.random.default_rng(0).integers(0, 200, (5, 6, 7, 8)).astype(np.uint8)


def frames(array=ARRAY):
    return of_array(array, metadata={"centre": (3.0, 4.0), "scan_sampling": (0.5, 0.25)})


def whole(frames):
    return frames.read(0, frames.positions).reshape(*frames.scan_shape, *frames.frame_shape)


@pytest.mark.parametrize(("first", "last"), [(0, 9), (1, 5), (4, 5), (2, 9)])
def test_a_crop_of_the_scan_is_a_slice_wherever_it_is_read_from(first, last):
    part = crop_scan(frames(), (1, 4), (2, 5))
    expected = ARRAY[1:4, 2:5].reshape(9, 7, 8)
    np.testing.assert_array_equal(part.read(first, last), expected[first:last])


def test_a_crop_of_the_detector_is_a_slice_and_moves_the_centre():
    part = crop_detector(frames(), (1, 6), (2, 8))
    np.testing.assert_array_equal(whole(part), ARRAY[:, :, 1:6, 2:8])
    assert part.metadata["centre"] == (2.0, 2.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, bool])
def test_binned_positions_are_sums_that_do_not_overflow(dtype):
    array = (ARRAY > 100) if dtype is bool else ARRAY.astype(dtype)
    part = bin_scan(frames(array), 2)
    blocks = array[:4].astype(float).reshape(2, 2, 3, 2, 7, 8).sum(axis=(1, 3))
    np.testing.assert_array_equal(whole(part), blocks)
    assert part.metadata["scan_sampling"] == (1.0, 0.5)


def test_what_leaves_the_scan_is_refused():
    for crop in (crop_scan, crop_detector):
        with pytest.raises(ValueError, match="are no part of"):
            crop(frames(), (3, 3), (0, 2))
        with pytest.raises(ValueError, match="are no part of"):
            crop(frames(), (0, 2), (0, 9))
    with pytest.raises(ValueError, match="6 is no binning of a scan of 5 × 6 positions"):
        bin_scan(frames(), 6)
