"""What changes together is one message, and whoever follows a change hears of it."""

import asyncio
import json
import socket
from threading import get_ident

import numpy as np
import panel as pn
import pytest
from bokeh.application import Application
from bokeh.document import Document
from bokeh.document.events import ModelChangedEvent, TitleChangedEvent
from bokeh.models import Column, ColumnDataSource, Slider
from bokeh.protocol import Protocol
from bokeh.protocol.messages.patch_doc import patch_doc
from bokeh.server.connection import ServerConnection
from bokeh.server.contexts import ApplicationContext
from bokeh.server.server import Server
from bokeh.server.views.ws import WSHandler
from panel.io import document as panel_document
from panel.io.state import set_curdoc, state
from tornado.ioloop import IOLoop
from tornado.locks import Lock

from app.server.sending import _message, one_message, send_at_once, send_in_order
from tests.support import wire


class Socket:
    """Keeps what would go over a websocket."""

    def __init__(self):
        self.sent, self.write_lock = [], Lock()

    async def send_message(self, message):
        self.sent.append(message.content["events"])


def a_slider():
    return Slider(start=0, end=1, value=0)


def sent_by(change):
    """The messages, each a list of events, for `change(document, slider, other)` under the lock."""

    async def run():
        context = ApplicationContext(Application(), io_loop=IOLoop.current())
        session = await context.create_session_if_needed("s" * 20)
        document, (slider, other) = session.document, (a_slider(), a_slider())
        await session.with_document_locked(lambda: document.add_root(Column(slider, other)))
        socket = Socket()
        connection = ServerConnection(Protocol(), socket, context, session)
        session.subscribe(connection)
        await session.with_document_locked(lambda: change(document, slider, other))
        await asyncio.sleep(0.01)
        assert "send_patch_document" not in vars(connection)
        return socket.sent

    return asyncio.run(run())


def test_changes_of_several_models_are_one_message():
    def change(document, slider, other):
        with one_message(document):
            slider.title, slider.value, other.title = "a", 0.5, "b"

    (events,) = sent_by(change)
    assert [(e["attr"], e["new"]) for e in events] == [
        ("title", "a"),
        ("value", 0.5),
        ("title", "b"),
    ]


def test_bokeh_sends_a_message_for_each():
    """Where this changes, ours is no longer needed."""

    def change(document, slider, other):
        document.hold("combine")
        slider.title, other.title = "a", "b"
        document.unhold()

    assert [len(events) for events in sent_by(change)] == [1, 1]


def test_the_last_value_of_a_property_is_sent_alone():
    def change(document, slider, other):
        with one_message(document):
            slider.title = "a"
            slider.title = "c"

    (events,) = sent_by(change)
    assert [event["new"] for event in events] == ["c"]


def test_what_a_callback_changes_then_goes_along():
    def change(document, slider, other):
        slider.on_change("value", lambda attr, old, new: other.update(title=str(new)))
        with one_message(document):
            slider.value = 0.5

    (events,) = sent_by(change)
    assert {event["attr"]: event["new"] for event in events} == {"value": 0.5, "title": "0.5"}


def test_who_follows_a_change_hears_of_it_while_it_is_made():
    heard = []

    def change(document, slider, other):
        slider.on_change("value", lambda attr, old, new: heard.append((old, new, other.title)))
        with one_message(document):
            slider.value = 0.25
            slider.value = 0.5
            other.title = "b"

    (events,) = sent_by(change)
    assert heard == [(0, 0.25, ""), (0.25, 0.5, "")]
    assert [(e["attr"], e["new"]) for e in events] == [("value", 0.5), ("title", "b")]


def test_panel_takes_nothing_that_it_has_set_for_news_from_the_browser():
    shown, taken = pn.widgets.Checkbox(), []

    def change(document, slider, other):
        document.add_timeout_callback = lambda take, milliseconds: taken.append(shown.value)
        state._connected[document] = True
        with set_curdoc(document):
            document.add_root(shown.get_root(document))
            with one_message(document):
                shown.value = True
            assert taken == []
            document.hold("combine")
            shown.value = False
            document.unhold()
        state._change_callbacks.pop(document)

    sent = [event.get("new") for events in sent_by(change) for event in events]
    assert sent[-2:] == [True, False]
    assert taken == [False]  # where Bokeh's own hold is heard in time, ours is no longer needed


def test_where_nothing_changes_nothing_is_sent():
    def change(document, slider, other):
        with one_message(document):
            pass

    assert sent_by(change) == []


def test_what_has_changed_before_an_error_is_sent():
    def change(document, slider, other):
        try:
            with one_message(document):
                slider.title = "a"
                raise KeyError
        except KeyError:
            pass

    assert len(sent_by(change)) == 1


def looked_through(change):
    """How often the models of a document with one root are looked through."""
    document, root = Document(), Column()
    document.add_root(root)
    seen, plain = [], document.models.recompute
    document.models.recompute = lambda: seen.append(True) or plain()
    with one_message(document):
        change(document, root)
    assert not {"invalidate", "_pop_freeze"} & vars(document.models).keys()
    assert set(document.models) == set().union(*(each.references() for each in document.roots))
    before = len(seen)
    with document.models.freeze():
        pass
    assert len(seen) == before + 1  # as ever
    return before


def a_picture(document, root):
    with document.models.freeze():
        root.spacing = 3


def test_pictures_of_the_same_models_look_through_none():
    def change(document, root):
        for _ in range(3):
            a_picture(document, root)

    assert looked_through(change) == 0


def test_models_that_come_and_go_are_found_at_once():
    def change(document, root):
        a_picture(document, root)
        first, second = Slider(), Slider()
        root.children = [first, second]
        assert second.document is document
        root.children = [first]
        assert second.document is None
        a_picture(document, root)

    assert looked_through(change) == 2


def test_what_comes_while_models_are_frozen_is_found_at_the_end_of_that():
    def change(document, root):
        with document.models.freeze():
            with document.models.freeze():
                root.children = [Slider()]
            root.children = [Slider()]
            assert root.children[0].document is None
        assert root.children[0].document is document

    assert looked_through(change) == 1


def test_a_new_root_is_found():
    assert looked_through(lambda document, root: document.add_root(Slider())) == 1


def test_a_model_that_came_is_sent_whole():
    def change(document, slider, other):
        (root,) = document.roots
        with one_message(document):
            root.children = [slider, other, a_slider()]
            root.children[-1].title = "newer"

    (events,) = sent_by(change)
    new = next(each for each in events if each["attr"] == "children")["new"][-1]
    assert new["attributes"]["title"] == "newer"


def test_what_the_browser_has_is_referred_to_and_what_is_new_told_once():
    new = a_slider()

    def change(document, slider, other):
        (root,) = document.roots
        document.models.flush_synced()  # the browser has the page
        with one_message(document):
            root.children = [new, slider]
        with one_message(document):
            root.children = [other, new, slider]  # one that went, and comes again

    told = [["attributes" in each for each in events[0]["new"]] for events in sent_by(change)]
    assert told == [[True, False], [True, False, False]]


@pytest.mark.parametrize("pixels", [np.arange(6, dtype=np.uint8).reshape(2, 3), np.ones(2)])
def test_a_message_is_what_bokeh_would_make_of_it(pixels):
    document, source = Document(), ColumnDataSource({"image": []})
    document.add_root(Column(a_slider()))
    document.add_root(source)
    document.models.flush_synced()
    source.data = {"image": [pixels]}
    events = [ModelChangedEvent(document, source, "data", source.data)]
    ours, theirs = _message(document, events), patch_doc.create(events)

    def plain(message):
        (buffer,) = message.buffers
        return json.loads(message.content_json.replace(str(buffer.id), "buffer")), buffer.to_bytes()

    assert plain(ours) == plain(theirs)
    assert ours.msgtype == theirs.msgtype


@pytest.fixture
def in_order(monkeypatch):
    """Panel's messages wait in line with Bokeh's, for one test."""
    for name in ("write_events", "schedule_write_events"):
        monkeypatch.setattr(panel_document, name, getattr(panel_document, name))
    send_in_order()


def opened(document):
    """Have Panel take a page for one that a browser shows."""
    state._loaded[document], state._thread_id_[document] = True, get_ident()


@pytest.mark.usefixtures("in_order")
@pytest.mark.parametrize("writing", [False, True], ids=["free", "written to"])
def test_what_panel_sends_comes_in_the_order_of_its_making(writing):
    def change(document, slider, other):
        (connection,) = document.session_context.session._subscribed_connections
        opened(document)
        if writing:
            connection._socket.write_lock.acquire()
        with set_curdoc(document):
            for title in "abc":
                with panel_document.unlocked():
                    slider.title = title
                slider.value = ord(title)

    told = [(each["attr"], each["new"]) for (each,) in sent_by(change)]
    assert told == [pair for t in "abc" for pair in (("title", t), ("value", ord(t)))]


@pytest.mark.usefixtures("in_order")
def test_what_panel_sends_without_the_documents_lock_comes_as_well():
    def change(document, slider, other):
        def unguarded():
            with set_curdoc(document), panel_document.unlocked():
                slider.title, other.title = "a", "b"

        opened(document)
        asyncio.get_running_loop().call_soon(unguarded)

    (events,) = sent_by(change)
    assert [(e["attr"], e["new"]) for e in events] == [("title", "a"), ("title", "b")]


def test_panel_leaves_lying_what_it_puts_aside_while_its_last_is_written(monkeypatch):
    """Where this changes, `send_in_order` is only needed for the order."""

    async def run():
        context = ApplicationContext(Application(), io_loop=IOLoop.current())
        session = await context.create_session_if_needed("s" * 20)
        document, socket, written = session.document, Socket(), []
        connection = ServerConnection(Protocol(), socket, context, session)

        def write(connection, msg):
            written.append((msg, asyncio.get_running_loop().create_future()))
            return [written[-1][1]]

        monkeypatch.setitem(panel_document.extra_socket_handlers, Socket, write)
        events = [TitleChangedEvent(document, "a")]
        panel_document.schedule_write_events(document, [connection], events)
        await asyncio.sleep(0)
        written[0][1].set_result(None)
        panel_document.schedule_write_events(document, [connection], events)
        await asyncio.sleep(0.05)
        left = panel_document._WRITE_MSGS.pop(document)
        return len(written), len(left[connection])

    assert asyncio.run(run()) == (1, 1)


async def waits_for_acknowledgement():
    """Whether the socket of a page holds parts of a message back."""
    server = Server({"/app": Application()}, port=0)
    server.start()
    try:
        url = f"http://localhost:{server.port}/app"
        token = wire.token_of(await asyncio.to_thread(wire.page, url))
        async with wire.socket(url, token) as page:
            await page.begin()
            (session,) = server.get_sessions("/app")
            (connection,) = session._subscribed_connections
            stream = connection._socket.ws_connection.stream
            return not stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        server.stop()


@pytest.mark.parametrize("ours", [True, False])
def test_no_part_of_a_message_waits_until_another_is_acknowledged(monkeypatch, ours):
    """Where Bokeh's alone waits no more, ours is no longer needed."""
    monkeypatch.setattr(WSHandler, "open", WSHandler.open)
    if ours:
        send_at_once()
    assert asyncio.run(waits_for_acknowledgement()) != ours
