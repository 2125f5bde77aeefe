"""`livestem convert`: the same events in another format."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands import options
from app.commands.console import one_task, progress


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Scan to read, in any format that is known.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="File to write: .h5, .npz or .toml.")
    ],
    keep_flyback: Annotated[
        bool, typer.Option("--keep-flyback", help="Keep the flyback column as scan positions.")
    ] = False,
    scan_shape: Annotated[
        str | None,
        typer.Option(
            "--scan-shape",
            parser=options.size,
            metavar="Y,X",
            help="Scan positions. [default: from the file]",
        ),
    ] = None,
    told: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="What the format of IN needs to be told, such as `dwell_time=1e-6`; repeatable.",
        ),
    ] = None,
):
    """Write electron events in another format: 4D Camera HDF5, compact .npz, or raw CSR (.toml).

    Frames of low counts become events exactly. The checksum that is printed is that of the
    electrons, whatever file they lie in; OUT is read back and must have it. An interrupted
    conversion leaves what was there before.
    """
    if not source.is_dir():
        # A folder may be a Zarr store.
        options.input_file(source)
    options.events_file(target, source=source)
    known = options.told(told)
    from recon.events import ElectronEvents
    from recon.io import open_scan, statement, write_events
    from recon.io.checksum import checksum, places_checksum
    from recon.io.conversion import stated_losses, verify

    with progress() as report:
        events = open_scan(
            source,
            keep_flyback=True if keep_flyback else None,
            scan_shape=scan_shape,
            progress=one_task(report, f"Reading {source.name}"),
            **known,
        )
        if not isinstance(events, ElectronEvents):
            why = (
                "counts so high, or below zero, that events would not hold them in less room"
                if events.dtype.kind in "bui"
                else "no whole numbers"
            )
            raise ValueError(
                f"{source} holds frames of {events.dtype} with {why}: they are no events. If a "
                "camera wrote them raw, `livestem count` finds the electrons."
            )
        found = statement(events), *events.source.notes, *stated_losses(target, events)
        electrons, places = checksum(events), places_checksum(events)
        number = events.electrons
        write_events(target, events, progress=one_task(report, f"Writing {target.name}"))
        # Makes room for what is read back.
        del events
        verify(target, electrons, places, one_task(report, f"Checking {target.name}"))
    for sentence in found:
        typer.echo(sentence, err=True)
    more = "" if places is None else f", with their places {places}"
    typer.echo(f"{target.name}: {number} electrons, checksum {electrons}{more}")
