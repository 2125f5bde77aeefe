"""Scans whose frames come in order, over a real socket, whatever happens to the line."""

import socket

import numpy as np
import pytest
import zmq

from recon.live.addresses import address
from recon.live.line import Line
from recon.live.pulled import Pulled
from recon.live.source import Block, Ended
from recon.live.sources.in_order import InOrder
from recon.live.wire.accos import AccosDecoder, AccosWords
from recon.live.wire.dectris import DectrisDecoder
from recon.live.wire.merlin import MerlinDecoder, MerlinWords
from tests.support import dectris_messages
from tests.support.strategies import dense
from tests.support.streams import ended, heard, scans_of, sentences, some_scan

KINDS = {"accos": (AccosDecoder, AccosWords()), "merlin": (MerlinDecoder, MerlinWords())}


@pytest.fixture(params=KINDS)
def words(request):
    return KINDS[request.param][1]


@pytest.fixture
def source(words):
    decoder = next(d for d, w in KINDS.values() if w is words)
    made = InOrder(Line(address("tcp://listen@127.0.0.1:0")), decoder, patience=600)
    yield made
    made.close()


def dial(source):
    host, port = source.endpoint.removeprefix("tcp://").split(":")
    return socket.create_connection((host, int(port)))


def parts(words, scan, number=1, step=4):
    """Beginning, frames, end."""
    ranges = [(n, min(n + step, scan.positions)) for n in range(0, scan.positions, step)]
    frames = [b"".join(words.frames(scan, *one)) for one in ranges]
    return [words.before(scan, number), *frames, words.after(number)]


def test_scans_follow_each_other(source, words):
    scans = [some_scan(seed=n) for n in range(3)]
    with dial(source) as line:
        for number, scan in enumerate(scans):
            line.sendall(b"".join(parts(words, scan, number + 1)))
        found = scans_of(heard(source, ended(3)))
    for number, (scan, (began, counts, end)) in enumerate(zip(scans, found, strict=True)):
        assert (began.number, end) == (number + 1, Ended(scan.positions, 0))
        np.testing.assert_array_equal(counts, dense(scan))


def test_rows_are_given_while_the_scan_runs(source, words):
    scan = some_scan()
    with dial(source) as line:
        sent = parts(words, scan, step=8)
        line.sendall(b"".join(sent[:3]))
        rows = heard(source, lambda m: sum(isinstance(b, Block) for b in m) > 0)
        assert not any(isinstance(m, Ended) for m in rows)
        line.sendall(b"".join(sent[3:]))
        ((_, counts, _),) = scans_of(rows + heard(source, ended()))
    np.testing.assert_array_equal(counts, dense(scan))


def test_a_line_that_is_cut_ends_the_scan_with_what_came_and_another_may_come(source, words):
    scan, sent = some_scan(), parts(words, some_scan())
    with dial(source) as line:
        line.sendall(b"".join(sent[:4])[:-3])
    ((_, counts, end),) = scans_of(heard(source, ended()))
    frames = end.frames
    assert frames in (8, 11)
    wanted = dense(scan).reshape(scan.positions, *scan.frame_shape)
    wanted[frames:] = 0
    np.testing.assert_array_equal(counts.reshape(wanted.shape), wanted)
    assert end.notes[0] == "The line was cut before the scan was over."
    with dial(source) as line:
        line.sendall(b"".join(sent))
        ((_, counts, end),) = scans_of(heard(source, ended()))
    np.testing.assert_array_equal(counts, dense(scan))
    assert end == Ended(scan.positions, 0)


def test_silence_ends_the_scan_with_what_came(source, words):
    scan = some_scan()
    with dial(source) as line:
        line.sendall(b"".join(parts(words, scan)[:4]))
        messages = heard(source, lambda m: source._rows is not None and source._rows.frames == 12)
        source._patience = 0.1
        ((_, counts, end),) = scans_of(messages + heard(source, ended()))
    assert counts.sum() == scan.offsets[12]
    assert end.notes[0] == "Nothing came for 0.1 s: the scan was stopped, or the sender is gone."


def test_a_second_scan_while_one_runs_ends_the_first(source, words):
    first, second = some_scan(), some_scan((3, 5), seed=1)
    with dial(source) as line:
        line.sendall(b"".join([*parts(words, first)[:4], *parts(words, second, 2)]))
        found = scans_of(heard(source, ended(2)))
    assert found[0][1].sum() == first.offsets[12]
    assert found[0][2].notes[0] == "Another scan began before it was whole."
    np.testing.assert_array_equal(found[1][1], dense(second))


def test_nonsense_ends_the_scan_with_a_sentence_and_the_line_is_taken_up_again(source, words):
    scan, sent = some_scan(), parts(words, some_scan())
    with dial(source) as line:
        line.sendall(b"".join(sent[:4]) + b"nonsense" * 10)
        messages = heard(source, ended())
    ((_, counts, end),) = scans_of(messages)
    assert counts.sum() == scan.offsets[12]
    (told,) = sentences(messages)
    assert told.startswith("The stream makes no sense (")
    assert end.notes[0] == "The stream made no sense before it was over."
    with dial(source) as line:
        line.sendall(b"".join(sent))
        ((_, counts, _),) = scans_of(heard(source, ended()))
    np.testing.assert_array_equal(counts, dense(scan))


def test_what_is_held_is_given_when_it_is_closed(source, words):
    scan = some_scan()
    with dial(source) as line:
        line.sendall(b"".join(parts(words, scan)[:3]))
        messages = heard(source, lambda m: source._rows is not None and source._rows.frames == 8)
        messages += source.close()
    ((_, counts, end),) = scans_of(messages)
    assert counts.sum() == scan.offsets[8]
    assert end.notes[0] == "The line was closed before the scan was over."


def test_a_series_of_dectris_is_received_and_nonsense_within_it_ends_it_alone(tmp_path):
    line = Pulled(address("tcp://listen@127.0.0.1:0"), "This stream")
    source = InOrder(line, DectrisDecoder, patience=600)
    frames = [dectris_messages.low_counts((3, 4), (16, 12), seed=n) for n in range(3)]
    made = [
        list(dectris_messages.first_version(tmp_path / "a.h5", some, 3, 4, series=n))
        for n, some in enumerate(frames)
    ]
    made[1][7][1] = made[1][7][1].replace(b"bs16", b"bs17")
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.connect(source.endpoint)
        for message in (m for series in made for m in series):
            socket.send_multipart(message)
        messages = heard(source, ended(3))
    found = scans_of(messages)
    assert [began.number for began, _, _ in found] == [0, 1, 2]
    for which in (0, 2):
        np.testing.assert_array_equal(found[which][1].reshape(12, 16, 12), frames[which])
        assert found[which][2] == Ended(12, 0)
    np.testing.assert_array_equal(found[1][1].reshape(12, 16, 12)[:5], frames[1][:5])
    assert (found[1][2].frames, found[1][2].lost) == (5, 7)
    told = sentences(messages)
    assert "encoded as 'bs17-lz4<'" in told[0]
    # The rest of it is told once.
    assert len(told) == 2
    assert "before the beginning of its series" in told[1]
    source.close()
