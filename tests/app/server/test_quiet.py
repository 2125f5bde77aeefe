"""Whatever a page sends, its session lives on, and the log has no line of what is normal."""

import asyncio
import errno
import gc
import logging
import signal
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

from app.server.quiet import FAULTS, TALKERS, Heedless, in_one_line, is_news, quieten
from recon.io import write_events
from recon.simulate.scan import truth
from tests.support.cold import PROGRAM
from tests.support.malformed import fragments, patches
from tests.support.scans import ABERRATIONS, CALIBRATION, weak_events
from tests.support.servers import served
from tests.support.wire import READY, page, socket, token_of

EACH = 12
"""Of the malformed messages one in so many is sent here; `attack_users.py` sends all."""


async def send_junk(url):
    """Answers to malformed messages by their kind, to what is none, and what is left then."""
    answers, broken = Counter(), 0
    token = token_of(page(url))
    async with socket(url, token) as wire:
        document = await wire.begin()
        await wire.patch(READY)
        for _, sent in list(patches(document))[::EACH]:
            kind, _ = await wire.patch(sent)
            answers[kind] += 1
        kind, content = await wire.ask("PULL-DOC-REQ", {})
        alive = kind == "PULL-DOC-REPLY" and len(content["doc"]["roots"])
        for _, parts in fragments():
            async with socket(url, token) as other:
                await other.begin()
                await other.send(parts)
                broken += 1
        # The session is the same, and the page that stands open is not disturbed.
        kind, content = await wire.ask("PULL-DOC-REQ", {})
        assert len(content["doc"]["roots"]) == alive
    return answers, broken, alive


async def leave_while_it_draws(url):
    for _ in range(6):
        token = token_of(page(url))
        async with socket(url, token) as wire:
            await wire.begin()
            await wire.patch(READY)


def run(coroutine):
    # On a thread of its own: a browser's driver may keep a loop running on this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(coroutine)).result()


def test_malformed_messages_are_answered_and_people_who_leave_are_no_news(tmp_path):
    scan = weak_events(400, metadata=truth(CALIBRATION, ABERRATIONS))
    write_events(tmp_path / "scan.npz", scan)
    settings = {"LIVESTEM_CACHE": str(tmp_path)}
    with served(tmp_path / "scan.npz", program=PROGRAM, **settings) as (process, found):
        answers, broken, alive = run(send_junk(found[0]))
        run(leave_while_it_draws(found[0]))
        process.send_signal(signal.SIGTERM)
        log, _ = process.communicate()
    assert process.returncode == 0
    assert set(answers) == {"OK", "ERROR"}
    assert answers.total() >= 120
    assert broken == len(list(fragments()))
    assert alive > 10
    assert "Traceback" not in log
    assert "never retrieved" not in log
    assert "was closed" not in log
    assert max(map(len, log.splitlines())) < 400


@pytest.fixture
def loop(caplog):
    made = asyncio.new_event_loop()
    try:
        yield made
    finally:
        made.close()
        for name in (*TALKERS, *FAULTS):
            logger = logging.getLogger(name)
            logger.filters[:] = [f for f in logger.filters if f not in (is_news, in_one_line)]
        logging.getLogger("tornado.access").setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    ("error", "told"),
    [(WebSocketClosedError(), False), (StreamClosedError(), False), (ValueError("ours"), True)],
)
def test_a_message_to_a_page_that_was_left_is_no_news(loop, caplog, error, told):
    async def fail():
        raise error

    async def never_ask():
        task = asyncio.ensure_future(fail())
        await asyncio.sleep(0)
        del task
        gc.collect()

    async def whole():
        quieten(IOLoop.current())
        await never_ask()

    loop.run_until_complete(whole())
    assert ("never retrieved" in caplog.text) == told


def record(name, words, error):
    return logging.LogRecord(name, logging.ERROR, __file__, 1, words, (), error)


def raised(function):
    try:
        function()
    except Exception:
        return sys.exc_info()
    raise AssertionError


def test_a_fault_of_our_own_keeps_its_traceback(monkeypatch):
    from app.server.config import settings_from

    monkeypatch.delenv("LIVESTEM_DEBUG", raising=False)
    ours = raised(lambda: settings_from({"LIVESTEM_THREADS": "x"}))
    theirs = raised(lambda: int("x" * 1000))
    for error, kept in ((ours, True), (theirs, False), (None, True)):
        line = record(FAULTS[0], "error handling message", error)
        assert in_one_line(line)
        assert (line.exc_info == error) == kept
        assert len(line.getMessage()) < 300
    uncaught = record("tornado.application", "Uncaught exception GET /app", theirs)
    assert in_one_line(uncaught)
    assert uncaught.exc_info is theirs


def test_what_is_told_of_people_who_leave_is_what_the_libraries_say():
    """The words that are passed over stand where they are looked for."""
    import inspect

    from bokeh.server import contexts
    from bokeh.server.views import ws
    from panel.io import document

    said = {module.__name__: inspect.getsource(module) for module in (ws, contexts, document)}
    assert set(said) == set(TALKERS)
    assert "Failed sending message as connection was closed" in said[ws.__name__]
    assert "Failed sending message as connection was closed" in said[document.__name__]
    assert "was scheduled to discard but came" in said[contexts.__name__]


@pytest.mark.parametrize("error", [errno.EPIPE, errno.ENOSPC])
def test_a_stream_that_nobody_reads_takes_what_is_written(error):
    class Gone:
        encoding = "utf-8"

        def write(self, text):
            raise OSError(error, "no more")

        def flush(self):
            raise ValueError("closed")

    stream = Heedless(Gone())
    print("words", file=stream, flush=True)
    assert stream.encoding == "utf-8"
