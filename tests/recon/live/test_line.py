"""A line over TCP: whoever comes first, and whoever goes."""

import socket
import threading
from contextlib import ExitStack

import pytest

from recon.live.addresses import address
from recon.live.line import Line
from recon.live.source import LiveError
from tests.support.waiting import wait_until


@pytest.fixture
def line():
    made = Line(address("tcp://listen@127.0.0.1:0"))
    yield made
    made.close()


def dial(line):
    host, port = line.endpoint.removeprefix("tcp://").split(":")
    return socket.create_connection((host, int(port)))


def read(line, until):
    found = b""
    while (part := line.read(0.05)) != b"" and len(found) < until:
        found += part or b""
    return found


def test_it_listens_and_one_comes_after_the_other(line):
    assert line.read(0) is None
    for number in (b"one", b"two"):
        with dial(line) as peer:
            peer.sendall(number)
            assert read(line, 3) == number
        wait_until(lambda: line.read(0.05) == b"" or not line.connected)
        assert line.read(0.01) is None


def test_who_rings_and_is_gone_before_it_is_answered_is_nobody(line, monkeypatch):
    monkeypatch.setattr("recon.live.line._ready", lambda *asked: True)
    assert line.read(0.05) is None
    assert not line.connected


def test_it_connects_when_the_other_side_is_there(line):
    other = Line(address(line.endpoint))
    data = bytes(range(256)) * 10_000
    sent = threading.Thread(target=lambda: (other.write(data), other.close()))
    sent.start()
    assert read(line, len(data)) == data
    sent.join()


def test_it_comes_back_after_it_was_cut(line):
    other = Line(address(line.endpoint))
    dialled = threading.Thread(target=lambda: other.write(b"x"))
    dialled.start()
    assert read(line, 1) == b"x"
    dialled.join()
    line.hang_up()
    # What is sent before the cut is noticed is lost with the line.
    wait_until(lambda: not other.write(b"y"))
    dialled = threading.Thread(target=lambda: other.write(b"again"))
    dialled.start()
    assert wait_until(lambda: line.read(0.05))
    dialled.join()
    other.close()


def test_it_works_where_a_thousand_files_are_open(tmp_path):
    """`select` refuses a descriptor beyond 1023."""
    resource = pytest.importorskip("resource")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1200:
        pytest.skip("this process may not open so many")
    with ExitStack() as stack:
        (tmp_path / "file").touch()
        while stack.enter_context(open(tmp_path / "file")).fileno() < 1030:
            pass
        line = Line(address("tcp://listen@127.0.0.1:0"))
        stack.callback(line.close)
        sender = Line(address(line.endpoint))
        stack.callback(sender.close)
        writing = threading.Thread(target=sender.write, args=(b"rows",), daemon=True)
        writing.start()
        wait_until(lambda: line.read(0.05) == b"rows")
        assert min(line._peer.fileno(), sender._peer.fileno()) > 1023


def test_it_does_not_talk_to_itself(monkeypatch):
    # On one machine, and where nobody listens yet, an end that dials may be given the port it
    # dials: TCP then connects it to itself, and who wants to listen there finds it taken.
    itself = socket.socket()
    itself.bind(("127.0.0.1", 0))
    itself.connect(itself.getsockname())
    monkeypatch.setattr(socket, "create_connection", lambda *_: itself)
    line = Line(address(f"tcp://127.0.0.1:{itself.getsockname()[1]}"))
    assert line.read(0) is None
    assert not line.connected
    assert itself.fileno() == -1
    line.close()


def test_nobody_is_waited_for_in_vain(line):
    assert line.write(b"x", stop=lambda: True) is False
    assert Line(address("tcp://127.0.0.1:9")).read(0.05) is None


def test_an_address_that_is_taken_is_a_sentence(line):
    with pytest.raises(LiveError, match="cannot be used: address already in use"):
        Line(address(line.endpoint, listen=True))
