"""One question for both kinds of scan, and what hangs on its answer."""

import numpy as np
import pytest

from recon.scan.events import from_frames
from recon.scan.frames import frames_of, of_array
from recon.scan.kinds import by_kind, electrons, is_dense, is_scan_data, tells_places
from recon.scan.low_counts import takes_less_as_events

EVENTS = from_frames([[0, 5], [3]], (1, 2), (2, 3))
PLACED = from_frames([[0, 5], [3]], (1, 2), (2, 3), subpixel=np.array([8, 8, 8], np.uint8))
FRAMES = of_array(np.zeros((1, 2, 2, 3), np.uint16))


@pytest.mark.parametrize(
    ("scan", "kind", "number", "places"),
    [
        (EVENTS, "electrons", 3, False),
        (PLACED, "electrons", 3, True),
        (FRAMES, "frames", None, False),
    ],
)
def test_each_kind_gets_what_is_made_for_it(scan, kind, number, places):
    assert by_kind(scan, "electrons", "frames") == kind
    assert is_dense(scan) == (kind == "frames")
    assert electrons(scan) == number
    assert tells_places(scan) is places
    assert is_scan_data(scan)


def test_an_array_is_no_scan_but_its_frames_are():
    array = np.arange(24).reshape(4, 2, 3)
    assert not is_scan_data(array)
    frames = frames_of(array, (2, 2))
    assert frames.scan_shape == (2, 2)
    assert frames_of(frames) is frames
    assert frames_of(frames, (2, 2)) is frames
    assert frames_of(frames, (1, 4)).scan_shape == (1, 4)
    with pytest.raises(ValueError, match="4 frames do not fill a scan of 3"):
        frames_of(frames, (3, 2))


def test_electrons_are_events_already():
    assert takes_less_as_events(FRAMES)
    assert not takes_less_as_events(EVENTS)
