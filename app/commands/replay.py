"""`livestem replay`: a stored scan, sent as a microscope would."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands import options, paths
from app.commands.console import one_task, progress, stopping

ANYWHERE = "tcp://127.0.0.1:0"


def replay(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="Scan to play, in any format that is known.")
    ],
    kind: Annotated[
        Literal["interactem", "accos", "serval", "merlin", "dectris"],
        typer.Option("--as", help="Camera whose stream it is sent in.", show_default=False),
    ],
    dwell_us: Annotated[
        float,
        typer.Option(
            metavar="µs",
            parser=options.non_negative,
            help="Time from one frame to the next [µs]; 0 for as fast as they are taken.",
        ),
    ] = 11.5,
    speed: Annotated[
        float,
        typer.Option(metavar="X", parser=options.positive, help="How many times as fast."),
    ] = 1,
    loop: Annotated[
        bool, typer.Option("--loop", help="Scan again and again, until Ctrl-C.")
    ] = False,
    bind: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Wait here for who wants it. [default: a free port of this machine]",
            show_default=False,
        ),
    ] = None,
    connect: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Go there with it.", show_default=False),
    ] = None,
    scan_shape: options.ScanShape = None,
    dwell_time_us: options.DwellTime = None,
    told: options.Told = None,
):
    """Send a stored scan as a camera would, at its pace: a microscope for those who have none.

    The address is tcp://HOST:PORT. It is the counterpart of `livestem receive`, and of the page.
    """
    if bind is not None and connect is not None:
        raise ValueError("Either wait for the other side (--bind) or go there (--connect).")
    if not source.is_dir():
        # A folder may be a Zarr store.
        paths.input_file(source)
    known = options.reading(told, dwell_time_us)
    # What `--help` would wait for.
    from recon.io import open_scan
    from recon.live.kinds import open_sender
    from recon.live.replay import play
    from recon.scan.kinds import by_kind

    with progress() as report:
        hear = one_task(report, f"Reading {source.name}")
        scan = open_scan(source, scan_shape=scan_shape, progress=hear, **known)
    if not by_kind(scan, True, False):
        raise ValueError(f"{source} holds frames that are no events: only events are played.")
    with stopping() as stop:
        where = connect or bind or ANYWHERE
        sender = open_sender(kind, where, connect is None, stop, dwell_us * 1e-6)
        typer.echo(f"Playing {source.name} as {kind} at {sender.endpoint}", err=True)
        done = 0
        for number, frames in play(
            scan, sender, dwell_us * 1e-6 / speed, scans=None if loop else 1, stop=stop
        ):
            if frames == scan.positions:
                done = number
                typer.echo(f"Scan {number}: {frames} frames, {scan.electrons} electrons")
    if not done and not stop():
        raise ValueError("The other side went away before the scan was over.")
    if not done or loop:
        raise KeyboardInterrupt
