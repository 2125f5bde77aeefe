"""`livestem info`: what a file holds."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.commands import options
from app.commands.console import one_task, progress


def info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Electron events (.h5, .npz).")],
    keep_flyback: Annotated[
        bool, typer.Option("--keep-flyback", help="Count the flyback column as scan positions.")
    ] = False,
):
    """Print what a file of electron events holds, as JSON."""
    options.input_file(file)
    from recon.io import describe, open_events

    with progress() as report:
        events = open_events(
            file,
            keep_flyback=True if keep_flyback else None,
            progress=one_task(report, f"Reading {file.name}"),
        )
        facts = describe(events)
    typer.echo(json.dumps(facts, indent=2))
