"""What was published last under each topic, and who is told of it, on which thread."""

import logging
from collections.abc import Callable
from threading import Event
from time import monotonic

Callback = Callable[[str, object], None]

FLEETING = ("error", "notice", "progress")
"""Topics that are told once; everything else is what is shown now."""

POLL_S = 0.05


class Board:
    """The results of a session by topic.

    `later`, `ask`, `publish`, `progress` and `latest` may be called from any thread, all else from
    the session's.

    Parameters
    ----------
    post : callable
        `post(function)` runs `function()` soon, on the session's thread; safe from any thread.
    """

    def __init__(self, post: Callable[[Callable[[], None]], None]):
        self._post, self._closed = post, False
        self._callbacks: list[Callback] = []
        self._latest: dict[str, object] = {}

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Have `callback(topic, value)` called for what is there and what comes; ends it."""
        self._callbacks.append(callback)
        for topic, value in list(self._latest.items()):
            self._call(callback, topic, value)

        def unsubscribe():
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return unsubscribe

    def latest(self, topic: str):
        """The value told last under `topic`, or None."""
        return self._latest.get(topic)

    def tell(self, batch) -> None:
        """Tell everyone of pairs (topic, value)."""
        for topic, value in batch:
            if topic not in FLEETING:
                self._latest[topic] = value
            for callback in list(self._callbacks):
                self._call(callback, topic, value)

    def later(self, function: Callable[[], None]) -> None:
        """Have `function()` called soon on the session's thread, unless the session has ended."""

        def run():
            if not self._closed:
                function()

        if not self._closed:
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
        while not self._closed and monotonic() < end:
            if done.wait(POLL_S):
                return True
        return done.is_set()

    def publish(self, batch) -> None:
        """Tell everyone of pairs (topic, value), from any thread."""
        self.later(lambda: self.tell(batch))

    def progress(self, progress) -> None:
        """Tell everyone how far long work is, from any thread."""
        self.publish([("progress", progress)])

    def close(self) -> None:
        """Forget all results, and everyone; nothing is told any more."""
        self._closed = True
        self._callbacks.clear()
        self._latest.clear()

    @staticmethod
    def _call(callback, topic, value) -> None:
        try:
            callback(topic, value)
        except Exception:  # one view's failure must not keep results from the others
            logging.getLogger(__name__).exception("A view could not show %s.", topic)
