"""Scans that come in are kept."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from recon.live.recorder import Recorder
from recon.live.source import Began, Block, Ended, LiveSource, Message, Told

WAIT_S = 0.2
"""Seconds between two looks at whether to stop."""


@dataclass(frozen=True)
class Kept:
    """A scan that is over.

    Parameters
    ----------
    path : Path or None
        Where it is kept; None if nothing came of it.
    began : Began
    ended : Ended
    rows, electrons : int
        That are kept.
    trouble : str
        Why not all of it is kept; empty if it is.
    """

    path: Path | None
    began: Began
    ended: Ended
    rows: int
    electrons: int
    trouble: str = ""


def receive(
    source: LiveSource,
    path_of: Callable[[int], Path],
    scans: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Message | Kept]:
    """Keep scan after scan.

    Parameters
    ----------
    source : LiveSource
        Closed in the end, whatever ends it.
    path_of : callable
        Path of the scan of that number, counted from 1.
    scans : int, optional
        How many are kept; what comes after them is not looked at.
    stop : callable
        Whether to stop; asked several times a second.

    Yields
    ------
    Message or Kept
        What the source tells, each block once it is kept; and each scan when it is over.
    """
    keeping, coming = _Keeping(path_of), deque()
    try:
        while not stop():
            coming += source.poll(WAIT_S)
            while coming:
                yield from keeping.heard(coming.popleft())
                if keeping.over == scans:
                    return
    finally:
        coming += source.close()
        wanted = coming if keeping.over != scans else ()
        kept = [found for message in wanted for found in keeping.heard(message)]
        keeping.close()
    yield from kept


class _Keeping:
    def __init__(self, path_of):
        self.path_of, self.number, self.over, self.recorder = path_of, 0, 0, None
        self.trouble = ""

    def heard(self, message):
        """The message and what it leads to, which is done first."""
        found = [message]
        if isinstance(message, Began):
            self.number += 1
            self.recorder, self.trouble = Recorder(self.path_of(self.number), message), ""
        elif isinstance(message, Block):
            self.recorder.add(message)
            if self.recorder.trouble and not self.trouble:
                self.trouble = self.recorder.trouble
                found.append(Told(self.trouble))
        elif isinstance(message, Ended):
            found.append(self._kept(message))
        return found

    def _kept(self, ended):
        recorder, self.recorder = self.recorder, None
        self.over += 1
        path = recorder.finish(ended)
        return Kept(
            path,
            recorder.began,
            ended,
            recorder.rows,
            recorder.electrons,
            recorder.trouble,
        )

    def close(self):
        if self.recorder is not None:
            self.recorder.close()
