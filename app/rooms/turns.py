"""Whose turn it is to be shown what moves: those who look on cost the hand that moves little.

All pages of a server are drawn on one thread. While a hand moves, those who look on are drawn one
after the other, with a pause after each that is a multiple of the time it took. What they miss
meanwhile is not made up for: each gets what is newest when its turn comes.
"""

from collections.abc import Callable
from time import monotonic

SHARE = 0.05
"""Of the thread's time in which all of those who look on together fetch; to send it takes half as
long again."""
LEAST_S = 0.03
"""Shortest pause."""
AT_ONCE_MS = 1
AGAIN_S = 0.05
"""After which is looked again where nobody can take anything yet."""


class Turns:
    """One after the other, with pauses.

    Parameters
    ----------
    after : callable
        `after(milliseconds, action)` calls `action()` once, later.
    clock : callable
        Seconds.
    moving : callable
        Whether a hand moves. Else there are no pauses, yet they are drawn one after the other: a
        hand that begins to move meanwhile is heard after one page, not after all.
    """

    def __init__(
        self,
        after: Callable,
        clock: Callable[[], float] = monotonic,
        moving: Callable[[], bool] = lambda: True,
    ):
        self._after, self._clock, self._moving = after, clock, moving
        self._waiting: list = []  # those who wait, in the order in which they came
        self._next_at = 0.0
        self._timer = None

    def ask(self, member) -> None:
        """Have a member woken in its turn."""
        if member not in self._waiting:
            self._waiting.append(member)
        self._look()

    def took(self, seconds: float) -> None:
        """Note how long a turn took."""
        if self._moving():
            self._next_at = self._clock() + max(LEAST_S, seconds * (1 / SHARE - 1))
        else:
            self._next_at = self._clock()
            self._again(AT_ONCE_MS)

    def hurry(self) -> None:
        """Have those who wait come at once, as no hand moves any more."""
        self._next_at = self._clock()
        self._again(AT_ONCE_MS)

    def drop(self, member) -> None:
        """Wait for a member no more."""
        if member in self._waiting:
            self._waiting.remove(member)

    def _look(self) -> None:
        if self._timer is not None or not self._waiting:
            return
        wait = self._next_at - self._clock()
        if wait <= 0:
            ready = next((each for each in self._waiting if each.ready), None)
            if ready is not None:
                self._waiting.remove(ready)
                self._next_at = self._clock() + LEAST_S  # at the latest, if it does not tell
                ready.wake()
                wait = self._next_at - self._clock()
            else:
                wait = AGAIN_S
        if self._waiting:
            self._again(max(AT_ONCE_MS, round(1e3 * wait)))

    def _again(self, milliseconds: int) -> None:
        """Look again; what was to be done before that is not waited for."""
        if not self._waiting:
            return
        self._timer = timer = object()

        def due():
            if self._timer is timer:
                self._timer = None
                self._look()

        self._after(milliseconds, due)

    def close(self) -> None:
        """Wake nobody any more."""
        self._waiting.clear()


class Timers:
    """What is to happen later, each once however often it is asked for.

    Parameters
    ----------
    after : callable
        As `Turns` takes it.
    """

    def __init__(self, after: Callable):
        self._after, self._waiting, self._closed = after, set(), False

    def wait(self, name: str, milliseconds: float, action: Callable[[], None]) -> None:
        """Call `action()` once, later, unless something of that name waits already."""
        if name in self._waiting or self._closed:
            return
        self._waiting.add(name)

        def due():
            self._waiting.discard(name)
            if not self._closed:
                action()

        self._after(max(1, round(milliseconds)), due)

    def close(self) -> None:
        """Let nothing happen any more."""
        self._closed = True
