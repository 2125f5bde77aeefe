"""Waits of any number of sessions for what others have begun, on one thread."""

from collections.abc import Callable
from threading import Condition, Thread

from app.engine.store import POLL_S, Wait


class Waiting:
    """Looks at each wait now and then, which tells of the progress, until it is over."""

    def __init__(self):
        self._changed = Condition()
        self._waits: list[tuple[Wait, Callable]] = []
        self._closed = False
        self._thread = Thread(target=self._serve, name="livestem-waiting", daemon=True)
        self._thread.start()

    def add(self, wait: Wait, over: Callable[[BaseException | None], None]) -> None:
        """Call `over(error)` on the thread once it is over, or an error has ended it."""
        with self._changed:
            self._waits.append((wait, over))
            self._changed.notify_all()

    def close(self, timeout: float | None = None) -> None:
        """Forget all waits."""
        with self._changed:
            self._closed = True
            self._waits.clear()
            self._changed.notify_all()
        self._thread.join(timeout)

    def _serve(self):
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waits)
                if self._closed:
                    return
                waits = list(self._waits)
            over = [each for each in waits if self._is_over(*each)]
            del waits
            with self._changed:
                self._waits = [each for each in self._waits if each not in over]
                # A closed session must not be kept by a thread that waits.
                del over
                self._changed.wait_for(lambda: self._closed, POLL_S)

    @staticmethod
    def _is_over(wait, over):
        error = None
        try:
            if not wait.over():
                return False
        except BaseException as raised:  # such as Cancelled; it is told to the session
            error = raised
        over(error)
        return True
