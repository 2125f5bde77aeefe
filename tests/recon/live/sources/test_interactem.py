"""Scans of interactEM, whatever happens to their batches, over a real socket."""

import random

import msgpack
import numpy as np
import pytest
import zmq

from recon.live.addresses import address
from recon.live.source import Began, Block, Ended, LiveError
from recon.live.sources import interactem
from recon.live.sources.interactem import InteractEm
from recon.live.wire.interactem import encode
from tests.support.strategies import dense
from tests.support.streams import ended, heard, scans_of, sentences, some_scan


@pytest.fixture
def source():
    made = InteractEm(address("tcp://listen@127.0.0.1:0"), patience=600)
    yield made
    made.close()


@pytest.fixture
def push(source):
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.linger = 0
        socket.connect(source.endpoint)
        yield lambda message: socket.send_multipart(message)


def batches(scan, step=5, number=1):
    firsts = range(0, scan.positions, step)
    return [encode(scan, n, min(n + step, scan.positions), number) for n in firsts]


def come(source, frames, which=0):
    """A condition: so many frames of a scan that is under way have come."""
    return lambda messages: (
        len(source._scans) > which and (source._scans[which].rows.frames == frames)
    )


def the_scan(messages, scan, lost=0):
    """The one scan that was heard has the electrons of `scan`; its end."""
    ((began, counts, end),) = scans_of(messages)
    assert (began.scan_shape, began.frame_shape) == (scan.scan_shape, scan.frame_shape)
    np.testing.assert_array_equal(counts, dense(scan))
    assert (end.frames, end.lost) == (scan.positions - lost, lost)
    return end


def test_frames_in_any_order_and_twice(source, push, monkeypatch):
    monkeypatch.setattr(interactem, "AGAIN_S", 600)
    scan, order = some_scan(), random.Random(3)
    sent = batches(scan, step=3)
    sent += sent[:4]
    order.shuffle(sent)
    # One that comes again after the end is a repetition too.
    for message in [*sent, sent[-1]]:
        push(message)
    end = the_scan(heard(source, ended()), scan)
    assert source.poll(0.2) == []
    # What came twice after the last new frame cannot be told with the end.
    assert all("twice" in note for note in end.notes)


def test_rows_are_given_while_the_scan_runs(source, push):
    scan = some_scan((4, 5))
    sent = batches(scan, step=5)
    push(sent[0])
    messages = heard(source, lambda m: any(isinstance(one, Block) for one in m))
    assert [type(one) for one in messages] == [Began, Block]
    for message in sent[1:]:
        push(message)
    the_scan(messages + heard(source, ended()), scan)


def test_missing_frames_are_empty_when_the_next_scan_has_begun(source, push, monkeypatch):
    monkeypatch.setattr(interactem, "OVERTAKEN_S", 600)
    scan, other = some_scan(), some_scan(seed=1)
    sent = batches(scan, number=7)
    following = batches(other, number=8)
    # Of the first one a batch is lost, and one comes after the second has begun.
    lost = sent.pop(3)
    for message in [*sent[:-1], *following[:2], sent[-1], *following[2:]]:
        push(message)
    messages = heard(source, come(source, other.positions, 1))
    gone = len(msgpack.unpackb(lost[1])["headers"])
    messages += heard(source, come(source, scan.positions - gone))
    monkeypatch.setattr(interactem, "OVERTAKEN_S", 0)
    first, second = scans_of(messages + heard(source, ended(2)))
    wanted = dense(scan).reshape(scan.positions, *scan.frame_shape)
    wanted[15 : 15 + gone] = 0
    np.testing.assert_array_equal(first[1].reshape(wanted.shape), wanted)
    assert first[2].lost == gone
    assert first[2].notes == (
        "Scan 8 began before scan 7 was whole.",
        f"{gone} of {scan.positions} frames did not come: empty.",
    )
    np.testing.assert_array_equal(second[1], dense(other))
    assert (first[0].number, second[0].number, second[2].notes) == (7, 8, ())


def test_a_sender_that_vanishes_ends_the_scan_with_what_came(push, source):
    scan = some_scan()
    for message in batches(scan)[:4]:
        push(message)
    messages = heard(source, come(source, 20))
    source._patience = 0.1
    messages += heard(source, ended())
    ((_, counts, end),) = scans_of(messages)
    assert counts.sum() == scan.offsets[20]
    assert end.lost == scan.positions - 20
    assert end.notes[0] == "Nothing came for 0.1 s: the scan was stopped, or the sender is gone."
    # What comes of it after all is not lost either.
    source._patience = 600
    for message in batches(scan)[4:]:
        push(message)
    rest = heard(source, come(source, scan.positions - 20)) + source.close()
    ((began, more, end),) = scans_of(rest)
    assert began.number == 1
    np.testing.assert_array_equal(counts + more, dense(scan))
    assert end.notes[0] == "The line was closed before the scan was over."


def test_a_batch_of_another_shape_is_left_out_with_a_sentence(source, push):
    scan = some_scan((2, 3), (4, 4))
    good, bad = batches(scan, step=3), batches(some_scan((2, 3), (5, 4)), step=3)
    for message in (good[0], bad[1], bad[1], good[1]):
        push(message)
    messages = heard(source, ended())
    end = the_scan(messages, scan)
    assert sentences(messages) == [
        "In scan 1 of 2 × 3 positions and 4 × 4 pixels, a batch of 2 × 3 positions and 5 × 4 "
        "pixels is left out."
    ]
    assert end.notes == ("Of other shapes than the scan: 6 frames, left out.",)


def test_a_batch_cut_short_is_taken_as_far_as_it_goes(source, push):
    scan = some_scan((2, 3), brightest=5)
    sent = batches(scan, step=3)
    whole = int(scan.offsets[2])
    push([*sent[0][:2], sent[0][2][: 4 * whole]] if scan.offsets[3] > whole else sent[0])
    push(sent[1])
    messages = heard(source, come(source, 5))
    source._patience = 0.0
    ((_, counts, end),) = scans_of(messages + heard(source, ended()))
    wanted = dense(scan)
    wanted[0, 2] = 0
    assert scan.offsets[3] > whole
    np.testing.assert_array_equal(counts, wanted)
    assert "Cut short in their batches: 1 frame, left out." in end.notes


def test_nonsense_is_left_out_with_a_sentence_and_the_scan_goes_on(source, push):
    scan = some_scan((2, 3))
    push([b"hello"])
    for message in batches(scan):
        push(message)
    messages = heard(source, ended())
    the_scan(messages, scan)
    (told,) = sentences(messages)
    assert told == "A message of 1 parts (a batch of interactEM has 3) is left out."


def test_several_frames_a_position_are_summed(source, push):
    scan = some_scan((2, 3))
    for again in range(2):
        for message in batches(scan, step=2):
            head = msgpack.unpackb(message[1])
            head["total_frames"] = 2 * scan.positions
            for frame in head["headers"]:
                frame["frame_number"] += 1000 * again
            push([message[0], msgpack.packb(head), message[2]])
    ((_, counts, end),) = scans_of(heard(source, ended()))
    np.testing.assert_array_equal(counts, 2 * dense(scan))
    assert end == Ended(12, 0)


def test_the_same_number_may_come_again_later(source, push, monkeypatch):
    monkeypatch.setattr(interactem, "AGAIN_S", 0.0)
    scan = some_scan((2, 3))
    for message in batches(scan) * 2:
        push(message)
    found = scans_of(heard(source, ended(2)))
    assert [int(counts.sum()) for _, counts, _ in found] == [scan.electrons] * 2


def test_an_address_that_is_taken_is_a_sentence(source):
    with pytest.raises(LiveError, match="cannot be used: address already in use"):
        InteractEm(address(source.endpoint.replace("//", "//listen@")))


def test_without_its_libraries_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zmq", None)
    with pytest.raises(LiveError, match=r"needs zmq, which is not installed.*livestem\[live\]"):
        InteractEm(address("tcp://127.0.0.1:1"))
