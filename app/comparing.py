"""Two states side by side: A is held as it was computed, the work goes on in B."""

from collections.abc import Callable

from app.filling import FOUND
from app.history import History
from app.moment import Moment, differences, in_words
from app.views.frame import Link
from app.views.held import HeldSlot
from app.views.slot import Slot

TOLD_MS = 150
"""How long the words on what differs wait, so that they can be read in a drag."""


class Comparing:
    """Holds a state and its results beside the live ones.

    Until the first change A and B are one, and A still takes what comes: the exact phase after the
    draft. From then on it stays as it is. Both pictures share zoom, and A's limits.

    Parameters
    ----------
    history : History
    live : Slot
        The large image.
    link : Link
        Its zoom.
    after : callable
        `after(milliseconds, action)` calls `action()` once, later.
    told : callable
        Called when the comparison has begun or ended.
    """

    def __init__(
        self,
        history: History,
        live: Slot,
        link: Link,
        after: Callable[[int, Callable[[], None]], object],
        told: Callable[[], None],
    ):
        self.history, self.live, self.link = history, live, link
        self._after, self._told = after, told
        self.held: HeldSlot | None = None
        """The picture of A; None while nothing is compared."""
        self._moment: Moment | None = None
        self._one, self._timer = False, None
        self._watchers = []

    def hold(self) -> None:
        """Hold what is set and shown now as A."""
        self.history.settle()
        self.drop()
        self._moment, self._one = self.history.now(), True
        self.held = HeldSlot(self.live.state, self.link, self.live.results, self.live.draw)
        for state in self.history.experiment.parts().values():
            names = [name for name in state.param if name != "name"]
            self._watchers.append((state, state.param.watch(self._changed, names)))
        self.change_scale()
        self._told()

    def drop(self) -> None:
        """End the comparison; the live state stays."""
        for state, watcher in self._watchers:
            state.param.unwatch(watcher)
        self._watchers.clear()
        if self.held is None:
            return
        held, self.held, self._moment = self.held, None, None
        self.live.reference = None
        self.live.draw()
        held.close()
        self._told()

    def swap(self) -> None:
        """Make A the live state, as one step, and hold B."""
        if self.held is None:
            return
        self.history.settle()
        before, shown = self._moment, self.held.results
        self._moment, self._one = self.history.now(), False
        self.held.hold(self.live.results)
        # What was held is exact already; the pipeline comes to the same.
        for topic, result in shown.items():
            self.live.take(topic, result)
        self.history.go(before, f"back to A: {self._in_words(self._moment, before)}")
        self._tell()

    def change_scale(self) -> None:
        """Show both on A's scale, or each on its own, in turns."""
        if self.held is None:
            return
        self.live.reference = self.held if self.live.reference is None else None
        self.held.head.common = self.live.reference is not None
        self.live.draw()

    def take(self, topic: str, value) -> None:
        """Hear of a result."""
        if self.held is not None and self._one and not self._apart():
            self.held.take(topic, value)

    def close(self) -> None:
        """End the comparison with the page."""
        self._told = lambda: None
        self.drop()

    def _apart(self) -> bool:
        return bool(differences(self._moment, self.history.now()))

    def _changed(self, *events) -> None:
        if self._one and self.history.experiment.filling == FOUND:
            self._moment = self.history.now()
        elif self._one and self._apart():
            self._one = False
        if self._timer is None:
            self._timer = self._after(TOLD_MS, self._tell)

    def _tell(self) -> None:
        self._timer = None
        if self.held is not None:
            self.held.head.differs = self._in_words(self._moment, self.history.now())

    @staticmethod
    def _in_words(before: Moment, after: Moment) -> str:
        found = differences(before, after)
        return in_words(found, 6) if found else ""
