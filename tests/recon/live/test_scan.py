"""The electrons of a scan that grows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.live.scan import GrowingScan
from recon.scan.events import ElectronEvents, Source, from_frames
from tests.support.growing_scans import blocks_of, rows_of
from tests.support.strategies import scans


@settings(max_examples=40, deadline=None)
@given(scans(most=7), st.data())
def test_it_is_the_scan_with_the_missing_rows_empty(events, data):
    rows = events.scan_shape[0]
    inner = data.draw(st.sets(st.integers(1, rows - 1), max_size=rows)) if rows > 1 else set()
    blocks = data.draw(st.permutations(blocks_of(events, [0, *sorted(inner), rows])))
    source = Source("tcp", "a camera's stream")
    made = GrowingScan(events.scan_shape, events.frame_shape, {"voltage": 80e3}, source)
    scanned = np.zeros(rows, bool)
    for first, part in blocks:
        made.add(first, part)
        scanned[first : first + part.scan_shape[0]] = True
        if data.draw(st.booleans()):
            whole = made.events()
            assert made.events() is whole
            assert whole.electrons == made.electrons
            frames = list(whole.frames())
            for position, frame in enumerate(events.frames()):
                came = scanned[position // events.scan_shape[1]]
                np.testing.assert_array_equal(frames[position], frame if came else [])
    whole = made.events()
    np.testing.assert_array_equal(whole.pixels, events.pixels)
    np.testing.assert_array_equal(whole.offsets, events.offsets)
    assert (whole.metadata, whole.source) == ({"voltage": 80e3}, source)


@settings(max_examples=30, deadline=None)
@given(scans(most=9), st.integers(1, 4), st.data())
def test_its_blocks_are_the_rows_that_have_come(events, most, data):
    rows = events.scan_shape[0]
    came = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    made = GrowingScan(events.scan_shape, events.frame_shape)
    for row in np.flatnonzero(came)[::-1]:
        made.add(row, rows_of(events, row, row + 1))
    again = GrowingScan(events.scan_shape, events.frame_shape)
    for first, part in made.blocks(most):
        assert part.scan_shape[0] <= most
        again.add(first, part)
    np.testing.assert_array_equal(again.rows.scanned, came)
    np.testing.assert_array_equal(again.events().pixels, made.events().pixels)
    np.testing.assert_array_equal(again.events().offsets, made.events().offsets)


def test_missing_rows_stand_in_its_notes():
    events = from_frames([[1], [2, 3], [], [4]], (4, 1), (3, 3))
    made = GrowingScan((4, 1), (3, 3))
    made.add(2, rows_of(events, 2, 4))
    assert made.events().source.notes == (
        "2 of 4 rows have been scanned: the frames of the others are empty.",
    )
    with pytest.raises(ValueError, match="Row 3 has come before"):
        made.add(3, rows_of(events, 3, 4))
    assert made.electrons == 1


def test_places_in_the_pixel_and_excluded_pixels_come_along():
    places = np.arange(6, dtype=np.uint8)
    events = from_frames([[1], [2, 3], [5], [4, 7]], (4, 1), (3, 3))
    events = replace(events, subpixel=places, excluded=np.arange(9).reshape(3, 3) == 8)
    made = GrowingScan((4, 1), (3, 3))
    for row in (2, 3, 0, 1):
        first, last = events.offsets[[row, row + 1]]
        made.add(
            row,
            ElectronEvents(
                events.pixels[first:last],
                np.array([0, last - first]),
                (1, 1),
                (3, 3),
                subpixel=places[first:last],
                excluded=events.excluded,
            ),
        )
    np.testing.assert_array_equal(made.events().subpixel, places)
    np.testing.assert_array_equal(made.events().excluded, events.excluded)
    first, part = next(made.blocks(2))
    assert first == 0
    np.testing.assert_array_equal(part.subpixel, places[:3])
    np.testing.assert_array_equal(part.excluded, events.excluded)
