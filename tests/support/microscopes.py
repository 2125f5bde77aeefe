"""A microscope that a test works by hand: row after row, when it is told to."""

from collections import deque
from time import sleep

from app.engine.microscope import Microscope
from recon.live.source import Began, Block, Ended, LiveError
from tests.support.growing_scans import rows_of
from tests.support.waiting import wait_until


class Scripted:
    """A source that gives what a test puts into it, and nothing else."""

    endpoint = "tcp://here:1"

    def __init__(self):
        self.coming, self.closed, self.fails = deque(), False, ""

    def give(self, *messages):
        self.coming.extend(messages)

    def begin(self, events, number=None, **metadata):
        self.give(Began(events.scan_shape, events.frame_shape, number, metadata))

    def rows(self, events, first, last, step=4):
        """Rows of a scan, as the stream brings them."""
        for row in range(first, last, step):
            stop = min(row + step, last)
            self.give(Block(row, rows_of(events, row, stop)))

    def end(self, frames, lost=0, *notes):
        self.give(Ended(frames, lost, notes))

    def whole(self, events):
        """A scan from its beginning to its end."""
        self.begin(events)
        self.rows(events, 0, events.scan_shape[0])
        self.end(events.positions)

    def poll(self, timeout):
        if self.fails:
            raise LiveError(self.fails)
        if not self.coming:
            sleep(0.005)
        return [self.coming.popleft() for _ in range(len(self.coming))]

    def close(self):
        self.closed = True
        return []


def listening(folder, **known):
    """A microscope that listens to a `Scripted` source, and that source."""
    source, live = Scripted(), Microscope()
    live.listen("scripted", lambda: source, folder, known)
    return live, source


def came(live, rows, number=-1):
    """Wait until so many rows of a scan have come."""

    def there():
        scans = live.state.scans[::-1]
        return scans and scans[number].rows >= rows

    wait_until(there)


def over(live, number):
    """Wait until that scan is over, and give its state."""

    def ended():
        found = [scan for scan in live.state.scans if scan.number == number and scan.over]
        return found and found[0]

    return wait_until(ended)
