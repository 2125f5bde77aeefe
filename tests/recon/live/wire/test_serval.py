"""Packets of a Timepix3, as its description writes them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recon.io import open_events
from recon.live.wire import serval as wire
from tests.support import timepix_files as files
from tests.support.strategies import dense
from tests.support.streams import some_scan


@given(time=st.integers(0, 2**36), x=st.integers(0, 255), y=st.integers(0, 255))
def test_a_hit_is_the_word_of_the_description(time, x, y):
    assert int(wire.hits([time], [y], [x])[0]) == files.hit(time, x, y, wire.TOT)


@given(time=st.integers(0, 2**36))
def test_a_trigger_is_the_word_of_the_description(time):
    assert int(wire.trigger(time)[0]) == files.trigger(6 * time)


@given(time=st.integers(0, 2**44))
def test_the_global_time_is_the_words_of_the_description(time):
    assert tuple(map(int, wire.global_time(16 * time))) == files.global_time(time)


def test_a_chunk_has_its_header_and_is_cut_where_it_gets_too_long():
    words = np.arange(10_000, dtype=np.uint64)
    data = wire.chunk(words, 2)
    assert data == files.chunk(words[:8191], 2) + files.chunk(words[8191:], 2)


def test_each_chip_has_its_part_of_the_detector():
    pixels = np.array([y * 512 + x for y in (0, 255, 256, 511) for x in (0, 255, 256, 511)])
    found = {}
    for chip, y, x, some in wire.chips(pixels, 512):
        for pixel, row, column in zip(pixels[some], y, x, strict=True):
            found[int(pixel)] = (chip, int(column), int(row))
    assert found == {int(p): files.on_chip(int(p % 512), int(p // 512)) for p in pixels}


def test_what_is_sent_reads_as_the_scan(tmp_path):
    for side in wire.SIDES:
        scan = some_scan((5, 7), (side, side))
        (tmp_path / "a.tpx3").write_bytes(wire.encode(scan, 0, 20, 640, 5000)
                                          + wire.encode(scan, 20, 35, 640, 5000))  # fmt: skip
        events = open_events(
            tmp_path / "a.tpx3", scan_shape=(5, 7), dwell_time=1e-6, trigger="tdc1 rising",
            cluster_window_ns=0,
        )  # fmt: skip
        np.testing.assert_array_equal(dense(events), dense(scan))
