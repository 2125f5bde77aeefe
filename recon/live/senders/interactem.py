"""A scan as interactEM hands it on: batches pushed over ZeroMQ."""

from collections.abc import Callable

from recon.live.addresses import Address
from recon.live.senders.pushed import Pushed
from recon.live.wanted import wanted
from recon.scan.events import ElectronEvents


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
        wanted("msgpack", "interactEM's stream")
        from recon.live.wire import interactem as wire  # needs msgpack

        self._wire, self._line = wire, Pushed(address, stop, "interactEM's stream")
        self.endpoint = self._line.endpoint

    def begin(self, scan: ElectronEvents, number: int) -> None:
        """See `Sender`; batches tell by themselves what scan they are of."""
        self._scan, self._number = scan, number

    def send(self, first: int, last: int) -> bool:
        """See `Sender`."""
        return self._line.push(self._wire.encode(self._scan, first, last, self._number))

    def end(self) -> None:
        """See `Sender`; a scan is over when all of its frames have come."""

    def close(self) -> None:
        """See `Sender`."""
        self._line.close()
