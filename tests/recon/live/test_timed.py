"""Rows from times: which electron belongs where, and when a row is over."""

import numpy as np
import pytest

from recon.live.packets import NONE, Found
from recon.live.source import Began, Block, Ended, Late
from recon.live.timed import MARGIN, TimedRows

US = 640
"""Units of 25/16 ns in a microsecond; six times as many of a trigger's."""
DETECTOR = (256, 256)
OPTIONS = {"dwell_time": 1e-6, "trigger": "tdc1 rising"}
SOON = MARGIN // 6


def electrons(*times):
    """Electrons at times [µs], their pixels counted up."""
    number = len(times)
    found = np.array([round(US * time) for time in times], np.int64)
    return Found(found, np.arange(number, dtype=np.uint32), np.full(number, 136, np.uint8))


def marks(*times):
    return np.array([6 * US * time for time in times], np.int64)


def shown(messages):
    """What was given, in short."""
    for message in messages:
        if isinstance(message, Block):
            kind = "late" if isinstance(message, Late) else "rows"
            events = message.events
            yield kind, message.first_row, np.diff(events.offsets).tolist(), events.pixels.tolist()
        elif isinstance(message, Began):
            yield "began", message.number
        else:
            yield "ended", message.frames, message.lost


def test_a_row_is_given_when_its_time_is_over_and_not_before():
    rows, lines = TimedRows((2, 3), OPTIONS, True), marks(100, 110)
    found = electrons(100.5, 102.5, 102.6)
    until = 103 * US + SOON
    assert list(shown(rows.take(found, lines, until - 1, DETECTOR))) == [("began", 1)]
    assert list(shown(rows.take(NONE, lines, until, DETECTOR))) == [
        ("rows", 0, [1, 0, 2], [0, 1, 2])
    ]
    more = rows.take(electrons(110.1, 112.9), lines, 113 * US + SOON, DETECTOR)
    assert list(shown(more)) == [("rows", 1, [1, 0, 1], [0, 1]), ("ended", 6, 0)]
    assert more[0].events.subpixel.tolist() == [136, 136]


def test_an_electron_that_comes_late_is_added_to_its_row():
    rows, lines = TimedRows((2, 3), OPTIONS, False), marks(100, 110)
    rows.take(electrons(100.5), lines, 103 * US + SOON, DETECTOR)
    found = rows.take(electrons(101.5, 110.5), lines, 111 * US, DETECTOR)
    assert list(shown(found)) == [("late", 0, [0, 1, 0], [0])]


def test_what_came_before_and_between_is_left_out_and_told():
    rows, lines = TimedRows((2, 3), OPTIONS, False), marks(100, 110)
    found = rows.take(electrons(99, 104, 110.5), lines, 10**6, DETECTOR, last=True)
    assert list(shown(found)) == [
        ("began", 1),
        ("rows", 0, [0] * 3 + [1, 0, 0], [2]),
        ("ended", 6, 0),
    ]
    # What lies between two lines is the beam on its way back.
    sentence = "1 electron came before the scan began or after it was over: left out."
    assert found[-1].notes == (sentence,)


def test_the_next_scan_ends_the_one_before_and_nothing_is_mixed():
    rows, lines = TimedRows((2, 3), OPTIONS, False), marks(100, 110, 120, 130)
    found = rows.take(electrons(112.5, 120.5), lines, 121 * US, DETECTOR)
    assert list(shown(found)) == [
        ("began", 1), ("rows", 0, [0] * 5 + [1], [0]), ("ended", 6, 0), ("began", 2),
    ]  # fmt: skip
    found = rows.take(NONE, lines, 121 * US, DETECTOR, last=True)
    assert list(shown(found)) == [("rows", 0, [1, 0, 0], [1]), ("ended", 1, 5)]


def test_a_stream_that_ends_gives_what_came():
    rows = TimedRows((4, 3), OPTIONS, False)
    found = rows.take(electrons(101.5), marks(100), 102 * US, DETECTOR, last=True)
    assert list(shown(found)) == [("began", 1), ("rows", 0, [0, 1, 0], [0]), ("ended", 2, 10)]
    assert found[-1] == Ended(2, 10, ("The stream ended in row 0 of 4.",))


@pytest.mark.parametrize("what", ["scan", None])
def test_one_mark_for_all_lines(what):
    options = {"dwell_time": 1e-6, "flyback_time": 2e-6}
    options |= {"trigger": "tdc1 rising", "trigger_marks": "scan"} if what else {}
    rows = TimedRows((2, 3), options, False)
    found = rows.take(electrons(100.5, 105.5), marks(100), 103 * US + SOON, DETECTOR)
    assert list(shown(found)) == [("began", 1), ("rows", 0, [1, 0, 0], [0])]
    found = rows.take(NONE, marks(100), 108 * US + SOON, DETECTOR)
    assert list(shown(found)) == [("rows", 1, [1, 0, 0], [1]), ("ended", 6, 0)]
