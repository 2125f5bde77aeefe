"""Two states side by side: A is held as it was computed, the work goes on in B."""

from collections.abc import Callable

from app.recall.history import History
from app.recall.moment import Moment, differences, in_words
from app.state.filling import FOUND
from app.state.ties import Ties
from app.views.frame import Link
from app.views.held import HeldSlot
from app.views.slot import Slot

TOLD_MS = 150
"""How long the words on what differs wait, so that they can be read in a drag."""


def at_rest(pipeline) -> bool:
    """Whether everything that is set now has been computed."""
    return pipeline.at_rest


class Comparing:
    """Holds a state and its results beside the live ones.

    A is what is set when everything has been computed: until then it follows the hand, so that
    its picture is never that of an earlier state. Both pictures share zoom, and A's limits.

    Parameters
    ----------
    history : History
    live : Slot
        The large image.
    link : Link
        Its zoom.
    resting : callable
        `resting()` says whether everything that is set now has been computed.
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
        resting: Callable[[], bool],
        after: Callable[[int, Callable[[], None]], object],
        told: Callable[[], None],
    ):
        self.history, self.live, self.link = history, live, link
        self._resting, self._after, self._told = resting, after, told
        self.held: HeldSlot | None = None
        """The picture of A; None while nothing is compared."""
        self._moment: Moment | None = None
        self._one = False  # A and B are the same still
        self._taken = False  # A is what it will be
        self._swapping = False
        self._timer, self._ties = None, Ties()

    def hold(self) -> None:
        """Hold what is set and shown now as A."""
        self.history.settle()
        self.drop()
        self._moment, self._one, self._taken = self.history.now(), True, False
        self.held = HeldSlot(self.live.state, self.link, self.live.references, self.live.draw)
        for state in self.history.experiment.parts().values():
            self._ties.tie_whole(state, self._changed)
        self.change_scale()
        self._look()
        self._told()

    def drop(self) -> None:
        """End the comparison; the live state stays."""
        held = self._let_go()
        if held is not None:
            self.live.draw()
            held.close()
            self._told()

    def swap(self) -> None:
        """Make A the live state, as one step, and hold B: once B has been computed."""
        if self.held is None or self._one:
            return
        self._swapping = not self._resting()
        if self._swapping:
            self._wait()
            return
        self.history.settle()
        before, shown = self._moment, self.held.results
        self._moment = self.history.now()
        self.held.hold(self.live.results)
        # What was held has been computed already; the pipeline comes to the same.
        self.live.hold(shown)
        self.history.go(before, f"back to A: {self._in_words(self._moment, before)}")
        self._look()

    def change_scale(self) -> None:
        """Show both on A's scale, or each on its own, in turns."""
        if self.held is None:
            return
        self.live.reference = self.held if self.live.reference is None else None
        self.held.head.common = self.live.reference is not None
        self.live.draw()

    def close(self) -> None:
        """End the comparison with the page: nobody is told, and nothing is drawn any more."""
        held = self._let_go()
        if held is not None:
            held.close()

    def _let_go(self) -> HeldSlot | None:
        self._ties.untie()
        self._swapping = False
        held, self.held, self._moment = self.held, None, None
        self.live.reference = None
        return held

    def _changed(self, *events) -> None:
        if self._one and (not self._taken or self.history.experiment.filling == FOUND):
            self._moment = self.history.now()
        elif self._one:
            self._one = not differences(self._moment, self.history.now())
            if not self._one:
                self.held.stay()
        self._wait()

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self._after(TOLD_MS, self._look)

    def _look(self) -> None:
        """See whether what is waited for is there, and say what differs."""
        self._timer = None
        if self.held is None:
            return
        self._taken = self._taken or self._resting()
        if self._swapping:
            self.swap()
        self.held.head.param.update(
            waiting=self._swapping or not self._taken,
            differs=self._in_words(self._moment, self.history.now()),
        )
        if self.held.head.waiting:
            self._wait()

    @staticmethod
    def _in_words(before: Moment, after: Moment) -> str:
        found = differences(before, after)
        return in_words(found, 6) if found else ""
