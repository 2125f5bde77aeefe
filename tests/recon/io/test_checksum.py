"""The checksum of electrons: against its definition in whole numbers, and what changes it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import recon.io.checksum as module
from recon.errors import Cancelled
from recon.io.checksum import checksum, places_checksum
from recon.scan.events import from_frames
from tests.support.strategies import scans

GOLDEN, WORD = 0x9E3779B97F4A7C15, (1 << 64) - 1


def mix(key):
    """SplitMix64 in whole numbers."""
    z = (key + GOLDEN) & WORD
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & WORD
    z = (z ^ z >> 27) * 0x94D049BB133111EB & WORD
    return z ^ z >> 31


def defined(events, keys):
    """The checksum as its definition says."""
    total = 0
    for f in range(events.positions):
        frame = keys[events.offsets[f] : events.offsets[f + 1]]
        total += mix(GOLDEN * (f + 1) + sum(mix(int(key)) for key in frame) & WORD)
    (height, width), (rows, columns) = events.scan_shape, events.frame_shape
    digest = mix(total & WORD)
    for length in (events.electrons, width, height, columns, rows):
        digest = mix(digest + length & WORD)
    return f"{digest:016x}"


def with_places(events, seed=0):
    places = np.random.default_rng(seed).integers(0, 256, events.electrons).astype(np.uint8)
    return replace(events, subpixel=places)


def test_the_stirring_is_splitmix64():
    # The first numbers of the generator started with 0 (Vigna's splitmix64.c).
    assert [mix(n * GOLDEN & WORD) for n in range(2)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


@given(scans())
def test_it_is_what_its_definition_says(events):
    assert checksum(events) == defined(events, events.pixels)
    assert places_checksum(events) is None
    events = with_places(events)
    assert checksum(events) == defined(events, events.pixels)
    keys = events.pixels + (events.subpixel.astype(np.int64) << 32)
    assert places_checksum(events) == defined(events, keys)


def test_it_stays_what_it_is():
    # A file's checksum in someone's notes must hold for ever.
    events = from_frames([[0], [], [5, 5, 1]], (1, 3), (2, 3), subpixel=np.arange(4, dtype="u1"))
    assert (checksum(events), places_checksum(events)) == (
        "fdecda4def04bef5",
        "d5d7e9ae6ff387b3",
    )


@given(scans(), st.integers(1, 9))
def test_batches_do_not_change_it(events, batch):
    whole = checksum(events), places_checksum(with_places(events))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH", batch)
        assert (checksum(events), places_checksum(with_places(events))) == whole


@given(scans(), st.integers(0, 2**32 - 1))
def test_the_order_within_a_frame_does_not_change_it(events, seed):
    events = with_places(events)
    frame = np.repeat(np.arange(events.positions), np.diff(events.offsets))
    order = np.lexsort((np.random.default_rng(seed).random(frame.size), frame))
    other = replace(events, pixels=events.pixels[order], subpixel=events.subpixel[order])
    assert checksum(other) == checksum(events)
    assert places_checksum(other) == places_checksum(events)


@given(scans(), st.data())
def test_any_single_electron_changes_it(events, data):
    assume(events.electrons)
    which = data.draw(st.integers(0, events.electrons - 1))
    size = events.frame_shape[0] * events.frame_shape[1]
    before = checksum(events)
    for pixel in set(range(size)) - {int(events.pixels[which])}:
        pixels = events.pixels.copy()
        pixels[which] = pixel
        assert checksum(replace(events, pixels=pixels)) != before

    offsets = events.offsets - (np.arange(events.offsets.size) > 0)
    if events.offsets[1]:
        # The first electron is lost.
        assert checksum(replace(events, pixels=events.pixels[1:], offsets=offsets)) != before
    # The last position gets one more.
    more = np.append(events.pixels, np.uint32(0))
    offsets = events.offsets.copy()
    offsets[-1] += 1
    assert checksum(replace(events, pixels=more, offsets=offsets)) != before


@given(scans(), st.data())
def test_an_electron_at_another_position_changes_it(events, data):
    where = data.draw(st.integers(1, events.positions))
    assume(where < events.positions and events.offsets[where] < events.electrons)
    offsets = events.offsets.copy()
    offsets[1 : where + 1] = np.maximum(offsets[1 : where + 1], offsets[where] + 1)
    offsets[where + 1 :] = np.maximum(offsets[where + 1 :], offsets[where])
    assume(np.all(np.diff(offsets) >= 0))
    assert checksum(replace(events, offsets=offsets)) != checksum(events)


@given(scans(), st.data())
def test_any_single_place_changes_the_checksum_of_places_alone(events, data):
    assume(events.electrons)
    events = with_places(events)
    places = events.subpixel.copy()
    places[data.draw(st.integers(0, places.size - 1))] ^= data.draw(st.integers(1, 255))
    other = replace(events, subpixel=places)
    assert places_checksum(other) != places_checksum(events)
    assert checksum(other) == checksum(events)


def test_shapes_change_it():
    frames = [[0], [1], [], [2, 2], [], []]
    shapes = [
        ((2, 3), (4, 5)),
        ((3, 2), (4, 5)),
        ((2, 3), (5, 4)),
        ((2, 3), (4, 6)),
        ((1, 6), (4, 5)),
    ]
    assert len({checksum(from_frames(frames, *shape)) for shape in shapes}) == len(shapes)


def test_electrons_on_the_first_pixel_and_empty_scans_count():
    events = [from_frames([[0] * n, []], (1, 2), (1, 1)) for n in range(5)]
    assert len({checksum(scan) for scan in events}) == 5
    assert checksum(from_frames([[], [0]], (1, 2), (1, 1))) != checksum(events[1])


def test_progress_can_stop_it():
    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        checksum(from_frames([[0]], (1, 1), (1, 1)), stop)
