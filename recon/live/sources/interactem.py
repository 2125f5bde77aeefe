"""4D Camera, counted: batches of interactEM on a ZeroMQ PULL socket.

What can happen, and what becomes of it:

- Frames out of order are put where they belong; those that come twice are counted once.
- A scan is over when all of its frames have come; or when nothing has come of it for `OVERTAKEN_S`
  while another one has begun; or when nothing has come at all for `patience` seconds. What is
  missing then is empty, and counted.
- What comes of the next scan before that is kept until then, so that scans follow each other.
- Frames of a scan that had been given up begin a scan of the same number.
- What cannot be understood, or contradicts its scan, is left out, with a sentence.
"""

from dataclasses import dataclass
from time import monotonic

from recon.live.addresses import Address
from recon.live.pulled import Pulled
from recon.live.source import Began, Message, Told, many
from recon.live.wanted import wanted
from recon.live.whole_rows import Rows

PATIENCE_S = 10.0
OVERTAKEN_S = 1.0
"""Seconds after which a scan that is followed by another has no more to come."""
AGAIN_S = 1.0
"""Seconds after its end in which frames of a whole scan are repetitions, not a scan."""


@dataclass
class _Scan:
    """One that is under way."""

    began: Began
    rows: Rows
    heard: float
    cut: int = 0
    strange: int = 0
    announced: bool = False

    def notes(self):
        """What went wrong with its batches."""
        if self.cut:
            yield f"Cut short in their batches: {many(self.cut, 'frame')}, left out."
        if self.strange:
            yield f"Of other shapes than the scan: {many(self.strange, 'frame')}, left out."


class InteractEm:
    """Receives scans of interactEM: see `recon.live.source.LiveSource`.

    Parameters
    ----------
    address : Address
        Where to connect to, or to listen.
    patience : float
        Seconds without any message after which a scan has been stopped.

    Raises
    ------
    LiveError
        If pyzmq or msgpack is missing, or the address cannot be taken.
    """

    def __init__(self, address: Address, patience: float = PATIENCE_S):
        wanted("msgpack", "interactEM's stream")
        self._line = Pulled(address, "interactEM's stream")
        from recon.live.wire import interactem as wire  # needs msgpack

        wire.warm_up()  # before the first frame comes, which would wait
        self._wire, self._patience = wire, patience
        self.endpoint = self._line.endpoint
        self._scans: list[_Scan] = []
        self._last: _Scan | None = None
        self._ended = self._heard = monotonic()
        self._refused: set[str] = set()

    def poll(self, timeout: float) -> list[Message]:
        """See `LiveSource`."""
        messages: list[Message] = []
        for parts in self._line.read(timeout) or ():
            self._heard = monotonic()
            messages += self._received(parts)
        return messages + self._timed()

    def close(self) -> list[Message]:
        """See `LiveSource`."""
        self._line.close()
        messages: list[Message] = []
        while self._scans:
            messages += self._end("The line was closed before the scan was over.")
        return messages

    def _received(self, parts):
        try:
            batch = self._wire.decode(parts)
        except ValueError as error:
            return self._tell(f"{error} is left out.")
        scan = next((s for s in self._scans if s.began.number == batch.number), None)
        if scan is None:
            if self._repeats(batch):
                return []
            scan = self._begin(batch)
        elif (batch.scan_shape, batch.frame_shape) != (
            scan.began.scan_shape,
            scan.began.frame_shape,
        ):
            scan.strange += batch.positions.size + batch.cut + batch.strange
            return self._tell(
                "In scan {} of {} × {} positions and {} × {} pixels, a batch of {} × {} positions "
                "and {} × {} pixels is left out.".format(
                    batch.number,
                    *scan.began.scan_shape,
                    *scan.began.frame_shape,
                    *batch.scan_shape,
                    *batch.frame_shape,
                )
            )
        scan.heard = monotonic()
        scan.cut += batch.cut
        scan.strange += batch.strange
        scan.rows.add(batch.positions, batch.counts, batch.pixels, batch.numbers)
        return self._news(scan)

    def _begin(self, batch):
        positions = batch.scan_shape[0] * batch.scan_shape[1]
        several, odd = divmod(batch.total_frames or positions, positions)
        rows = Rows(batch.scan_shape, batch.frame_shape, 1 if odd or several < 1 else several)
        began = Began(batch.scan_shape, batch.frame_shape, batch.number)
        scan = _Scan(began, rows, monotonic())
        self._scans.append(scan)
        return scan

    def _news(self, scan):
        """What to give after a batch of a scan: nothing yet, where it waits for its turn."""
        if scan is not self._scans[0]:
            return []
        return [
            *self._announced(scan),
            *scan.rows.take(),
            *(self._end() if scan.rows.complete else []),
        ]

    def _announced(self, scan):
        if scan.announced:
            return []
        scan.announced = True
        return [scan.began]

    def _end(self, *why):
        """The end of the scan that is given, and the beginning of the one that waits."""
        scan = self._scans.pop(0)
        messages = [*self._announced(scan), *scan.rows.end(*why, *scan.notes())]
        self._last, self._ended = scan, monotonic()
        return messages + (self._news(self._scans[0]) if self._scans else [])

    def _timed(self):
        """Ends of scans of which nothing more is to be expected."""
        now = monotonic()
        if not self._scans:
            return []
        scan = self._scans[0]
        if len(self._scans) > 1 and now - scan.heard > OVERTAKEN_S:
            other = self._scans[1].began.number
            return self._end(f"Scan {other} began before scan {scan.began.number} was whole.")
        if now - self._heard > self._patience:
            why = "the scan was stopped, or the sender is gone"
            return self._end(f"Nothing came for {self._patience:g} s: {why}.")
        return []

    def _repeats(self, batch):
        """Whether a batch has nothing that the scan just ended does not have."""
        last = self._last
        if last is None or last.began.number != batch.number or not last.rows.complete:
            return False
        if (batch.scan_shape, batch.frame_shape) != (last.began.scan_shape, last.began.frame_shape):
            return False
        if monotonic() - self._ended > AGAIN_S:
            return False
        return not last.rows.add(batch.positions, batch.counts, batch.pixels, batch.numbers)

    def _tell(self, sentence):
        """A sentence, once."""
        if sentence in self._refused:
            return []
        self._refused.add(sentence)
        return [Told(sentence[0].upper() + sentence[1:])]
