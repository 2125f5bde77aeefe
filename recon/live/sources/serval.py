"""Timepix3 by Serval: its raw packets over TCP, as they would lie in a `.tpx3` file.

Serval is told to send them with `PUT /server/destination` and
`{"Raw": [{"Base": "tcp://connect@HOST:PORT"}]}`, where livestem listens, or `tcp://listen@…`, where
it connects. Nothing in the stream says how the beam was scanned: that is told by a person.

When the line is cut, or nothing comes for `patience` seconds, the scan is over with what came.
"""

from time import monotonic

from recon.errors import UnreadableFile
from recon.io.events.hits import window_of
from recon.live.packets import Packets
from recon.live.source import Began, Ended, LiveError, Message
from recon.live.timed import TimedRows

PATIENCE_S = 10.0
"""Seconds; the clock of the packets begins anew after 26.8 s, and tells no longer pause."""
LONGEST_PATIENCE_S = 12.0


class Serval:
    """Receives scans of a Timepix3: see `recon.live.source.LiveSource`.

    Parameters
    ----------
    line : Line or Tail
        Where packets come from: `recon.live.line`, or a `.tpx3` file that grows.
    scan_shape : (Sy, Sx)
        Scan positions.
    patience : float
        Seconds without packets after which the scan was stopped.
    **options
        How the scan is timed, and `cluster_window_ns`: as for a file (`recon.io.events.timepix3`).

    Raises
    ------
    LiveError
        If the timing is not told, or makes no sense.
    """

    def __init__(self, line, scan_shape=None, patience: float = PATIENCE_S, **options):
        if not patience <= LONGEST_PATIENCE_S:
            raise LiveError(
                f"The patience must be at most {LONGEST_PATIENCE_S:g} s, not {patience:g} s: the "
                "clock of the packets tells no longer pause."
            )
        try:
            self._window = window_of(options.pop("cluster_window_ns", None))
        except UnreadableFile as error:
            raise LiveError(f"{error}.".capitalize()) from error
        self._told, self._patience, self._quad, self._number = (scan_shape, options), patience, 0, 1
        self._begin()
        self._line = line

    @property
    def endpoint(self) -> str:
        """The address, its port chosen."""
        return self._line.endpoint

    def poll(self, timeout: float) -> list[Message]:
        """See `LiveSource`."""
        data = self._line.read(timeout)
        if data:
            self._heard = monotonic()
            self._packets.feed(data)
            return self._news(self._packets.ready())
        if data == b"" or monotonic() - self._heard > self._patience:
            return self._over()
        return []

    def close(self) -> list[Message]:
        """See `LiveSource`."""
        messages = self._over()
        self._line.close()
        return messages

    def _begin(self):
        self._packets, self._heard = Packets(self._window, bool(self._quad)), monotonic()
        self._rows = TimedRows(*self._told, self._window >= 0, self._number)

    def _news(self, found, last=False):
        packets, rows = self._packets, self._rows
        if packets.done is None:
            return []
        self._quad |= packets.quad
        begin = [] if packets.begin is None else [6 * packets.begin]
        marks = begin if rows.trigger is None else packets.triggers(rows.trigger)
        messages = rows.take(found, marks, packets.done, packets.frame_shape, last)
        self._number += sum(isinstance(message, Began) for message in messages)
        return messages

    def _over(self):
        """The end of the stream, as far as it goes; another may follow."""
        messages = self._news(self._packets.rest(), last=True)
        notes = self._packets.notes
        if messages and isinstance(messages[-1], Ended) and notes:
            end = messages[-1]
            messages[-1] = Ended(end.frames, end.lost, (*end.notes, *notes))
        self._begin()
        return messages
