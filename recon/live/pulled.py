"""A ZeroMQ PULL socket as a line."""

from recon.live.addresses import Address
from recon.live.source import LiveError
from recon.live.wanted import wanted

AT_ONCE = 64
"""Messages that are taken before what came of them is given."""


class Pulled:
    """Messages that others push; see `recon.live.line.Line`. It is never seen to be cut.

    Parameters
    ----------
    address : Address
        Where to connect to, or to listen.
    what : str
        Whose stream it is, for what is said.

    Raises
    ------
    LiveError
        If pyzmq is missing, or the address cannot be taken.
    """

    def __init__(self, address: Address, what: str):
        self._zmq = wanted("zmq", what)
        self._socket = self._zmq.Context.instance().socket(self._zmq.PULL)
        self._socket.linger = 0
        try:
            open_line = self._socket.bind if address.listen else self._socket.connect
            open_line(address.url)
        except self._zmq.ZMQError as error:
            self._socket.close()
            raise LiveError(f"{address} cannot be used: {error.strerror.lower()}.") from error
        self.endpoint = self._socket.getsockopt_string(self._zmq.LAST_ENDPOINT)

    def read(self, timeout: float) -> list[list[bytes]] | None:
        """The parts of each message that came; None if none did."""
        found, wait = [], 1000 * timeout
        while len(found) < AT_ONCE and self._socket.poll(wait):
            found.append(self._socket.recv_multipart())
            wait = 0
        return found or None

    def hang_up(self) -> None:
        """Nothing: what others push goes on."""

    def close(self) -> None:
        """Let go of the line."""
        self._socket.close()
