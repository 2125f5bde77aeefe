"""A page that is restricted takes what is allowed, whole, or nothing."""

import asyncio
from types import SimpleNamespace

from bokeh.document import Document
from bokeh.server.session import ServerSession

from app.server import restricted


class Connection:
    def error(self, message, text):
        return "ERROR", text

    def ok(self, message):
        return "OK", ""


def patched(document, *events):
    """What comes of a message with these events: the answer, and whether anything was done."""
    done = []
    restricted.look_through_messages()
    restricted.look_through_messages()  # once is enough
    session = ServerSession("name", document)
    message = SimpleNamespace(
        content={"events": list(events)}, apply_to_document=lambda *to: done.append(True)
    )
    answer = asyncio.run(session._handle_patch(message, Connection()))
    return answer[0], bool(done)


def test_a_message_is_done_only_if_all_of_it_is_allowed():
    document = Document()
    assert patched(document, "anything") == ("OK", True)
    restricted.restrict(document, lambda event: event == "fine")
    assert patched(document, "fine", "fine") == ("OK", True)
    assert patched(document, "fine", "anything") == ("ERROR", False)


def test_what_cannot_be_judged_is_refused():
    document = Document()
    restricted.restrict(document, lambda event: event["kind"] == "fine")
    assert patched(document, {}) == ("ERROR", False)
    assert patched(document, None) == ("ERROR", False)


def test_a_restricted_document_cannot_be_replaced():
    document, done = Document(), []
    restricted.look_through_messages()
    restricted.restrict(document, lambda event: True)
    session = ServerSession("name", document)
    message = SimpleNamespace(push_to_document=done.append)
    answer = asyncio.run(session._handle_push(message, Connection()))
    assert answer == ("ERROR", restricted.REFUSED)
    assert done == []
