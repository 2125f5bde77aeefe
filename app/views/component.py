"""A component of our own: what the page's scripts may tell it, and nothing else.

Whoever is let in may send what no script of ours would. A message without its fields, or with
others in their place, is not for anyone; a property that no script sets stays as it is.
"""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import ClassVar

import panel as pn
from panel.io.state import set_curdoc
from panel.models.esm import DataEvent
from panel.reactive import Reactive

OF_PANEL = frozenset(Reactive.param) | {"esm", "importmap"}
"""Parameters of a component that are not its script's, but Panel's."""

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
        self._at_once: set[str] = set()

    def _get_properties(self, doc):
        # What Panel takes for a bundle goes to the browser's loader as it is. Every other script
        # it translates from TypeScript first, in the page, once for each component.
        properties = super()._get_properties(doc)
        return properties | {"bundle": sha256(properties["esm"].encode()).hexdigest()}

    def on(self, name: str, action: Callable, /, **fields: type) -> None:
        """Call `action(message)` for the browser's message `name`, if it holds these fields."""
        self._actions[name] = action, fields

    def at_once(self, name: str, action: Callable, /, **fields: type) -> None:
        """The same for an action that draws nothing: it waits for nobody."""
        self.on(name, action, **fields)
        self._at_once.add(name)

    def _server_event(self, doc, event):
        if isinstance(event, DataEvent) and _name(event.data) in self._at_once:
            self._handle_msg(event.data)
            return
        # Panel takes over a message, and before it all values that wait, without the document's
        # lock: while a picture is being sent nothing could be drawn, and they would be lost.
        if doc.session_context is None:
            self._comm_event(doc, event)
        else:
            doc.add_next_tick_callback(partial(self._event_coroutine, doc, event))

    def _process_bokeh_event(self, doc, event):
        # Nobody is shown that Panel is busy; its own counts that, which takes longer than the rest.
        with set_curdoc(doc):
            self._process_event(event)

    def _update_model(self, events, msg, root, model, doc, comm):
        if not OF_PANEL.isdisjoint(msg):
            super()._update_model(events, msg, root, model, doc, comm)
            return
        # Panel asks `model` for each of them first, which has none: Bokeh then looks for names that
        # are like it. What the browser has just said is not told back.
        said = self._in_process__events.get(doc, {})
        news = {n: value for n, value in msg.items() if n not in said or said[n] != value}
        self._set_on_model(news, root, model.data)

    def _handle_msg(self, message):
        action, fields = self._actions.get(_name(message), (None, {}))
        # By type and not by class: True is no number.
        if action is not None and all(type(message.get(f)) is kind for f, kind in fields.items()):
            action(message)

    def _process_events(self, events):
        # Panel's counts what is busy, and makes all constants settable meanwhile: a component of
        # ours has none that a script sets, and a hand moves sixty times a second.
        doc = pn.state.curdoc
        if doc:
            self._in_process__events[doc] = events
        try:
            self.param.update({n: value for n, value in events.items() if n in self.heard})
        finally:
            self._in_process__events.pop(doc, None)

    def close(self) -> None:
        """Answer no more."""
        self._actions.clear()


def _name(message) -> str:
    """Of what a script tells; empty of what is no message."""
    name = message.get("does") if isinstance(message, dict) else None
    return name if isinstance(name, str) else ""


def number(data, name: str) -> float | None:
    """The one finite number in the column `name` that a script wrote; None of anything else."""
    column = data.get(name) if isinstance(data, dict) else None
    return finite(column[0]) if isinstance(column, list | tuple) and len(column) == 1 else None


def finite(value) -> float | None:
    """A number that can be computed with; None of anything else that a script may send."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and abs(value) < LARGEST else None  # NaN is not less
