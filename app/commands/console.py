"""What a command shows while it works: a progress bar on standard error, if someone looks."""

import sys
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
