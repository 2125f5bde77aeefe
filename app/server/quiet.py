"""A log of what an owner can do something about: people who come and go leave no line in it."""

import logging
import os
from contextlib import suppress
from pathlib import Path

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

import app

GONE = (WebSocketClosedError, StreamClosedError)
"""What a write ends in when somebody has closed a page."""
NORMAL = ("Failed sending message as connection was closed", "was scheduled to discard but came")
"""What Bokeh and Panel say when that happens."""
TALKERS = ("bokeh.server.views.ws", "bokeh.server.contexts", "panel.io.document")

FAULTS = (
    "bokeh.server.protocol_handler",
    "bokeh.server.views.ws",
    "panel.reactive",
    "tornado.application",
)
"""Who tells that a message of a page could not be dealt with, with a traceback."""
OURS = str(Path(app.__file__).parent)


def quieten(io_loop) -> None:
    """Leave out of the log what is normal on a server whose loop is `io_loop`."""
    loop = io_loop.asyncio_loop

    def tell(loop, context):
        # Such as "Task exception was never retrieved" of a message to a page that was left.
        if not isinstance(context.get("exception"), GONE):
            loop.default_exception_handler(context)

    loop.set_exception_handler(tell)
    for name in TALKERS:
        logging.getLogger(name).addFilter(is_news)
    for name in FAULTS:
        logging.getLogger(name).addFilter(in_one_line)
    # A stranger's wrong addresses are the stranger's, and would fill the log; failures (5xx) stay.
    logging.getLogger("tornado.access").setLevel(logging.ERROR)


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line is about anything but a page that was left."""
    return not any(words in record.getMessage() for words in NORMAL)


def in_one_line(record: logging.LogRecord) -> bool:
    """Spare the traceback of what a page sent that nobody could make sense of.

    Where our own code was at work, it is a fault of ours, and is told in full.
    """
    error = record.exc_info[1] if record.exc_info else None
    unanswered = record.name == "tornado.application" and "callback" not in record.getMessage()
    if error is None or unanswered or os.environ.get("LIVESTEM_DEBUG") or _is_ours(error):
        return True
    what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    record.msg, record.args = "A message from a page made no sense: %s", (what,)
    record.exc_info = record.exc_text = None
    return True


def _is_ours(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(OURS):
            return True
        trace = trace.tb_next
    return False


def open_standard_streams() -> None:
    """Open what was closed of the three: the next file would else get, and be, what is written."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


class Heedless:
    """A stream to which one can write though nobody reads it any more.

    Bokeh says that it stops before it does: where standard output is closed, it never would.
    """

    def __init__(self, stream):
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write out what can be written."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name):
        return getattr(self._stream, name)
