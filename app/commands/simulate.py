"""`livestem simulate`: a scan whose truth is known."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands import options

SPECIMEN, PROBE, RECORD = "Specimen and scan", "Probe", "Detector"


def simulate(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="File to write: .h5 or .npz.")],
    scan: Annotated[
        str,
        typer.Option(
            metavar="Y[,X]",
            parser=options.size,
            help="Scan positions.",
            rich_help_panel=SPECIMEN,
        ),
    ] = "512",
    dose: Annotated[
        float,
        typer.Option(
            metavar="DOSE",
            parser=options.positive,
            help="Electrons per Å².",
            rich_help_panel=SPECIMEN,
        ),
    ] = 2000.0,
):
    """Simulate a scan of the filled nanotube; the truth is stored beside the events."""
    options.output_file(output)
    raise NotImplementedError
