"""Compiles the kernels once, before the page says that it is ready; others after that."""

import logging
from collections.abc import Callable
from threading import Lock, Thread

_lock = Lock()
_state = {"started": False, "done": False}
_waiting: list[Callable[[], None]] = []


def prepare() -> None:
    """Begin to compile in a thread of its own; a second call does nothing."""
    with _lock:
        if _state["started"]:
            return
        _state["started"] = True
    Thread(target=_compile, name="livestem-warm-up", daemon=True).start()


def when_ready(action: Callable[[], None]) -> None:
    """Call `action()` once the kernels are compiled, on whichever thread; begins if need be."""
    prepare()
    with _lock:
        if not _state["done"]:
            _waiting.append(action)
            return
    action()


def _compile() -> None:
    try:
        from app.drawing import aggregate
        from app.server.process import shared

        aggregate.warm_up()
        # A session that opens a scan meanwhile asks the engine for the same: it is done once.
        shared().engine.warm_up()
    except Exception:
        # A page without warm kernels works: its first images take longer.
        logging.getLogger(__name__).exception("The kernels could not be compiled ahead.")
    with _lock:
        _state["done"] = True
        actions = list(_waiting)
        _waiting.clear()
    for action in actions:
        action()
    try:
        from recon.warm import warm_up_later

        warm_up_later()
    except Exception:
        logging.getLogger(__name__).exception("Further kernels could not be compiled ahead.")
