"""How many hands move at once, and how often each is looked at.

What a slider sends sixty times a second is more than can be drawn where several are dragged: the
event loop would do little else than take over values that nobody sees.
"""

import time
from threading import local
from time import monotonic
from weakref import WeakKeyDictionary

EACH_MS = 8
"""Wait before a change is taken over, for every other hand that moves."""

LONGER_S = 0.03
"""By so much longer one hand's pauses are for each other that moves: all are drawn in turns."""

RESTS_S = 0.5
"""After this time without a change a hand rests."""


class Hands:
    """The pages whose controls were moved just now."""

    def __init__(self):
        self._moved: WeakKeyDictionary[object, float] = WeakKeyDictionary()

    def move(self, page) -> None:
        """Note that a control of a page (any object of its own) was moved."""
        self._moved[page] = monotonic()

    def count(self) -> int:
        """How many pages these are."""
        recent = monotonic() - RESTS_S
        for page, when in list(self._moved.items()):
            if when < recent:
                self._moved.pop(page, None)
        return len(self._moved)

    def wait_ms(self) -> int:
        """How long a control waits for the next value before it takes one over [ms].

        One hand alone waits for nothing: its page tells no more than can be shown.
        """
        return EACH_MS * max(0, self.count() - 1)

    def pause_s(self, alone: float) -> float:
        """How long a hand stands still before it rests [s], which for one alone is `alone`."""
        return alone + LONGER_S * max(0, self.count() - 1)


hands = Hands()
"""Of this process."""


REST = 2.0
"""Time in which a page's making rests while a hand moves, for each second that it has computed."""


_making = local()


def making_begins() -> None:
    """Note that this thread begins to make a page aside."""
    _making.since = time.thread_time()


def give_way() -> None:
    """Let pages that are dragged go first; called between the parts of a page that is made aside.

    Threads that compute take turns at the interpreter's lock, and that of a drag, which often
    waits for something else, would get less than its half.
    """
    since = getattr(_making, "since", None)
    if since is None:  # another thread, on which nobody waits for a page
        return
    if hands.count():
        time.sleep(REST * (time.thread_time() - since))
    making_begins()
