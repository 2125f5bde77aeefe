"""Accos' sparse rows: against the receiver and the simulator of LiberTEM, and cut anywhere."""

import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.live.source import Began
from recon.live.wire.accos import AccosDecoder, AccosWords
from recon.live.wire.words import Frames, Over
from tests.support.strategies import dense, scans
from tests.support.streams import some_scan


def sent(scan, number=3, step=5):
    words = AccosWords()
    parts = [words.before(scan, number)]
    for first in range(0, scan.positions, step):
        parts += words.frames(scan, first, min(first + step, scan.positions))
    return b"".join([*parts, words.after(number)])


def understood(data, cuts=()):
    decoder, found = AccosDecoder(), []
    borders = [0, *sorted(cuts), len(data)]
    for first, last in pairwise(borders):
        found += decoder.feed(data[first:last])
    return found


def counts_of(words, scan):
    counts = np.concatenate([w.counts for w in words if isinstance(w, Frames)])
    pixels = np.concatenate([w.pixels for w in words if isinstance(w, Frames)])
    cube = np.zeros((scan.positions, scan.frame_shape[0] * scan.frame_shape[1]), int)
    np.add.at(cube, (np.repeat(np.arange(counts.size), counts), pixels), 1)
    return cube.reshape(*scan.scan_shape, *scan.frame_shape)


@given(scans(), st.data())
def test_what_is_sent_is_understood_however_it_is_cut(scan, data):
    line = sent(scan)
    cuts = data.draw(st.lists(st.integers(0, len(line)), max_size=8))
    words = understood(line, cuts)
    assert words[0] == Began(scan.scan_shape, scan.frame_shape, 3)
    assert words[-1] == Over()
    np.testing.assert_array_equal(counts_of(words, scan), dense(scan))


def test_the_simulator_of_libertem_is_understood():
    library = pytest.importorskip("libertem_asi_tpx3")
    columns = [0, 2, 2, 3, 5, 6, 8], [1, 2, 19, 3, 4, 0, 7, 8], [1, 1, 1, 2, 1, 1, 1, 3]
    columns = [np.array(column, np.uint32) for column in columns]
    words = understood(bytes(library.make_sim_data((2, 3), *columns)))
    assert words[0] == Began((2, 3), (512, 512), 1)
    assert words[1].counts.tolist() == [2, 0, 1, 3, 1, 4]
    assert words[1].pixels.tolist() == [1, 2, 19, 3, 3, 4, 0, 7, 8, 8, 8]


def test_a_time_over_threshold_is_no_number_of_electrons():
    scan = some_scan((1, 2))
    line = bytearray(sent(scan))
    line[2] = 1
    (frames,) = [word for word in understood(bytes(line)) if isinstance(word, Frames)]
    kinds = [len(np.unique(frame)) for frame in scan.frames()]
    assert frames.counts.tolist() == kinds


HEAD = struct.pack("<BBBHHBHHBI15x", 0, 7, 0, 2, 3, 4, 4, 5, 4, 1)
SCAN = struct.pack("<BIQ19x", 1, 1, 0)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"GET / HTTP/1.1\r\nHost: microscope\r\n", "a header of kind 71"),
        (SCAN, "a header of kind 1, where an acquisition should begin"),
        (HEAD[:2] + b"\x05" + HEAD[3:], "is not known"),
        (HEAD[:3] + b"\0\0" + HEAD[5:], "a scan of 0 × 3 positions"),
        (HEAD + struct.pack("<BIQ19x", 1, 1, 1 << 40), "bytes of metadata"),
        (HEAD + SCAN + struct.pack("<BBIIII14x", 2, 9, 1, 0, 8, 8), "values of type 9"),
        (HEAD + SCAN + struct.pack("<BBIIII14x", 2, 4, 1, 1, 99, 12), "a chunk of 1 frames"),
        (HEAD + SCAN + struct.pack("<BBIIII14x", 2, 4, 1 << 31, 1, 8, 12), "a chunk of"),
        (HEAD + SCAN + struct.pack("<BBIIII14x2I", 2, 4, 1, 0, 8, 8, 1, 0), "do not follow"),
        (HEAD + SCAN + struct.pack("<BBIIII14x4I", 2, 4, 1, 1, 8, 12, 0, 1, 0, 2**32 - 1),
         "electrons on a pixel"),
    ],
)  # fmt: skip
def test_nonsense_is_told(line, sentence):
    with pytest.raises(ValueError, match=sentence):
        understood(line)
