"""How pages come into being without stopping those that are open.

Python is busy for most of a second with the models of one page. On the server's event loop all
other pages would wait for that; so a thread makes them, one at a time, and another writes down the
document that a browser asks for. Of one client only so many pages may wait to be made.

Bokeh makes a session's document where it also serves all others; `make_pages_aside` takes its place
at the hook that comes before, and `refuse_crowds` at the page's handler.
"""

import asyncio
import gc
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from bokeh.settings import settings
from panel.io.state import set_curdoc

from app.page.made import _made
from app.pipeline.hands import give_way, making_begins

MOST_WAITING = 6
"""Pages of one client that may wait to be made, or be in the making."""

AGAIN_S = 5
"""After how long a page that was refused asks again."""


_log = logging.getLogger(__name__)
_makers = ThreadPoolExecutor(1, "livestem-page")
_writers = ThreadPoolExecutor(1, "livestem-document")


def make_pages_aside(application) -> None:
    """Have the pages of a Bokeh application made on a thread of their own."""
    plain = application.on_session_created

    async def on_session_created(context):
        await plain(context)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(_makers, _make, application, context._document)

    application.on_session_created = on_session_created
    # Bokeh would look through all models for what was forgotten; the tests do that.
    settings.perform_document_validation = False
    _write_documents_aside()
    _makers.submit(_prepare)


def _prepare() -> None:
    """Import what a page needs before one is asked for.

    What is there for good is then left out whenever Python looks for garbage, which stops all
    threads: that takes as long as there are objects.
    """
    import app.features
    import app.page.open  # noqa: F401

    gc.collect()
    gc.freeze()


def _make(application, doc) -> None:
    from app.page.open import open_page

    making_begins()
    try:
        with set_curdoc(doc):
            application._set_session_prefix(doc)
            open_page()
    except Exception:
        # Bokeh makes it once more, and shows what went wrong.
        _log.debug("A page could not be made aside.", exc_info=True)
    else:
        _made.add(doc)
    give_way()


def _write_documents_aside() -> None:
    """A page's first message holds all of its models: put it into words off the event loop."""
    from bokeh.server.session import ServerSession, _needs_document_lock

    def write(connection, request, document):
        message = connection.protocol.create("PULL-DOC-REPLY", request, document)
        message.content_json  # noqa: B018 - is kept once it was asked for
        return message

    async def pull(self, message, connection):
        asked = connection, message.header["msgid"], self.document
        return await asyncio.get_running_loop().run_in_executor(_writers, write, *asked)

    ServerSession._handle_pull = _needs_document_lock(pull)


def refuse_crowds() -> None:
    """Answer a client that has `MOST_WAITING` pages in the making with a sentence.

    Whatever else has been put before Panel's handler of pages stays there.
    """
    from panel.io import server

    patterns, waiting = server.per_app_patterns, Counter()
    for number, (route, handler, *rest) in enumerate(patterns):
        if issubclass(handler, server.DocHandler) and not issubclass(handler, _Limited):
            limited = type(handler.__name__, (_Limited, handler), {"waiting": waiting})
            patterns[number] = (route, limited, *rest)


class _Limited:
    """Before a handler of pages; `waiting` counts the pages of each client."""

    def _log(self):
        if self.get_status() != 429:  # it would fill the log
            super()._log()

    async def get(self, *args, **kwargs):
        client, waiting = self.request.remote_ip, self.waiting
        if waiting[client] >= MOST_WAITING:
            self.set_status(429)
            self.set_header("Retry-After", str(AGAIN_S))
            self.set_header("Cache-Control", "no-store")
            self.render(str(_crowded()), seconds=AGAIN_S, most=MOST_WAITING)
            return
        waiting[client] += 1
        try:
            await super().get(*args, **kwargs)
        finally:
            waiting[client] -= 1
            if not waiting[client]:
                del waiting[client]


def _crowded():
    from app.views.assets import FOLDER

    return FOLDER / "crowded.html"
