"""A component of our own: what the page's scripts may tell it, and nothing else.

Whoever is let in may send what no script of ours would. A message without its fields, or with
others in their place, is not for anyone; a property that no script sets stays as it is.
"""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import panel as pn

LARGEST = 1e100
"""Beyond it there is no length, angle or count that anyone means; its square is finite."""


class Component(pn.custom.JSComponent):
    """What is drawn by a script in `assets`.

    Attributes
    ----------
    heard : tuple of str
        Parameters that the script sets; all others are only shown by it.
    """

    heard: ClassVar[tuple[str, ...]] = ()

    __abstract = True

    def __init__(self, **params):
        super().__init__(**params)
        self._actions: dict[str, tuple[Callable, dict[str, type]]] = {}

    def on(self, name: str, action: Callable, /, **fields: type) -> None:
        """Call `action(message)` for the browser's message `name`, if it holds these fields."""
        self._actions[name] = action, fields

    def _server_event(self, doc, event):
        # Panel takes over a message, and before it all values that wait, without the document's
        # lock: while a picture is being sent nothing could be drawn, and they would be lost.
        if doc.session_context is None:
            self._comm_event(doc, event)
        else:
            doc.add_next_tick_callback(partial(self._event_coroutine, doc, event))

    def _handle_msg(self, message):
        name = message.get("does") if isinstance(message, dict) else None
        action, fields = self._actions.get(name if isinstance(name, str) else "", (None, {}))
        # By type and not by class: True is no number.
        if action is not None and all(type(message.get(f)) is kind for f, kind in fields.items()):
            action(message)

    def _process_property_change(self, props):
        changed = super()._process_property_change(props)
        return {name: value for name, value in changed.items() if name in self.heard}

    def close(self) -> None:
        """Answer no more."""
        self._actions.clear()


def number(data, name: str) -> float | None:
    """The one finite number in the column `name` that a script wrote; None of anything else."""
    column = data.get(name) if isinstance(data, dict) else None
    return finite(column[0]) if isinstance(column, list | tuple) and len(column) == 1 else None


def finite(value) -> float | None:
    """A number that can be computed with; None of anything else that a script may send."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and abs(value) < LARGEST else None  # NaN is not less
