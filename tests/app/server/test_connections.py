"""Connections that say nothing, and more of them than there are descriptors."""

import json
import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager

import pytest

from tests.support.servers import ROOT
from tests.support.waiting import PATIENCE_S

SERVER = """
import asyncio, json, logging, os, resource, sys
from tornado.web import Application, RequestHandler
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from app.server import connections
from app.server.connections import Door, bound

connections.MOST_DESCRIPTORS = {most}
accepted = []
accept = Door.accept

def counted(door):
    accepted.append(1)
    return accept(door)

Door.accept = counted

class Hello(RequestHandler):
    taken = []

    def get(self, what):
        if what == "take":
            while True:
                try:
                    self.taken.append(open(os.devnull))
                except OSError:
                    break
        if what == "release":
            while self.taken:
                self.taken.pop().close()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.write(json.dumps(dict(accepted=len(accepted), limit=limit)))

async def main():
    logging.basicConfig(level=logging.WARNING)
    bound()
    made = HTTPServer(Application([("/(.*)", Hello)]), idle_connection_timeout={idle})
    listening = bind_sockets(0, "127.0.0.1")
    port = listening[0].getsockname()[1]
    made.add_sockets(listening)
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@contextmanager
def server(limit, idle=3600, most=1 << 16):
    """A server with so many descriptors: its port, and at last what it has logged."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER.replace("{idle}", str(idle)).replace("{most}", str(most))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit),
    )
    logged = []
    try:
        yield int(process.stdout.readline()), logged
    finally:
        logged += process.communicate()[1].splitlines()


def knock(port):
    found = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    found.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")  # and no more
    return found


def ask(connection, what=""):
    """The answer to a request on an open connection."""
    connection.sendall(f"GET /{what} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        some = connection.recv(1 << 16)
        assert some, "the connection was closed"
        head += some
    return json.loads(head.partition(b"\r\n\r\n")[2])


def is_shut(connection):
    """Whether the server has ended a connection; waits for a word of it."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def visitor(port):
    return closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S))


def test_a_connection_that_says_nothing_is_ended():
    with server((256, 256), idle=0.2) as (port, logged), closing(knock(port)) as half:
        assert is_shut(half)
        with visitor(port) as other:
            ask(other)
            assert is_shut(other)  # It says nothing after that.
    assert logged == []


def test_260_half_open_connections_leave_room_and_one_line():
    with server((256, 256)) as (port, logged), visitor(port) as before:
        ask(before)
        half = [knock(port) for _ in range(260)]
        shut = [is_shut(each) for each in half[-60:]]
        assert all(shut)
        # Whoever was there goes on; each connection was accepted once.
        assert ask(before)["accepted"] < 700
        for each in half:
            each.close()
        for _ in range(1000):
            with visitor(port) as after:
                try:
                    ask(after)
                    break
                except (AssertionError, ConnectionError):
                    continue
        else:
            pytest.fail("no room for a new connection")
    (line,) = logged
    assert "More than 192 connections are open" in line


def test_where_no_descriptor_is_left_who_knocks_is_turned_away():
    with server((256, 256)) as (port, logged), visitor(port) as before:
        ask(before, "take")
        for _ in range(20):
            with visitor(port) as other:
                assert is_shut(other)
        assert ask(before, "release")["accepted"] < 100
        with visitor(port) as after:
            ask(after)
    assert logged == []


@pytest.mark.parametrize(
    ("limit", "most", "allowed"), [((64, 512), 1 << 16, 512), ((64, 512), 128, 128)]
)
def test_the_limit_is_raised_as_far_as_it_may_be(limit, most, allowed):
    with server(limit, most=most) as (port, _), visitor(port) as one:
        assert ask(one)["limit"] == [allowed, 512]


def test_a_child_answers_on_a_descriptor_of_any_number(tmp_path):
    import h5py
    import numpy as np

    from recon.io.files.apart import Apart

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = np.arange(6)
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2000:
        pytest.skip("needs more descriptors than this process may have")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(2000, before[0]), before[1]))
    apart = Apart()
    try:
        with ExitStack() as held:
            for _ in range(1100):
                held.enter_context(open(os.devnull))
            assert apart.read(tmp_path / "a.h5", "a", [(1, 4)]).tolist() == [1, 2, 3]
    finally:
        apart.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
