"""Scans of a Timepix3 by Serval, over a real socket."""

import socket

import numpy as np
import pytest

from recon.live.addresses import address
from recon.live.line import Line
from recon.live.source import Began, Block, Ended, LiveError
from recon.live.sources.serval import Serval
from recon.live.tail import Tail
from recon.live.wire import serval as wire
from tests.support.strategies import dense
from tests.support.streams import ended, heard, scans_of, some_scan

SHAPE, DWELL = (5, 7), 640
TOLD = {"scan_shape": SHAPE, "dwell_time": 1e-6, "trigger": "tdc1 rising", "cluster_window_ns": 0}
LISTEN = "tcp://listen@127.0.0.1:0"


def opened(**options):
    return Serval(Line(address(LISTEN)), **(TOLD | options))


def dial(source):
    host, port = source.endpoint.removeprefix("tcp://").split(":")
    return socket.create_connection((host, int(port)))


def packets(scan, begin=10_000, rows=SHAPE[0]):
    data = wire.encode(scan, 0, rows * SHAPE[1], DWELL, begin)
    return data + wire.chunk(wire.global_time(begin + 10**7), 0)


@pytest.mark.parametrize("side", wire.SIDES)
def test_scans_follow_each_other_on_a_line(side):
    scans, source = [some_scan(SHAPE, (side, side), seed=n) for n in range(3)], opened()
    with dial(source) as line:
        for number, scan in enumerate(scans):
            line.sendall(packets(scan, begin=10_000 + number * 2 * 10**7))
    found = scans_of(heard(source, ended(3)))
    for number, (scan, (began, counts, end)) in enumerate(zip(scans, found, strict=True)):
        assert (began.number, began.scan_shape) == (number + 1, SHAPE)
        assert began.metadata == {"dwell_time": 1e-6}
        np.testing.assert_array_equal(counts, dense(scan))
        assert end == Ended(35, 0)
    source.close()


def test_a_line_that_is_cut_ends_the_scan_with_what_came_and_another_may_come():
    scan, source = some_scan(SHAPE, (256, 256)), opened()
    with dial(source) as line:
        line.sendall(wire.encode(scan, 0, 16, DWELL, 10_000)[:-4])
    ((_, counts, end),) = scans_of(heard(source, ended()))
    wanted = dense(scan)
    np.testing.assert_array_equal(counts[:2], wanted[:2])
    assert not counts[3:].any()
    assert end.lost >= 35 - 16
    assert end.notes[0] == "The stream ended in row 2 of 5."
    with dial(source) as line:
        line.sendall(packets(scan))
    ((began, counts, end),) = scans_of(heard(source, ended()))
    np.testing.assert_array_equal(counts, wanted)
    assert (began.number, end.notes) == (2, ())
    source.close()


def test_silence_ends_the_scan_with_what_came():
    scan, source = some_scan(SHAPE, (256, 256)), opened()
    with dial(source) as line:
        line.sendall(wire.encode(scan, 0, 14, DWELL, 10_000))
        messages = heard(source, lambda m: source._packets._newest > 0)
        source._patience = 0.5
        ((_, counts, end),) = scans_of(messages + heard(source, ended()))
    np.testing.assert_array_equal(counts[:2], dense(scan)[:2])
    assert end.lost >= 21
    source.close()


def test_what_is_held_is_given_when_it_is_closed():
    scan, source = some_scan(SHAPE, (256, 256)), opened()
    with dial(source) as line:
        line.sendall(wire.encode(scan, 0, 35, DWELL, 10_000))
        assert heard(source, lambda m: source._packets._newest > 0) == []
        messages = source.close()
    assert [type(m) for m in messages][:2] == [Began, Block]
    np.testing.assert_array_equal(scans_of(messages)[0][1], dense(scan))


def test_a_file_that_grows_is_a_stream(tmp_path):
    scan, path = some_scan(SHAPE, (256, 256)), tmp_path / "a.tpx3"
    data = packets(scan)
    path.write_bytes(data[:1000])
    source = Serval(Tail(path), **TOLD)
    messages = heard(source, lambda m: source._packets._newest > 0)
    with open(path, "ab") as file:
        file.write(data[1000:])
    source._patience = 0.5
    ((_, counts, end),) = scans_of(messages + heard(source, ended()))
    np.testing.assert_array_equal(counts, dense(scan))
    assert end == Ended(35, 0)
    source.close()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"scan_shape": None}, "does not say how the beam was scanned: give the scan shape"),
        ({"dwell_time": None}, "give the dwell_time"),
        ({"trigger": "bell"}, "Of the scan.s timing: there is no trigger bell"),
        ({"repeat": True}, "`repeat` is for files"),
        ({"cluster_window_ns": -1}, "The cluster window must be 0 to 1000000 ns"),
        ({"patience": 60.0}, "The patience must be at most 12 s, not 60 s"),
    ],
)
def test_what_is_not_told_is_asked_for(options, sentence):
    options = {name: value for name, value in (TOLD | options).items() if value is not None}
    with pytest.raises(LiveError, match=sentence):
        Serval(None, **options)
