"""What changes together goes to the browser as one message, and at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from bokeh.core.serialization import Serializer
from bokeh.document.callbacks import invoke_with_curdoc
from bokeh.document.json import PatchJson
from bokeh.model import Model
from bokeh.protocol.messages.patch_doc import patch_doc
from bokeh.server.views.ws import WSHandler
from panel.io import document as panel_document


def send_at_once() -> None:
    """Have no part of a message wait until the browser has acknowledged the one before it.

    Bokeh sends each of a message's parts for itself. By Nagle's algorithm the second stays here
    until the first is acknowledged, and a system that has nothing to say acknowledges after 40 ms.
    """
    begin = WSHandler.open

    def open(self, *arguments) -> None:
        self.set_nodelay(True)
        begin(self, *arguments)

    WSHandler.open = open


def send_in_order() -> None:
    """Have Panel's messages wait in line with Bokeh's.

    Panel writes to the socket itself. What it puts aside because somebody else is writing comes
    after what is newer; and if more is put aside as the last of that is written, it stays there
    until something else changes, on a page at rest for ever.
    """
    for name in ("write_events", "schedule_write_events"):
        setattr(panel_document, name, _send)


def _send(document, connections, events) -> None:
    """Send what Panel has held, to each of the session's websockets."""
    session = getattr(document.session_context, "session", None)
    if session is None:
        return
    if session._pending_writes is None:  # without the document's lock
        document.add_next_tick_callback(partial(_send, document, connections, events))
        return
    for connection in connections:
        message = _message(document, events)
        session._pending_writes.append(connection._socket.send_message(message))


@contextmanager
def one_message(document) -> Iterator[None]:
    """Send what changes meanwhile as one message at the end; the browser then paints once for all.

    Bokeh's own `hold` sends a message for each change at its end, of three parts and more, each of
    which the server and the browser handle for itself. Panel's sends one, but tells no callback of
    the changes, and waits 10 ms where the socket is just being written to.

    Parameters
    ----------
    document : bokeh Document
        With its lock held, as in its own callbacks. Without a session nothing is sent.
    """
    document.hold("combine")
    try:
        with _looked_through_where_others_come(document), _heard_at_once(document):
            yield
    finally:
        session = getattr(document.session_context, "session", None)
        with _gathered(session, [] if session is None else session._subscribed_connections):
            document.unhold()


@contextmanager
def _heard_at_once(document) -> Iterator[None]:
    """Have whoever follows a change hear of it while it is made.

    Bokeh's `hold` tells them at its end. By then Panel takes what it has set itself for news from
    the browser, and sets it once more, for each property of each message.
    """
    callbacks = document.callbacks
    keep = callbacks.trigger_on_change

    def trigger(event):
        tell, event.callback_invoker = event.callback_invoker, None
        keep(event)
        if tell is not None:
            invoke_with_curdoc(document, tell)

    callbacks.trigger_on_change = trigger
    try:
        yield
    finally:
        del callbacks.trigger_on_change


@contextmanager
def _looked_through_where_others_come(document) -> Iterator[None]:
    """Have Bokeh look through a page's models only where others have come or gone.

    Its `freeze` does at the end of whatever was frozen, as HoloViews does for every picture: most
    of the time that a picture takes.
    """
    models, roots, changed = document.models, list(document.roots), False

    def invalidate():
        nonlocal changed
        changed = models._freeze_count > 0
        if not changed:
            models.recompute()

    def pop_freeze():
        nonlocal roots, changed
        models._freeze_count -= 1
        if models._freeze_count == 0 and (changed or roots != document.roots):
            roots, changed = list(document.roots), False
            models.recompute()

    models.invalidate, models._pop_freeze = invalidate, pop_freeze
    try:
        yield
    finally:
        del models.invalidate, models._pop_freeze


@contextmanager
def _gathered(session, connections) -> Iterator[None]:
    kept: dict[object, list] = {connection: [] for connection in connections}
    for connection, events in kept.items():
        connection.send_patch_document = partial(_keep, events.append)
    try:
        yield
    finally:
        for connection, events in kept.items():
            del connection.send_patch_document
            if events:
                message = _message(session.document, events)
                session._pending_writes.append(connection._socket.send_message(message))


def _message(document, events) -> patch_doc:
    """As `patch_doc.create` makes it."""
    serializer = _Referring(document.models)
    message = patch_doc(patch_doc.create_header(), {}, PatchJson(events=serializer.encode(events)))
    document.models.flush_synced(lambda model: not serializer.has_ref(model))
    message.add_buffers(*serializer.buffers)
    return message


class _Referring(Serializer):
    """Refers to models that the browser has; Bokeh's own lists all of the page's each time."""

    def __init__(self, models):
        super().__init__()
        self._models = models

    def get_ref(self, obj):
        """What stands for a model that is known; None for another."""
        ref = super().get_ref(obj)
        if ref is not None or not isinstance(obj, Model):
            return ref
        known = self._models.get_by_id(obj.id) is obj and obj not in self._models._new_models
        return obj.ref if known else None


def _keep(keep: Callable, event):
    keep(event)
    return _nothing()


async def _nothing() -> None:
    """What Bokeh awaits in place of a message."""
