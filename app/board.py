"""What was published last under each topic, and who is told of it."""

import logging
from collections.abc import Callable

Callback = Callable[[str, object], None]

FLEETING = ("error", "notice", "progress")
"""Topics that are told once; everything else is what is shown now."""


class Board:
    """The results of a session by topic."""

    def __init__(self):
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

    def clear(self) -> None:
        """Forget all results, and everyone."""
        self._callbacks.clear()
        self._latest.clear()

    @staticmethod
    def _call(callback, topic, value) -> None:
        try:
            callback(topic, value)
        except Exception:  # one view's failure must not keep results from the others
            logging.getLogger(__name__).exception("A view could not show %s.", topic)
