"""`livestem convert`: the same events in another format."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands import options
from app.commands.console import one_task, progress


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Electron events to read.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write: .h5 or .npz.")],
    keep_flyback: Annotated[
        bool, typer.Option("--keep-flyback", help="Keep the flyback column as scan positions.")
    ] = False,
):
    """Write electron events in another format: 4D Camera HDF5 (.h5) or compact .npz."""
    options.input_file(source)
    options.events_file(target, source=source)
    from recon.io import open_events, write_events

    with progress() as report:
        events = open_events(
            source,
            keep_flyback=True if keep_flyback else None,
            progress=one_task(report, f"Reading {source.name}"),
        )
        write_events(target, events, progress=one_task(report, f"Writing {target.name}"))
