"""`livestem info`: what a file holds."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.commands import options, paths
from app.commands.console import one_task, progress


def info(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Scan, in any format that is known.")
    ],
    keep_flyback: Annotated[
        bool, typer.Option("--keep-flyback", help="Count the flyback column as scan positions.")
    ] = False,
    scan_shape: options.ScanShape = None,
    dwell_time_us: options.DwellTime = None,
    told: options.Told = None,
    health: Annotated[
        bool, typer.Option("--health", help="Look for faults: hot pixels, drift, descan and more.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --health: the findings as JSON, in numbers.")
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png",
            help="With --health: a picture of the detector with its faults, the beam current and "
            "the descan over the scan.",
        ),
    ] = None,
):
    """Print what a file holds, as JSON; or how healthy the scan is."""
    paths.scan_file(file)
    if picture is not None:
        if not health:
            raise ValueError("A picture is drawn of the health report: give --health as well.")
        paths.output_file(picture, source=file)
    known = options.reading(told, dwell_time_us)
    from recon.io import describe, open_scan

    with progress() as report:
        events = open_scan(
            file,
            keep_flyback=True if keep_flyback else None,
            scan_shape=scan_shape,
            progress=one_task(report, f"Reading {file.name}"),
            **known,
        )
        if health:
            from recon.quality.health import health as examine

            found = examine(events, progress=one_task(report, "Looking for faults"))
        else:
            facts = describe(events)
    if health:
        if picture is not None:
            from app.drawing.health_picture import png
            from recon.io.files.atomic import replacing

            with replacing(picture) as out:
                out.write(png(found))
        if not as_json:
            _print(found)
            return
        facts = found.numbers()
    typer.echo(json.dumps(facts, indent=2))


def _print(found):
    """The findings as a table of words."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=found.summary, show_lines=True)
    for heading in ("", "", "What was found, and what to do"):
        table.add_column(heading)
    for finding in found.findings:
        words = " ".join(filter(None, (finding.meaning.strip(), finding.advice)))
        table.add_row(finding.name, finding.verdict, words)
    Console(highlight=False).print(table)
