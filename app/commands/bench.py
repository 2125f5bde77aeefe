"""`livestem bench`: how fast this machine reconstructs."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.commands import options, paths
from app.commands.clusters import Workers, cluster_at
from app.commands.console import one_task, progress


def bench(
    device: Annotated[
        str,
        typer.Option(
            metavar="auto|cpu|gpu", parser=options.device, help="What to measure: a GPU, if any."
        ),
    ] = "auto",
    scan: Annotated[
        str | None,
        typer.Option(metavar="Y[,X]", parser=options.size, help="Scan positions.  [default: 1024]"),
    ] = None,
    pixels: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=options.whole(4, 64),
            help="Binned pixels across the disc.  [default: 18]",
        ),
    ] = None,
    electrons_per_frame: Annotated[
        float,
        typer.Option(
            metavar="N",
            parser=options.positive_between(1e-6, 1e6, "electrons"),
            help="Mean electrons a position.",
        ),
    ] = 50.0,
    quick: Annotated[
        bool, typer.Option("--quick", help="On a GPU: two small sizes instead of twelve.")
    ] = False,
    live: Annotated[
        bool,
        typer.Option("--live", help="How fast a camera may be whose scan is shown as it comes."),
    ] = False,
    cluster: Workers = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Keep the figures in it, as JSON."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
):
    """Time reading, first image and redraw on this machine, against what bounds them.

    A GPU is measured at twelve sizes, up to 4096² positions and 64 pixels across, in about five
    minutes; at one size, if you give one. With --live a scan is played at the pace of the 4D Camera
    (87 kHz) while its phase is redrawn five times a second.
    """
    if output is not None:
        paths.output_file(output)
    from app.server.config import limit_gpu
    from recon.bench.machine import PIXELS, SCAN, failures, run, run_device, written
    from recon.bench.report import device_text
    from recon.device.backend import CPU, choose

    where = choose(device)
    limit_gpu(where)
    keep = written(output) if output else None
    size = {
        "scan": scan or (SCAN, SCAN),
        "pixels": pixels or PIXELS,
        "electrons_per_frame": electrons_per_frame,
    }
    if live:
        from recon.bench.live import run as run_live

        with progress() as report:
            figures = run_live(**size, device=where, progress=one_task(report, "Playing"))
        _shown(figures, keep, as_json, _live_table)
        return
    if cluster is not None:
        from recon.cluster.speed import run as run_cluster
        from recon.cluster.speed import text

        with cluster_at(cluster, device) as workers, progress() as report:
            figures = run_cluster(workers, **size, progress=one_task(report, "Measuring"))
        _shown(figures, keep, as_json, lambda found: typer.echo(text(found)))
        return
    if where is not CPU:
        report = run_device(
            where,
            scan,
            pixels,
            electrons_per_frame,
            quick=quick,
            keep=keep,
            tell=lambda sentence: typer.echo(sentence, err=True),
        )
        typer.echo(json.dumps(report, indent=2) if as_json else device_text(report))
        sentence = failures(report)
        if sentence:
            typer.echo(sentence, err=True)
        raise typer.Exit(2 if sentence else 0)
    with progress() as report:
        figures = run(**size, progress=one_task(report, "Measuring"))
    _shown(figures, keep, as_json, _table)


def _shown(figures: dict, keep, as_json: bool, table) -> None:
    """Keep the figures, and print them."""
    if keep:
        keep(figures)
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
    else:
        table(figures)


def _live_table(figures: dict) -> None:
    from recon.bench.report import live_text

    typer.echo(live_text(figures))


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
