"""Messages pushed over ZeroMQ: to whom listens, and until told to stop."""

import pytest
import zmq

from recon.live.addresses import address
from recon.live.senders.pushed import Pushed
from recon.live.source import LiveError
from tests.support.waiting import PATIENCE_S


def test_what_is_sent_arrives_before_the_line_is_closed():
    with zmq.Context() as context, context.socket(zmq.PULL) as line:
        line.bind("tcp://127.0.0.1:*")
        there = address(line.getsockopt_string(zmq.LAST_ENDPOINT))
        sender = Pushed(there, lambda: False, "A stream")
        assert sender.push([b"a", b"bc"])
        sender.close()
        assert line.poll(1000 * PATIENCE_S)
        assert line.recv_multipart() == [b"a", b"bc"]


def test_where_nobody_listens_it_ends_when_it_is_told_to():
    sender = Pushed(address("tcp://listen@127.0.0.1:0"), lambda: True, "A stream")
    assert sender.push([b"a"]) is False
    sender.close()


def test_who_goes_after_the_look_whether_anyone_is_there_holds_nothing_up(monkeypatch):
    sender = Pushed(address("tcp://listen@127.0.0.1:0"), lambda: True, "A stream")
    sender._socket.sndtimeo = 1000  # a sender that waits fails, and does not wait for ever
    monkeypatch.setattr(zmq.Socket, "poll", lambda *look: zmq.POLLOUT)
    assert sender.push([b"a", b"bc"]) is False
    sender.close()


def test_an_address_that_is_taken_is_a_sentence():
    sender = Pushed(address("tcp://listen@127.0.0.1:0"), lambda: True, "A stream")
    with pytest.raises(LiveError, match="cannot be used: address already in use"):
        Pushed(address(sender.endpoint, listen=True), lambda: True, "A stream")
    sender.close()
