"""A scan as interactEM hands it on: batches pushed over ZeroMQ."""

from collections.abc import Callable

from recon.live.addresses import Address
from recon.live.source import LiveError
from recon.live.wanted import wanted
from recon.scan.events import ElectronEvents

LINGER_S = 30
"""Seconds that what was sent may take to be fetched, once there is no more."""
WAIT_S = 0.2


class InteractEmSender:
    """Sends batches: see `recon.live.replay.Sender`.

    Parameters
    ----------
    address : Address
        Where to connect to, or to wait for those who want them.
    stop : callable
        Whether to stop waiting for them.

    Raises
    ------
    LiveError
        If pyzmq or msgpack is missing, or the address cannot be taken.
    """

    def __init__(self, address: Address, stop: Callable[[], bool] = lambda: False):
        self._zmq = wanted("zmq", "interactEM's stream")
        wanted("msgpack", "interactEM's stream")
        from recon.live.wire import interactem as wire  # needs msgpack

        self._wire, self._stop = wire, stop
        self._context = self._zmq.Context()
        self._socket = self._context.socket(self._zmq.PUSH)
        try:
            (self._socket.bind if address.listen else self._socket.connect)(address.url)
        except self._zmq.ZMQError as error:
            self._socket.close(0)
            self._context.term()
            raise LiveError(f"{address} cannot be used: {error.strerror.lower()}.") from error
        self.endpoint = self._socket.getsockopt_string(self._zmq.LAST_ENDPOINT)

    def begin(self, scan: ElectronEvents, number: int) -> None:
        """See `Sender`; batches tell by themselves what scan they are of."""
        self._scan, self._number = scan, number

    def send(self, first: int, last: int) -> bool:
        """See `Sender`."""
        message = self._wire.encode(self._scan, first, last, self._number)
        while not self._socket.poll(1000 * WAIT_S, self._zmq.POLLOUT):
            if self._stop():
                return False
        self._socket.send_multipart(message, copy=False)
        return True

    def end(self) -> None:
        """See `Sender`; a scan is over when all of its frames have come."""

    def close(self) -> None:
        """See `Sender`."""
        self._socket.close(0 if self._stop() else 1000 * LINGER_S)
        self._context.term()
