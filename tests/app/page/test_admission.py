"""Pages are made aside, one at a time, and no client may ask for many at once."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import requests
from bokeh.document import Document
from panel.io import server

from app.page import admission
from app.page import open as session
from app.page.admission import MOST_WAITING, make_pages_aside
from app.page.made import is_made
from app.pipeline import hands
from app.server import guard
from tests.support.servers import server as served
from tests.support.waiting import PATIENCE_S, wait_until


def run(awaited):
    """Run a coroutine, whatever loop the browser of other tests has left on this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, awaited).result()


class FakeApplication:
    """Where Bokeh would call before it makes a document."""

    def __init__(self):
        self.heard = []

    async def on_session_created(self, context):
        self.heard.append(context)

    def _set_session_prefix(self, doc):
        pass


@pytest.fixture
def application(monkeypatch):
    monkeypatch.setattr(admission, "_write_documents_aside", lambda: None)
    monkeypatch.setattr(admission, "_prepare", lambda: None)
    made = FakeApplication()
    make_pages_aside(made)
    # A setting of Bokeh's reads as the descriptor that it is: only this puts it back.
    yield made
    admission.settings.perform_document_validation.unset_value()


def test_pages_are_made_one_at_a_time_on_a_thread_of_their_own(application, monkeypatch):
    threads, together, most = set(), 0, 0

    def open_page():
        nonlocal together, most
        threads.add(threading.current_thread())
        together += 1
        most = max(most, together)
        threading.Event().wait(0.01)
        together -= 1

    monkeypatch.setattr(session, "open_page", open_page)
    contexts = [SimpleNamespace(_document=Document()) for _ in range(5)]

    async def come():
        await asyncio.gather(*map(application.on_session_created, contexts))

    run(come())
    assert application.heard == contexts
    assert len(threads) == most == 1
    assert threading.current_thread() not in threads
    assert all(is_made(context._document) for context in contexts)


@pytest.mark.parametrize("first", ["the limit", "the locks"])
def test_a_client_is_limited_whatever_else_stands_before_a_page(first, monkeypatch):
    """The locks of a server with sessions are put there too, before or after."""
    patterns = list(server.per_app_patterns)
    monkeypatch.setattr(server, "per_app_patterns", patterns)
    monkeypatch.setattr(guard.urls, "per_app_patterns", patterns)
    monkeypatch.setattr(guard.urls, "toplevel_patterns", [])
    steps = [admission.refuse_crowds, guard.lock_pages]
    for step in steps if first == "the limit" else steps[::-1]:
        step()
    pages = [handler for _, handler, *_ in patterns if issubclass(handler, server.DocHandler)]
    assert pages
    assert all(issubclass(page, admission._Limited) for page in pages)
    assert all(issubclass(page, guard.OwnSession) for page in pages)


def test_a_page_that_could_not_be_made_aside_is_left_to_bokeh(application, monkeypatch):
    def open_page():
        raise ValueError("no page today")

    monkeypatch.setattr(session, "open_page", open_page)
    context = SimpleNamespace(_document=Document())
    run(application.on_session_created(context))
    assert not is_made(context._document)


@pytest.mark.parametrize("moving", [0, 3])
def test_making_a_page_rests_only_while_a_hand_moves(application, monkeypatch, moving):
    rests = []

    def open_page():
        sum(range(200_000))  # takes some time of the processor
        hands.give_way()

    monkeypatch.setattr(session, "open_page", open_page)
    monkeypatch.setattr(hands.hands, "count", lambda: moving)
    monkeypatch.setattr(hands.time, "sleep", rests.append)
    run(application.on_session_created(SimpleNamespace(_document=Document())))
    assert bool(rests) == bool(moving)
    assert all(rest > 0 for rest in rests)


def test_nobody_else_gives_way(monkeypatch):
    monkeypatch.setattr(hands.hands, "count", lambda: 3)
    monkeypatch.setattr(hands.time, "sleep", lambda seconds: pytest.fail("it slept"))
    hands.give_way()


HELD = """
import sys
from pathlib import Path
from time import sleep
from types import ModuleType
from tests.support.cold import main

may = Path(sys.argv.pop())

def open_page():
    while not may.exists():
        sleep(0.01)

page = sys.modules["app.page.open"] = ModuleType("app.page.open")
page.open_page = open_page
main()
"""


def test_of_one_client_only_so_many_pages_wait(tmp_path):
    """None of them is there before the last has been asked for."""
    may = tmp_path / "may"
    settings = {"LIVESTEM_CACHE": str(tmp_path)}
    command = ["-c", HELD, "serve", "--port", "0", "--no-open", may]
    with (
        served(command, r"http://localhost:(\d+)\S*/app", **settings) as (_, found),
        ThreadPoolExecutor(24) as clients,
    ):
        address = found[0]
        try:
            asked = [clients.submit(requests.get, address, timeout=PATIENCE_S) for _ in range(24)]
            wait_until(lambda: sum(each.done() for each in asked) == 24 - MOST_WAITING)
        finally:
            may.touch()
        answers = [each.result() for each in asked]
        refused = [answer for answer in answers if answer.status_code == 429]
        made = [answer for answer in answers if answer.status_code == 200]
        assert len(refused) + len(made) == 24
        assert len(made) == MOST_WAITING
        assert f"{MOST_WAITING} pages for this address are being opened already" in refused[0].text
        assert int(refused[0].headers["Retry-After"]) > 0
        assert requests.get(address, timeout=PATIENCE_S).status_code == 200
