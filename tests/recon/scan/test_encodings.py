"""Round trips of whole scans, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.scan.encodings import EncodedEvents, decode, encode
from recon.scan.events import ElectronEvents, Source, from_frames
from tests.support.strategies import dense, scans

RUNS = ["differences", "empty runs"]
LOSSY = [*RUNS, "bitmap"]


def same(one, other):
    np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(one.offsets, other.offsets)
    assert one.pixels.dtype == np.uint32
    assert one.offsets.dtype == np.int64
    assert one.scan_shape == other.scan_shape
    assert one.frame_shape == other.frame_shape
    assert one.metadata == other.metadata
    assert one.source == other.source


def figure():
    """The four frames of the paper's Fig. 1, on its 576 × 576 detector."""
    frames = [
        [27, 5673, 7985, 12552],
        [53, 4689, 7512, 58692],
        [42, 4289, 5689, 33556],
        [5788, 6852, 12256, 45588],
    ]
    return from_frames(
        frames, (2, 2), (576, 576), metadata={"energy": 80e3}, source=Source("a", "b")
    )


def test_differences_are_the_run_lengths_of_the_paper():
    runs = encode(figure(), "differences").values.reshape(4, 4)
    np.testing.assert_array_equal(runs[0], [27, 5646, 2312, 4567])
    np.testing.assert_array_equal(runs[1], [53, 4636, 2823, 51180])
    # The paper prints 5405 for the third, where 12256 - 6852 = 5404.
    np.testing.assert_array_equal(runs[3], [5788, 1064, 5404, 33332])


def test_empty_runs_count_the_pixels_between_hits():
    events = from_frames([[0, 1, 5], [], [3]], (1, 3), (2, 3))
    np.testing.assert_array_equal(encode(events, "empty runs").values, [0, 0, 3, 3])


def test_bitmaps_are_those_of_packbits():
    events = from_frames([[0, 1, 10], [], [9]], (3, 1), (1, 11))
    bits = encode(events, "bitmap").values
    np.testing.assert_array_equal(bits, np.packbits(dense(events).reshape(3, 11) > 0, axis=1))


@pytest.mark.parametrize("encoding", ["linear", *LOSSY])
def test_the_figure_comes_back(encoding):
    same(decode(encode(figure(), encoding)), figure())


@given(scans(unique=True, metadata={"dose": 2.0}), st.sampled_from(["linear", *LOSSY]))
def test_sorted_hits_come_back(events, encoding):
    same(decode(encode(events, encoding)), events)


@given(scans())
def test_linear_indices_hold_anything(events):
    same(decode(encode(events, "linear")), events)


@given(scans())
def test_differences_hold_repeated_hits_once_they_are_sorted(events):
    before = events.pixels.copy()
    expected = replace(events, pixels=np.concatenate([np.sort(frame) for frame in events.frames()]))
    same(decode(encode(events, "differences", sort=True)), expected)
    np.testing.assert_array_equal(events.pixels, before)


@pytest.mark.parametrize("encoding", LOSSY)
def test_an_order_that_would_be_lost_is_refused(encoding):
    events = from_frames([[0, 1], [3, 2], [5, 4, 5]], (3, 1), (2, 3))
    with pytest.raises(ValueError, match=rf"2 of 3 frames .* {encoding} would lose.*sort=True"):
        encode(events, encoding)


@pytest.mark.parametrize("encoding", ["empty runs", "bitmap"])
@pytest.mark.parametrize("sort", [False, True])
def test_a_second_hit_that_would_be_lost_is_refused(encoding, sort):
    events = from_frames([[0, 1], [], [4, 4]], (3, 1), (2, 3))
    with pytest.raises(ValueError, match=rf"1 of 3 frames hold two .* {encoding} can hold"):
        encode(events, encoding, sort=sort)


def test_separated_repeats_are_found_by_sorting():
    events = from_frames([[4, 1, 4]], (1, 1), (2, 3))
    with pytest.raises(ValueError, match="1 of 1 frames hold two"):
        encode(events, "bitmap", sort=True)


@pytest.mark.parametrize("encoding", ["linear", *LOSSY])
def test_a_million_empty_frames(encoding):
    events = ElectronEvents(
        np.empty(0, np.uint32), np.zeros(1_000_001, np.int64), (1000, 1000), (5, 7)
    )
    same(decode(encode(events, encoding)), events)


def test_bitmaps_too_large_for_memory_are_refused():
    events = ElectronEvents(
        np.empty(0, np.uint32), np.zeros(1_000_001, np.int64), (1000, 1000), (576, 576)
    )
    with pytest.raises(ValueError, match=r"41\.5 GB.*crop the scan"):
        encode(events, "bitmap")


def test_an_unknown_encoding_is_refused():
    with pytest.raises(ValueError, match=r"'morse' is not an encoding.*empty runs"):
        encode(figure(), "morse")
    with pytest.raises(ValueError, match="'morse' is not an encoding"):
        decode(replace(encode(figure(), "linear"), encoding="morse"))


@pytest.mark.parametrize("encoding", ["linear", *RUNS])
def test_an_electron_outside_the_detector_is_refused(encoding):
    encoded = replace(encode(figure(), encoding), frame_shape=(100, 500))
    with pytest.raises(ValueError, match="detector of 100 × 500 pixels"):
        decode(encoded)
    with pytest.raises(ValueError, match="outside the detector"):
        encode(replace(figure(), frame_shape=(100, 500)), encoding)


def test_the_largest_run_lengths_do_not_wrap_around():
    values = np.full(4, 2**32 - 1, np.uint32)
    encoded = EncodedEvents("empty runs", values, np.array([0, 4]), (1, 1), (65536, 65535))
    with pytest.raises(ValueError, match="frame 0 lead beyond"):
        decode(encoded)


def test_bits_after_the_last_pixel_are_refused():
    encoded = EncodedEvents("bitmap", np.array([[1]], np.uint8), None, (1, 1), (2, 3))
    with pytest.raises(ValueError, match="Pixel index 7"):
        decode(encoded)


def test_bitmaps_of_another_size_are_refused():
    encoded = EncodedEvents("bitmap", np.zeros((4, 1), np.uint8), None, (2, 2), (3, 3))
    with pytest.raises(ValueError, match=r"shape \(4, 2\), not uint8 of \(4, 1\)"):
        decode(encoded)


def test_offsets_that_do_not_fit_are_refused():
    encoded = EncodedEvents("differences", np.zeros(2, np.uint32), np.array([0, 9]), (1, 1), (3, 3))
    with pytest.raises(ValueError, match="there are 2 events"):
        decode(encoded)
