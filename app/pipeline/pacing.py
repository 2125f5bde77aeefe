"""How many images are on their way to the page, so that none is sent that cannot be seen."""

from collections import deque
from itertools import count
from threading import Lock
from time import monotonic


class FrameWindow:
    """How many published frames the page has still to paint.

    Before the first acknowledgement nothing is held back: there may be no page.
    """

    def __init__(self, window: int, patience: float):
        self._window, self._patience = window, patience
        self._lock = Lock()
        self._waiting: deque[tuple[int, float]] = deque()
        self._numbers = count(1)
        self._acknowledged = False

    def number(self) -> int:
        """The number of one more frame, which is under way."""
        sequence = next(self._numbers)
        with self._lock:
            self._waiting.append((sequence, monotonic()))
        return sequence

    def acknowledge(self, sequence: int | None) -> None:
        """Take a frame, or all up to one, as painted."""
        with self._lock:
            self._acknowledged = True
            if sequence is None and self._waiting:
                self._waiting.popleft()
            while sequence is not None and self._waiting and self._waiting[0][0] <= sequence:
                self._waiting.popleft()

    def ready_in(self) -> float:
        """Seconds until the next frame may be computed; 0 is now."""
        with self._lock:
            now = monotonic()
            while self._waiting and now - self._waiting[0][1] >= self._patience:
                self._waiting.popleft()
            if not self._acknowledged or len(self._waiting) < self._window:
                return 0.0
            oldest = self._waiting[len(self._waiting) - self._window][1]
            return max(0.0, oldest + self._patience - now)
