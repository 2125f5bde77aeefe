"""A scan as Serval sends a Timepix3's raw packets."""

from collections.abc import Callable

import numpy as np

from recon.live.addresses import Address
from recon.live.line import Line
from recon.live.source import LiveError
from recon.live.wire import serval as wire
from recon.scan.events import ElectronEvents

SHORTEST = 64
"""Shortest dwell time of the packets [25/16 ns]: 100 ns."""
USUAL_S = 1e-6
PAUSE = 1 << 20
"""Between two scans [25/16 ns]."""


class ServalSender:
    """Sends packets: see `recon.live.replay.Sender`.

    Parameters
    ----------
    address, stop
        As for `recon.live.senders.over_tcp.OverTcp`.
    dwell : float
        Time at each position, that the packets tell [s]; 0 for `USUAL_S`.

    Raises
    ------
    LiveError
        If the address cannot be taken.
    """

    def __init__(self, address: Address, stop: Callable[[], bool], dwell: float = 0.0):
        self._line, self._stop = Line(address), stop
        self._dwell, self._begin = max(round((dwell or USUAL_S) * wire.UNITS_S), SHORTEST), PAUSE
        self.endpoint = self._line.endpoint

    def begin(self, scan: ElectronEvents, number: int) -> None:
        """See `Sender`.

        Raises
        ------
        LiveError
            If the scan is of no size that a Timepix3 has.
        """
        if scan.frame_shape[0] != scan.frame_shape[1] or scan.frame_shape[0] not in wire.SIDES:
            raise LiveError(
                "A Timepix3 has 256 × 256 or 512 × 512 pixels, this scan {} × {}.".format(
                    *scan.frame_shape
                )
            )
        most = int(np.diff(scan.offsets).max())
        if most > self._dwell:
            raise LiveError(
                f"{most} electrons at one position do not fit {self._dwell / wire.UNITS_S:.3g} s: "
                "give a longer --dwell-us."
            )
        self._scan = scan

    def send(self, first: int, last: int) -> bool:
        """See `Sender`."""
        data = wire.encode(self._scan, first, last, self._dwell, self._begin)
        return self._line.write(data, self._stop)

    def end(self) -> None:
        """See `Sender`: the time goes on, so that positions without electrons are over too."""
        end = self._begin + self._scan.positions * self._dwell
        self._line.write(wire.chunk(wire.global_time(end + PAUSE // 2), 0), self._stop)
        self._begin = end + PAUSE

    def close(self) -> None:
        """See `Sender`."""
        self._line.close()
