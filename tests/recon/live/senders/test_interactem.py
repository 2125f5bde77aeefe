"""Batches pushed over ZeroMQ: to whom listens, and until told to stop."""

import pytest
import zmq

from recon.live.addresses import address
from recon.live.senders.interactem import InteractEmSender
from recon.live.source import LiveError
from recon.live.wire.interactem import decode
from tests.support.streams import some_scan
from tests.support.waiting import PATIENCE_S


def test_what_is_sent_arrives_before_the_line_is_closed():
    scan = some_scan()
    with zmq.Context() as context, context.socket(zmq.PULL) as line:
        line.bind("tcp://127.0.0.1:*")
        sender = InteractEmSender(address(line.getsockopt_string(zmq.LAST_ENDPOINT)))
        sender.begin(scan, 5)
        assert sender.send(3, 9)
        sender.close()
        assert line.poll(1000 * PATIENCE_S)
        batch = decode(line.recv_multipart())
    assert batch.number == 5
    assert batch.positions.tolist() == list(range(3, 9))
    assert batch.pixels.tolist() == scan.pixels[scan.offsets[3] : scan.offsets[9]].tolist()


def test_where_nobody_listens_it_ends_when_it_is_told_to():
    sender = InteractEmSender(address("tcp://listen@127.0.0.1:0"), lambda: True)
    sender.begin(some_scan(), 1)
    assert sender.send(0, 4) is False
    sender.close()


def test_an_address_that_is_taken_is_a_sentence():
    sender = InteractEmSender(address("tcp://listen@127.0.0.1:0"), lambda: True)
    with pytest.raises(LiveError, match="cannot be used: address already in use"):
        InteractEmSender(address(sender.endpoint, listen=True))
    sender.close()
