"""A line over TCP, from either end, that comes back when it was cut."""

import selectors
import socket
from collections.abc import Callable
from time import monotonic, sleep

from recon.live.addresses import Address
from recon.live.source import LiveError

AGAIN_S = 0.5
"""Seconds between two attempts to connect."""
WAIT_S = 0.2
"""Seconds between two looks at whether to stop."""
MOST = 1 << 20
"""Bytes that are read in one go."""


# What every system has, `select`, takes no descriptor beyond 1023; a server has more.
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


def _ready(end, event, timeout):
    """Whether a socket can be read from, or written to, within so many seconds."""
    with _Selector() as waiting:
        waiting.register(end, event)
        return bool(waiting.select(max(timeout, 0)))


class Line:
    """One end of a line; the other end may come late, go, and come again.

    Parameters
    ----------
    address : Address
        Where to connect to, or to listen; of those who come there, one at a time is served.

    Raises
    ------
    LiveError
        If the address cannot be taken.
    """

    def __init__(self, address: Address):
        self.address, self._server, self._peer, self._tried = address, None, None, -AGAIN_S
        if address.listen:
            host = "" if address.host == "*" else address.host
            try:
                self._server = socket.create_server((host, address.port), backlog=1)
            except OSError as error:
                raise LiveError(f"{address} cannot be used: {_reason(error)}.") from error
            self._server.setblocking(False)

    @property
    def endpoint(self) -> str:
        """The address, its port chosen."""
        if self._server is None:
            return str(self.address)
        return f"tcp://{self.address.host}:{self._server.getsockname()[1]}"

    @property
    def connected(self) -> bool:
        """Whether the other end is there, as far as is known."""
        return self._peer is not None

    def read(self, timeout: float) -> bytes | None:
        """What came, at most `MOST` bytes; None if nothing did, b"" once when the line is cut."""
        deadline = monotonic() + timeout
        if not self._wait_for_peer(deadline):
            return None
        if not _ready(self._peer, selectors.EVENT_READ, deadline - monotonic()):
            return None
        try:
            found = self._peer.recv(MOST)
        except OSError:
            found = b""
        if not found:
            self.hang_up()
        return found

    def write(self, data, stop: Callable[[], bool] = lambda: False) -> bool:
        """Send all of it, to whoever is there or comes; False if it was cut or stopped before."""
        while not self._wait_for_peer(monotonic() + WAIT_S):
            if stop():
                return False
        left = memoryview(data).cast("B")
        while left:
            if stop():
                return False
            if not _ready(self._peer, selectors.EVENT_WRITE, WAIT_S):
                continue
            try:
                left = left[self._peer.send(left) :]
            except OSError:
                self.hang_up()
                return False
        return True

    def close(self) -> None:
        """Hang up, when what was sent has been delivered."""
        self.hang_up()
        if self._server is not None:
            self._server.close()

    def _wait_for_peer(self, deadline):
        if self._peer is not None:
            return True
        if self._server is not None:
            if not _ready(self._server, selectors.EVENT_READ, deadline - monotonic()):
                return False
            try:
                peer, _ = self._server.accept()
            except (BlockingIOError, ConnectionAbortedError):  # who came has gone
                return False
        else:
            pause = min(self._tried + AGAIN_S, deadline) - monotonic()
            if pause > 0:
                sleep(pause)
            if monotonic() < self._tried + AGAIN_S:
                return False
            self._tried = monotonic()
            try:
                peer = socket.create_connection((self.address.host, self.address.port), AGAIN_S)
            except OSError:
                return False
            if peer.getsockname() == peer.getpeername():
                # Nobody listens, and the system took that very port for our own end.
                peer.close()
                return False
        peer.setblocking(False)
        self._peer = peer
        return True

    def hang_up(self) -> None:
        """Cut the line; it is taken up again at the next reading or writing."""
        if self._peer is not None:
            self._peer.close()
            self._peer = None


def _reason(error):
    return (error.strerror or str(error)).lower().rstrip(".")
