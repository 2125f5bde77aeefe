"""`livestem hand-over`: what other programs need to go on from a result."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands import options, paths
from app.commands.console import one_task, progress


def hand_over(
    results: Annotated[
        Path,
        typer.Argument(metavar="RESULTS.h5", help="What `reconstruct` or the page's Save wrote."),
    ],
    to: Annotated[
        Literal["ptyrad", "quantem", "py4dstem", "abtem"],
        typer.Option(help="Program that goes on."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="New folder to write.")
    ],
    scan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Scan of these results: its frames are written besides, as HDF5."
        ),
    ] = None,
    bin: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=options.whole(1, 64),
            help="Detector pixels to one along each axis of the frames.",
        ),
    ] = 1,
    told: options.Told = None,
    dwell_time_us: options.DwellTime = None,
):
    """Write parameters, probe and phase for a program of iterative ptychography or simulation.

    Energy, step, orientation and aberrations are in that program's convention; README.txt in the
    folder says them in words. With --scan the frames are written, a square about the disc.
    """
    paths.input_file(results)
    from recon.batch.region import cut
    from recon.batch.settings import Region
    from recon.device.backend import amount
    from recon.handover.data import frames_size
    from recon.handover.folder import write_folder
    from recon.handover.start import cut_of, of_results

    start = of_results(results)
    with progress() as report:
        found = None
        if scan is not None:
            paths.scan_file(scan)
            from recon.io import open_scan

            hear = one_task(report, f"Reading {scan.name}")
            found = open_scan(scan, progress=hear, **options.reading(told, dwell_time_us))
            region = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in start.parameters["region"].items()
            }
            found = cut(found, Region(**region))
            size = frames_size(found, cut_of(start.calibration, start.frame_shape, bin))
            typer.echo(f"The frames take {amount(size)} in memory, less in the file.")
        write_folder(output, to, start, bin, found, one_task(report, "Writing frames"))
    typer.echo(f"Wrote {output}")
