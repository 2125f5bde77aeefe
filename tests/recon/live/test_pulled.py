"""A ZeroMQ PULL socket as a line."""

import pytest
import zmq

from recon.live.addresses import address
from recon.live.pulled import AT_ONCE, Pulled
from recon.live.source import LiveError
from tests.support.waiting import wait_until


@pytest.fixture
def line():
    made = Pulled(address("tcp://listen@127.0.0.1:0"), "This stream")
    yield made
    made.close()


def test_messages_are_read_some_at_a_time(line):
    assert line.read(0) is None
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.connect(line.endpoint)
        sent = [[b"a", b"%d" % n] for n in range(2 * AT_ONCE + 1)]
        for message in sent:
            socket.send_multipart(message)
        found = []

        def all_there():
            found.extend(line.read(0.05) or [])
            return len(found) >= len(sent)

        wait_until(all_there)
    assert found == sent


def test_an_address_that_is_taken_is_a_sentence(line):
    with pytest.raises(LiveError, match="cannot be used: address already in use"):
        Pulled(address(line.endpoint, listen=True), "This stream")


def test_without_its_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zmq", None)
    with pytest.raises(LiveError, match=r"This stream needs zmq, which is not installed"):
        Pulled(address("tcp://127.0.0.1:1"), "This stream")
