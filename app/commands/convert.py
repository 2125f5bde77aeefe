"""`livestem convert`: the same events in another format."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands import options, paths
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
    scan_shape: options.ScanShape = None,
    dwell_time_us: options.DwellTime = None,
    told: options.Told = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Keep what is written when it is interrupted, and go on from there when the same "
            "command is given again; for OUT.toml.",
        ),
    ] = False,
):
    """Write electron events in another format: 4D Camera HDF5, compact .npz, or raw CSR (.toml).

    Frames of low counts become events exactly. The checksum that is printed is that of the
    electrons, whatever file they lie in; OUT is read back and must have it. An interrupted
    conversion leaves what was there before.
    """
    if not source.is_dir():
        # A folder may be a Zarr store.
        paths.input_file(source)
    paths.events_file(target, source=source)
    known = options.reading(told, dwell_time_us)
    if resume and target.suffix.lower() != ".toml":
        raise ValueError(
            f"A conversion into {target.name} cannot be resumed: only a raw CSR file (.toml) grows "
            "at its end, frame by frame."
        )
    from recon.io import open_scan, statement, write_events
    from recon.io.checksum import checksum, places_checksum
    from recon.io.conversion import stated_losses, verify

    reading = {
        "keep_flyback": True if keep_flyback else None,
        "scan_shape": scan_shape,
        **known,
    }
    with progress() as report:
        hear = one_task(report, f"Reading {source.name}")
        if resume:
            found, number, electrons, places = _resumed(source, target, reading, report, hear)
        else:
            events = _counted(open_scan(source, progress=hear, **reading), source)
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


def _resumed(source, target, reading, report, hear):
    """Sentences, electrons and checksums of a conversion that goes on where it was."""
    from recon.io import is_dense, open_frames, open_scan, resumable, statement
    from recon.io.conversion import stated_losses
    from recon.scan.low_counts import takes_less_as_events

    if is_dense(source):
        # Part by part: what is done already is not read again.
        told = {name: value for name, value in reading.items() if name != "keep_flyback"}
        scan = open_frames(source, progress=hear, **told)
        if not takes_less_as_events(scan):
            _counted(scan, source)
    else:
        scan = open_scan(source, progress=hear, **reading)
    found = statement(scan), *scan.source.notes, *stated_losses(target, scan)
    writing = one_task(report, f"Writing {target.name}")
    number, electrons, places, start = resumable.convert(source, target, scan, reading, writing)
    if start:
        found += (f"Went on at frame {start} of {scan.positions}.",)
    return found, number, electrons, places


def _counted(scan, source):
    """The scan if it consists of electrons; else `ValueError` with what to do."""
    from recon.scan.kinds import electrons
    from recon.scan.low_counts import reason_against

    if electrons(scan) is not None:
        return scan
    why = reason_against(scan) or " ".join(scan.source.notes)
    raise ValueError(
        f"{source} holds frames of {scan.dtype} that are no events. {why} If a camera wrote them "
        "raw, `livestem count` finds the electrons."
    )
