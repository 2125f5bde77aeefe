"""Batches of a scan, over ZeroMQ."""

import zmq

from recon.live.addresses import address
from recon.live.senders.interactem import InteractEmSender
from recon.live.wire.interactem import decode
from tests.support.streams import some_scan
from tests.support.waiting import PATIENCE_S


def test_what_is_sent_is_a_batch_of_the_frames():
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
