"""The pattern of a region against the frames added one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.errors import Cancelled
from recon.scan.events import ElectronEvents, from_frames
from recon.scan.frames import DenseFrames, of_array
from recon.sums import pattern
from recon.sums.pattern import pattern_of
from tests.support.strategies import dense, scans


def one_by_one(cube, rows, columns):
    """The frames of a rectangle, added in double precision."""
    total = np.zeros(cube.shape[2:])
    for y in range(*rows):
        for x in range(*columns):
            total += cube[y, x].astype(float)
    return total


@st.composite
def regions(draw, shape):
    pairs = []
    for size in shape:
        first = draw(st.integers(0, size - 1))
        pairs.append((first, draw(st.integers(first + 1, size))))
    return pairs


@given(scans(), st.data())
def test_the_pattern_of_a_region_is_the_sum_of_its_frames(events, data):
    rows, columns = data.draw(regions(events.scan_shape))
    found = pattern_of(events, rows, columns)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, one_by_one(dense(events), rows, columns))


@given(scans(), st.data(), st.sampled_from([np.uint8, np.uint16, np.float32, bool]))
def test_the_same_of_dense_frames(events, data, dtype):
    cube = dense(events).astype(dtype)
    rows, columns = data.draw(regions(events.scan_shape))
    found = pattern_of(of_array(cube), rows, columns)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, one_by_one(cube, rows, columns))


def test_electrons_are_counted_in_pieces_and_told_of(monkeypatch):
    monkeypatch.setattr(pattern, "ELECTRONS", 7)
    rng = np.random.default_rng(0)
    events = from_frames([rng.integers(0, 12, n) for n in (20, 0, 3, 8, 1, 40)], (3, 2), (4, 3))
    told = []
    found = pattern_of(events, (0, 3), (1, 2), told.append)
    np.testing.assert_array_equal(found, one_by_one(dense(events), (0, 3), (1, 2)))
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 4

    def stop(done):
        raise Cancelled

    with pytest.raises(Cancelled):
        pattern_of(events, (0, 3), (0, 2), stop)


class Watched(np.ndarray):
    """Electrons that remember which of them were asked for."""

    def __getitem__(self, which):
        self.asked.append((which.start, which.stop))
        return np.asarray(self)[which]


def test_only_the_electrons_of_the_region_are_read():
    events = from_frames([[0, 1], [2], [3, 3], [1], [0, 0, 0], [2]], (2, 3), (2, 2))
    pixels = events.pixels.view(Watched)
    pixels.asked = []
    watched = ElectronEvents(pixels, events.offsets, (2, 3), (2, 2))
    np.testing.assert_array_equal(pattern_of(watched, (0, 2), (1, 3)), [[3, 0], [2, 2]])
    # Frames 1 and 2 of the first row, 4 and 5 of the second.
    assert pixels.asked == [(2, 5), (6, 10)]


def test_only_the_frames_of_the_region_are_read():
    cube, asked = np.arange(2 * 3 * 4).reshape(6, 2, 2).astype(np.uint16), []

    def load(first, last):
        asked.append((first, last))
        return cube[first:last]

    frames = DenseFrames(load, (2, 3), (2, 2), cube.dtype)
    np.testing.assert_array_equal(
        pattern_of(frames, (0, 2), (2, 3)), (cube[2] + cube[5]).astype(float)
    )
    assert asked == [(2, 3), (5, 6)]
    asked.clear()
    pattern_of(frames, (0, 2), (0, 3))
    assert asked == [(0, 6)]


@pytest.mark.parametrize("region", [((0, 0), (0, 1)), ((0, 1), (2, 4)), ((-1, 1), (0, 1))])
def test_a_region_beside_the_scan_is_refused(region):
    events = from_frames([[0]] * 6, (2, 3), (2, 2))
    with pytest.raises(ValueError, match="does not lie in the scan of 2 × 3 positions"):
        pattern_of(events, *region)


def test_an_electron_off_the_detector_is_refused():
    events = from_frames([[0], [9]], (1, 2), (2, 2))
    np.testing.assert_array_equal(pattern_of(events, (0, 1), (0, 1)), [[1, 0], [0, 0]])
    with pytest.raises(ValueError, match="Pixel index 9 lies outside the detector of 2 × 2"):
        pattern_of(events, (0, 1), (1, 2))
