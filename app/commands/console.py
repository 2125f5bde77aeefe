"""How a command behaves at a terminal: what it shows while it works, and how it is stopped."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """A callable `report(task, fraction)` that draws one bar for each task it hears of.

    Nothing is drawn where standard error is no terminal, so that logs stay readable.
    """
    if not sys.stderr.isatty():
        yield lambda task, fraction: None
        return

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        known = {}

        def report(task: str, fraction: float) -> None:
            if task not in known:
                known[task] = bars.add_task(task, total=1.0)
            bars.update(known[task], completed=fraction)

        yield report


def one_task(report: Callable[[str, float], None], task: str) -> Callable[[float], None]:
    """`report` for one task, in the form that `recon` calls: `progress(fraction)`."""
    return lambda fraction: report(task, fraction)


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM has come, which then end nothing by themselves.

    For a command that has something to finish. A second Ctrl-C ends it as it is.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number, frame):
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
