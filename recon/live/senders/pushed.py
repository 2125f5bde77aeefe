"""A ZeroMQ PUSH socket: messages to whoever fetches them."""

from collections.abc import Callable
from contextlib import suppress

from recon.live.addresses import Address
from recon.live.source import LiveError
from recon.live.wanted import wanted

LINGER_S = 30
"""Seconds that what was sent may take to be fetched, once there is no more."""
WAIT_S = 0.2


class Pushed:
    """One end of such a line.

    Parameters
    ----------
    address : Address
        Where to connect to, or to wait for those who want messages.
    stop : callable
        Whether to stop waiting for them.
    what : str
        Whose stream it is, for what is said.

    Raises
    ------
    LiveError
        If pyzmq is missing, or the address cannot be taken.
    """

    def __init__(self, address: Address, stop: Callable[[], bool], what: str):
        self._zmq, self._stop = wanted("zmq", what), stop
        self._context = self._zmq.Context()
        self._socket = self._context.socket(self._zmq.PUSH)
        try:
            (self._socket.bind if address.listen else self._socket.connect)(address.url)
        except self._zmq.ZMQError as error:
            self._socket.close(0)
            self._context.term()
            raise LiveError(f"{address} cannot be used: {error.strerror.lower()}.") from error
        self.endpoint = self._socket.getsockopt_string(self._zmq.LAST_ENDPOINT)

    def push(self, parts: list[bytes]) -> bool:
        """Send a message; False if it was stopped before anyone was there to have it."""
        while True:
            if self._socket.poll(1000 * WAIT_S, self._zmq.POLLOUT):
                # Who was there may be gone by now: the socket would wait for another without end.
                with suppress(self._zmq.Again):
                    self._socket.send_multipart(parts, self._zmq.DONTWAIT, copy=False)
                    return True
            if self._stop():
                return False

    def close(self) -> None:
        """Hang up, when what was sent has been fetched."""
        self._socket.close(0 if self._stop() else 1000 * LINGER_S)
        self._context.term()
