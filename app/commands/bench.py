"""`livestem bench`: how fast this machine reconstructs."""

import json
from typing import Annotated

import typer

from app.commands import options
from app.commands.console import one_task, progress


def bench(
    scan: Annotated[
        str, typer.Option(metavar="Y[,X]", parser=options.size, help="Scan positions.")
    ] = "1024",
    pixels: Annotated[
        int,
        typer.Option(
            metavar="N", parser=options.whole(4, 64), help="Binned pixels across the disc."
        ),
    ] = 18,
    electrons_per_frame: Annotated[
        float,
        typer.Option(metavar="N", parser=options.positive, help="Mean electrons a position."),
    ] = 50.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
):
    """Time reading, first image and redraw on this machine, against what bounds them."""
    from recon.bench import run

    with progress() as report:
        figures = run(
            scan=scan,
            pixels=pixels,
            electrons_per_frame=electrons_per_frame,
            progress=one_task(report, "Measuring"),
        )
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
    else:
        _table(figures)


def _table(figures: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    work = Table("work", "", box=None)
    work.add_row("scan", "{} × {} positions".format(*figures["scan"]))
    work.add_row("pixels across", f"{figures['pixels']}")
    work.add_row("electrons", f"{figures['electrons']:,}")
    work.add_row("entries in a sideband", f"{figures['sideband_entries']:,}")
    work.add_row("device", f"{figures['device']}, {figures['threads']} threads")
    work.add_row("memory above the events", f"{figures['peak_memory_bytes'] / 1e6:,.0f} MB")
    times = Table("median time", "ms", box=None)
    for name, value in figures.items():
        if name.endswith("_ms"):
            times.add_row(name.removesuffix("_ms").replace("_", " "), f"{value:,.1f}")
    ratios = Table("ratio", "", box=None)
    for name, value in figures["ratios"].items():
        ratios.add_row(name, f"{value:.2f}")
    console = Console()
    for table in (work, times, ratios):
        console.print(table, "")
