"""Pages whose messages are looked through before anything of them is done.

Whoever only watches has a websocket like everyone else, over which any property of any model of the
page could be set. So a page can be restricted to what `Allowed` lets through; all else that comes
is answered with an error, and nothing of the message is done.
"""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from bokeh.server.session import ServerSession

REFUSED = "This page only watches: it can change nothing."

Allowed = Callable[[dict], bool]
"""`allowed(event)` says of an event of a message whether it may be done."""

_looking: set[type] = set()
_restricted: WeakKeyDictionary[object, Allowed] = WeakKeyDictionary()


def restrict(document, allowed: Allowed) -> None:
    """Have a document take only what is allowed of what its browser sends."""
    _restricted[document] = allowed


def look_through_messages() -> None:
    """Put this module before what Bokeh does with a page's messages."""
    if ServerSession in _looking:
        return
    patch, push = ServerSession._handle_patch, ServerSession._handle_push

    # They hand on what Bokeh awaits and await nothing: what a page sends in error, and Bokeh
    # stumbles over, has then no line of ours in its traceback, and is told as what it is.
    def handle_patch(self, message, connection):
        allowed = None if self.destroyed else _restricted.get(self.document)
        if allowed is not None and not _may(message, allowed):
            return _refused(message, connection)
        return patch(self, message, connection)

    def handle_push(self, message, connection):
        if not self.destroyed and self.document in _restricted:
            return _refused(message, connection)
        return push(self, message, connection)

    ServerSession._handle_patch, ServerSession._handle_push = handle_patch, handle_push
    _looking.add(ServerSession)


async def _refused(message, connection):
    return connection.error(message, REFUSED)


def _may(message, allowed: Allowed) -> bool:
    try:
        events = message.content["events"]
        return isinstance(events, list) and all(allowed(event) for event in events)
    except Exception:  # whatever a stranger makes up
        return False
