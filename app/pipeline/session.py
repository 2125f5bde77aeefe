"""What the stages of one session share: engine, lanes, and the way back to its own thread."""

from collections.abc import Callable
from itertools import count
from threading import Event
from time import monotonic

import param

from app import words
from app.pipeline.lanes import DERIVED, POINT, ComputeService
from app.pipeline.meter import Meter
from app.pipeline.results import Progress
from recon.errors import Cancelled

SHORT_S = 0.4
"""Derived work that is replaced may go on for so long, as may frames that were pointed at, so that
something follows a slider or a pointer that keeps moving."""

POLL_S = 0.05

_sessions = count()


class Told(param.Parameterized):
    """What is said once, and not shown for good: each setting counts, of the same words too."""

    progress = param.ClassSelector(class_=Progress, doc="How far long work is.")
    error = param.String(doc="What went wrong, in a sentence.")
    notice = param.String(doc="What to enter or what was found, in a sentence.")


class Session:
    """Engine, threads and messages of one session.

    `later`, `ask`, `submit`, `progress` and `fail` may be called from any thread, all else from the
    session's own.

    Parameters
    ----------
    engine : Engine
        Shared by all sessions.
    service : ComputeService
        The threads, shared by all sessions.
    post : callable
        `post(function)` runs `function()` soon, on the session's thread; safe from any thread.
    settle : float
        Seconds without a change after which a hand rests.
    user : str, optional
        Who works, where people log in.
    """

    def __init__(
        self,
        engine,
        service: ComputeService,
        post: Callable[[Callable[[], None]], None],
        settle: float = 0.15,
        user: str | None = None,
    ):
        self.engine, self.service, self.user, self.settle = engine, service, user, settle
        self.key = f"session {next(_sessions)}"
        self.told = Told()
        self.closed = False
        self._post = post
        self._meters: dict[str, Meter] = {}

    # ---- work ----

    def submit(self, lane: str, work: Callable, done: Callable, **how) -> None:
        """Have `work()` done, as `ComputeService.submit`."""
        self.service.submit(self.key, lane, work, done, **how)

    def begin(self, lane: str) -> Meter:
        """A meter for new work in `lane`, which ends the work it replaces."""
        last = self._meters.get(lane)
        if last is not None:
            last.hurry(SHORT_S) if lane in (DERIVED, POINT) else last.cancel()
        meter = self._meters[lane] = Meter(self.progress)
        return meter

    def is_latest(self, lane: str, meter: Meter) -> bool:
        """Whether nothing was begun in `lane` after the work of that meter, nor was it stopped."""
        return meter is self._meters.get(lane)

    def stop(self, *lanes: str) -> None:
        """End what waits or is under way in these lanes."""
        for lane in lanes:
            self.service.discard(self.key, lane)
            if lane in self._meters:
                self._meters[lane].cancel()

    # ---- from any thread to the session's ----

    def later(self, function: Callable[[], None]) -> None:
        """Have `function()` called soon on the session's thread, unless the session has ended."""

        def run():
            if not self.closed:
                function()

        if not self.closed:
            self._post(run)

    def ask(self, function: Callable[[], None], patience: float) -> bool:
        """Have `function()` done on the session's thread, and wait until it is; on any other.

        Parameters
        ----------
        patience : float
            Longest wait [s].

        Returns
        -------
        bool
            Whether it was done: not where the session ends, or does not get to it.
        """
        done, end = Event(), monotonic() + patience

        def run():
            function()
            done.set()

        self.later(run)
        while not self.closed and monotonic() < end:
            if done.wait(POLL_S):
                return True
        return done.is_set()

    def progress(self, progress: Progress) -> None:
        """Tell how far long work is."""
        self.later(lambda: self.told.param.update(progress=progress))

    def fail(self, error: BaseException) -> None:
        """Say what went wrong, unless it was stopped."""
        if not isinstance(error, Cancelled):
            sentence = words.sentence(error)
            self.later(lambda: self.told.param.update(error=sentence))

    def close(self) -> None:
        """End the session: nothing is told any more, its work stops."""
        self.closed = True
        self.service.discard(self.key)
        self.service.gate(self.key, None)
        self.stop(*self._meters)
