"""`livestem receive`: scans kept as a microscope makes them, without a page."""

from itertools import count
from pathlib import Path
from typing import Annotated

import typer

from app.commands import options, paths
from app.commands.console import stopping


def receive(
    source: Annotated[
        str,
        typer.Argument(
            metavar="KIND:ADDRESS",
            help="Where scans come from, such as `interactem:tcp://host:5000`. The kinds are "
            "interactem, accos, serval, merlin, dectris, and folder with a path. "
            "`tcp://listen@host:port` waits there for the camera.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT.toml",
            help="Raw CSR to write; of several scans OUT-1.toml, OUT-2.toml, and so on.",
            show_default=False,
        ),
    ],
    scans: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=options.whole(0, 10**6),
            help="How many scans to wait for; 0 for all until Ctrl-C.",
        ),
    ] = 1,
    patience_s: Annotated[float | None, options.patience()] = None,
    scan_shape: options.ScanShape = None,
    dwell_time_us: options.DwellTime = None,
    told: options.Told = None,
):
    """Receive scans from a camera and keep them, row by row as they come.

    While a scan comes it lies in OUT.unfinished.toml, which opens as the rows that are there,
    whatever ends the recording. A line is printed for each scan, with the checksum that
    `livestem convert` prints for the same electrons.
    """
    if output.suffix.lower() != ".toml":
        raise ValueError(f"{output} would be of another format: what comes is kept as .toml.")
    paths.output_file(output)
    known = options.reading(told, dwell_time_us)
    kind, _, place = source.partition(":")
    if kind.strip() == "folder" and output.resolve().is_relative_to(Path(place).resolve()):
        raise ValueError(
            f"{output} would lie in the folder that is watched, and be taken for another scan: "
            "write it elsewhere."
        )
    # What `--help` would wait for.
    from recon.live.kinds import open_source
    from recon.live.receive import Kept, receive
    from recon.live.source import Told

    first = _free(output)
    seen = 0
    with stopping() as stop:
        line = open_source(source, patience=patience_s, scan_shape=scan_shape, **known)
        typer.echo(f"Waiting for scans at {line.endpoint}", err=True)
        for news in receive(
            line,
            lambda number: output if scans == 1 else _numbered(output, first + number - 1),
            scans or None,
            stop,
        ):
            if isinstance(news, Told):
                typer.echo(news.sentence, err=True)
            if isinstance(news, Kept):
                seen += 1
                _say(news)
    if scans and stop():
        raise KeyboardInterrupt


def _say(kept):
    for sentence in (*kept.ended.notes, *([kept.trouble] if kept.trouble else [])):
        typer.echo(sentence, err=True)
    if kept.path is None:
        typer.echo("A scan of which no row came is not kept.", err=True)
        return
    from recon.io import open_events  # what `--help` would wait for
    from recon.io.checksum import checksum

    shape = "{} × {}".format(*kept.began.scan_shape)
    digest = "" if kept.trouble else f", checksum {checksum(open_events(kept.path))}"
    typer.echo(
        f"{kept.path.name}: {kept.electrons} electrons in {kept.rows} rows of {shape} positions, "
        f"{kept.ended.lost} frames lost{digest}"
    )


def _numbered(path, number):
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def _free(path):
    """Number after all those that files have already."""
    return next(n for n in count(1) if not _numbered(path, n).exists())
