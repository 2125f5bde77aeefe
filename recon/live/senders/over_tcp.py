"""A scan sent frame after frame over TCP."""

from collections.abc import Callable, Iterator
from typing import Protocol

from recon.live.addresses import Address
from recon.live.line import Line
from recon.scan.events import ElectronEvents


class Words(Protocol):
    """What a camera says before, in and after a scan."""

    def before(self, scan: ElectronEvents, number: int) -> bytes:
        """The beginning of a scan; `LiveError` if this camera has no such scans."""

    def frames(self, scan: ElectronEvents, first: int, last: int) -> Iterator[bytes]:
        """The frames first..last."""

    def after(self, number: int) -> bytes:
        """The end of a scan."""


class OverTcp:
    """Sends scans: see `recon.live.replay.Sender`.

    Parameters
    ----------
    address : Address
        Where to connect to, or to wait for those who want them.
    stop : callable
        Whether to stop waiting for them.
    words : Words

    Raises
    ------
    LiveError
        If the address cannot be taken.
    """

    def __init__(self, address: Address, stop: Callable[[], bool], words: Words):
        self._line, self._stop, self._words = Line(address), stop, words
        self.endpoint = self._line.endpoint

    def begin(self, scan: ElectronEvents, number: int) -> None:
        """See `Sender`."""
        self._scan, self._number, self._before = scan, number, self._words.before(scan, number)

    def send(self, first: int, last: int) -> bool:
        """See `Sender`."""
        before, self._before = self._before, b""
        parts = [before, *self._words.frames(self._scan, first, last)]
        return self._line.write(b"".join(parts), self._stop)

    def end(self) -> None:
        """See `Sender`."""
        if after := self._words.after(self._number):
            self._line.write(after, self._stop)

    def close(self) -> None:
        """See `Sender`."""
        self._line.close()
