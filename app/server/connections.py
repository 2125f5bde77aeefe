"""Connections of strangers: those that say nothing end, and too many are shut out.

A process has so many descriptors for its connections, files and children. Where all are taken,
accepting fails, and is tried again at once, for ever: so some are kept back.
"""

import errno
import logging
import os
import socket
import sys
from contextlib import suppress
from time import monotonic

try:
    import resource
except ImportError:  # Windows
    resource = None

from tornado.httpserver import HTTPServer

TIMEOUTS = {"idle_connection_timeout": 30.0, "body_timeout": 30.0}
"""[s] for the headers of a request, also of the next one on a connection, and for its body."""
MOST_DESCRIPTORS = 1 << 16
RESERVE = 64
"""Descriptors that connections leave to files and children."""
QUIET_S = 60.0
"""Between two lines in the log."""


def raise_limit() -> int:
    """Allow this process as many descriptors as it may have; how many that is."""
    if resource is None:
        return sys.maxsize
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # A system may have limits beyond these.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


class Bounded(HTTPServer):
    """Tornado's server, which ends a connection at once where few descriptors are left."""

    def initialize(self, *args, **kwargs) -> None:
        """As Tornado's."""
        super().initialize(*args, **kwargs)
        self._most, self._told = raise_limit() - RESERVE, -QUIET_S

    def add_sockets(self, sockets) -> None:
        """Listen."""
        super().add_sockets([Door(listening) for listening in sockets])

    def handle_stream(self, stream, address) -> None:
        """Serve a new connection."""
        # The system gives the lowest number that is free.
        if stream.fileno().fileno() < self._most:
            super().handle_stream(stream, address)
            return
        stream.close()
        if monotonic() - self._told >= QUIET_S:
            self._told = monotonic()
            logging.getLogger(__name__).warning(
                "More than %d connections are open: further ones are refused.", self._most
            )


class Door(socket.socket):
    """A listening socket that turns who knocks away where no descriptor is left to let him in.

    Else he would go on knocking, and the server do nothing but look at the door.
    """

    def __init__(self, listening: socket.socket):
        family, kind, protocol = listening.family, listening.type, listening.proto
        super().__init__(family, kind, protocol, fileno=listening.detach())
        self.setblocking(False)
        self._spare = open(os.devnull)  # noqa: SIM115

    def accept(self):
        """As of any socket; nobody is there where all descriptors are taken."""
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._turn_away()
            raise BlockingIOError from error

    def _turn_away(self):
        # Another thread may be faster, each time.
        self._spare.close()
        with suppress(OSError):
            super().accept()[0].close()
        with suppress(OSError):
            self._spare = open(os.devnull)  # noqa: SIM115

    def close(self) -> None:
        """As of any socket."""
        super().close()
        self._spare.close()


def bound() -> None:
    """Have the servers of this process be of this kind."""
    HTTPServer.configure(Bounded)
