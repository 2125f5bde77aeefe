"""How many hands move at once, and how often each is looked at.

What a slider sends sixty times a second is more than can be drawn where several are dragged: the
event loop would do little else than take over values that nobody sees.
"""

from time import monotonic
from weakref import WeakKeyDictionary

FIRST_MS, EACH_MS = 8, 8
"""Wait before a change is taken over: of the server, and for every hand that moves."""

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
        """How long a control waits for the next value before it takes one over [ms]."""
        return FIRST_MS + EACH_MS * max(1, self.count())


hands = Hands()
"""Of this process."""
