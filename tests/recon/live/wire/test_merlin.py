"""Merlin's data channel: as its files are read, and cut anywhere."""

import datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.io import open_scan
from recon.live.source import Began, LiveError
from recon.live.wire.merlin import MerlinDecoder, MerlinWords, _message
from recon.live.wire.words import Frames, Over
from recon.scan.events import from_frames
from tests.support import merlin_files as files
from tests.support.strategies import dense, scans
from tests.support.streams import some_scan

TEXT = b"HDR,\t\nFrames in Acquisition (Number):\t6\nFrames per Trigger (Number):\t3\nEnd\t"
NOW = datetime.datetime(2024, 5, 6)


def sent(scan):
    words = MerlinWords()
    return b"".join([words.before(scan, 1), *words.frames(scan, 0, scan.positions)])


def understood(data, cuts=(), shape=None):
    decoder, found = MerlinDecoder(shape), []
    borders = [0, *sorted(cuts), len(data)]
    for first, last in pairwise(borders):
        found += decoder.feed(data[first:last])
    return found


def by_hand(numbers, shape=(4, 5), code="U16", **options):
    """Messages of frames after the manual; the number of each stands in a pixel of its own."""
    for number in numbers:
        frame = np.zeros(shape, int)
        frame[1, 2] = number % 100
        head = files.header(number, shape, code, NOW, 1e-3, **options)
        yield _message(head + frame[::-1].astype(files.BYTES[code]).tobytes())


def places(words):
    return [p for w in words if isinstance(w, Frames) for p in w.positions.tolist()]


@given(scans(), st.data())
def test_what_is_sent_is_understood_however_it_is_cut(scan, data):
    line = sent(scan)
    words = understood(line, data.draw(st.lists(st.integers(0, len(line)), max_size=8)))
    assert words[0] == Began(scan.scan_shape, scan.frame_shape)
    cube = np.zeros((scan.positions, scan.frame_shape[0] * scan.frame_shape[1]), int)
    for frames in words[1:]:
        np.add.at(cube, (np.repeat(frames.positions, frames.counts), frames.pixels), 1)
    np.testing.assert_array_equal(cube.reshape(dense(scan).shape), dense(scan))


def test_what_is_sent_is_a_file_without_the_beginnings_of_its_messages(tmp_path):
    scan = some_scan((2, 3))
    (tmp_path / "a.mib").write_bytes(
        b"".join(part[15:] for part in MerlinWords().frames(scan, 0, 6))
    )
    read = open_scan(tmp_path / "a.mib", scan_shape=(2, 3))
    np.testing.assert_array_equal(dense(read), dense(scan))


@pytest.mark.parametrize("code", files.BYTES)
@pytest.mark.parametrize("extended", [False, True])
def test_messages_after_the_manual_are_understood(code, extended):
    line = _message(TEXT) + b"".join(by_hand(range(1, 7), code=code, extended=extended))
    began, frames = understood(line)
    assert began == Began((2, 3), (4, 5))
    assert frames.positions.tolist() == list(range(6))
    assert frames.counts.tolist() == [1, 2, 3, 4, 5, 6]
    assert set(frames.pixels.tolist()) == {7}


def test_frames_are_placed_by_their_numbers():
    found = understood(_message(TEXT) + b"".join(by_hand([2, 4, 3, 6])))
    assert places(found) == [1, 3, 2, 5]


def test_the_numbers_go_on_beyond_a_million():
    decoder = MerlinDecoder((1, 2_000_000))
    found = list(decoder.feed(_message(TEXT)))
    for number in (300_000, 700_000, 999_999, 0, 1):
        found += decoder.feed(b"".join(by_hand([number])))
    assert places(found) == [299_999, 699_999, 999_998, 999_999, 1_000_000]


def test_scan_follows_scan_without_another_text():
    found = understood(_message(TEXT) + b"".join(by_hand(range(1, 10))))
    assert [type(word) for word in found] == [Began, Frames, Over, Frames]
    assert places(found) == [0, 1, 2, 3, 4, 5, 0, 1, 2]


def test_the_shape_that_is_told_is_taken():
    text = b"HDR,\t\nFrames in Acquisition (Number):\t6\nEnd\t"
    line = _message(text) + b"".join(by_hand([1]))
    assert understood(line, shape=(3, 2))[0] == Began((3, 2), (4, 5))
    with pytest.raises(ValueError, match="give the scan shape"):
        understood(line)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"GARBAGEGARBAGEGARBAGE", "is no beginning of a message"),
        (b"MPX,0000000001,aaaa", "a message of 0 bytes"),
        (b"MPX,9999999999,aaaa", "a message of 9999999998 bytes"),
        (_message(b"MQ1,hello"), "damaged or of an unknown variety"),
        (b"".join(by_hand([1])), "before the text that announces a scan"),
        (_message(TEXT) + b"".join(by_hand([1])).replace(b"U16", b"R64"), "are sent as R64"),
        (_message(TEXT) + b"".join(by_hand([1])).replace(b"U16", b"U32"), "a frame of 424 bytes"),
        (_message(TEXT) + b"".join([*by_hand([1]), *by_hand([2], (5, 5))]), "in a scan of"),
    ],
)
def test_nonsense_is_told(line, sentence):
    with pytest.raises(ValueError, match=sentence):
        understood(line)


def test_more_electrons_than_a_pixel_counts_are_refused():
    scan = from_frames([[0] * 65536], (1, 1), (2, 2))
    with pytest.raises(LiveError, match="65536 electrons on a pixel do not fit 16 bits"):
        list(MerlinWords().frames(scan, 0, 1))
