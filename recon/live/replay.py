"""A scan played as a microscope would send it, for those who have none."""

from collections.abc import Callable, Iterator
from itertools import count
from time import monotonic, sleep
from typing import Protocol

from recon.scan.events import ElectronEvents

SEND_S = 0.01
"""Seconds of scanning that are sent in one go, where they hold so many frames."""
MOST = 4096
"""Frames that are sent in one go."""
LONGEST_NAP_S = 0.2


class Sender(Protocol):
    """Speaks as a camera does."""

    endpoint: str
    """Where it listens, or is connected to."""

    def begin(self, scan: ElectronEvents, number: int) -> None:
        """Announce a scan."""

    def send(self, first: int, last: int) -> bool:
        """Send the frames first..last of it; False if nobody is there to have them."""

    def end(self) -> None:
        """Say that it is over."""

    def close(self) -> None:
        """Hang up, when all was delivered."""


def play(
    scan: ElectronEvents,
    sender: Sender,
    dwell: float = 0.0,
    *,
    scans: int | None = 1,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, int]]:
    """Play a scan at a camera's pace.

    Parameters
    ----------
    scan : ElectronEvents
    sender : Sender
        Closed in the end.
    dwell : float
        Seconds from one frame to the next; 0 for as fast as they are taken.
    scans : int or None
        How often; None until it is stopped.
    stop : callable
        Whether to stop; asked several times a second.

    Yields
    ------
    number, frames : int
        Scan, counted from 1, and how many of its frames were sent, after each part.
    """
    width = scan.scan_shape[1]
    step = max(1, min(MOST, round(SEND_S / dwell) if dwell > 0 else width))
    begin = monotonic()
    try:
        for number in count(1) if scans is None else range(1, scans + 1):
            sender.begin(scan, number)
            for first in range(0, scan.positions, step):
                last = min(first + step, scan.positions)
                frames = (number - 1) * scan.positions + last
                # A frame can be sent when the beam has left its position.
                if not _sleep_until(begin + frames * dwell, stop) or not sender.send(first, last):
                    return
                if frames == last == min(step, scan.positions):
                    # However long it took for someone to listen.
                    begin = monotonic() - frames * dwell
                yield number, last
            sender.end()
    finally:
        sender.close()


def _sleep_until(time, stop):
    """Whether the time has come, and not the end."""
    while not stop():
        left = time - monotonic()
        if left <= 0:
            return True
        sleep(min(left, LONGEST_NAP_S))
    return False
