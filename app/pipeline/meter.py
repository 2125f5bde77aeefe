"""Progress of long work: what is told to the page, and how it is stopped."""

from collections.abc import Callable
from math import inf
from threading import Event
from time import monotonic

from app.pipeline.results import Progress
from recon.errors import Cancelled

_QUIET_S, _PAUSE_S, _EARLIEST_S = 0.3, 0.15, 1.0


class Meter:
    """Counts the fractions of one piece of work after the other.

    Work that is done within 0.3 s is not told at all. Calling the meter raises `Cancelled` once
    `cancel` was called.

    Parameters
    ----------
    publish : callable
        Takes a `Progress`; safe from the worker's thread.
    clock : callable
        Seconds.
    """

    def __init__(self, publish: Callable[[Progress], None], clock: Callable[[], float] = monotonic):
        self._publish, self._clock = publish, clock
        self._cancelled = Event()
        self._task, self._start, self._told, self._shown = "", clock(), -1e9, False
        self._allowed = inf

    def cancel(self) -> None:
        """Have the work stop at its next report."""
        self._cancelled.set()

    def hurry(self, seconds: float) -> None:
        """Have the work stop too, but let what is done `seconds` after its beginning finish."""
        self._allowed = seconds

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def begin(self, task: str) -> "Meter":
        """Name the work whose fractions follow."""
        self._task, self._start, self._told = task, self._clock(), -1e9
        self.check()
        return self

    def check(self) -> None:
        """Raise `Cancelled` if so."""
        if self._cancelled.is_set() or self._clock() - self._start > self._allowed:
            raise Cancelled

    def __call__(self, fraction: float) -> None:
        """Report a fraction between 0 and 1."""
        self.check()
        now = self._clock()
        elapsed = now - self._start
        if elapsed < _QUIET_S or now - self._told < _PAUSE_S:
            return
        self._told, self._shown = now, True
        fraction = min(max(float(fraction), 0.0), 1.0)
        # The first moments say little of the rest: kernels are loaded, caches are cold.
        known = elapsed >= _EARLIEST_S and fraction >= 0.02
        remaining = elapsed * (1 - fraction) / fraction if known else None
        self._publish(Progress(self._task, fraction, remaining, True))

    def end(self) -> None:
        """Say that the work has ended, if it was told that it ran."""
        if self._shown:
            self._publish(Progress(self._task, 1.0, 0.0, False))
            self._shown = False
