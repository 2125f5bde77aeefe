"""What an experiment was, as options of `livestem reconstruct`; left out, the file says it."""

from typing import Annotated

import typer

from app.commands import options

PANEL = "Experiment"

EnergyKev = Annotated[
    float | None,
    typer.Option(
        metavar="KEV",
        parser=options.energy_kev,
        help="Beam energy [keV].",
        rich_help_panel=PANEL,
    ),
]

SemiangleMrad = Annotated[
    float | None,
    typer.Option(
        metavar="MRAD",
        parser=options.semiangle_mrad,
        help="Convergence semi-angle [mrad].",
        rich_help_panel=PANEL,
    ),
]

ScanStep = Annotated[
    str | None,
    typer.Option(
        metavar="Y[,X]",
        parser=options.positive_pair,
        help="Distance of scan positions [Å].",
        rich_help_panel=PANEL,
    ),
]

Rotation = Annotated[
    str | None,
    typer.Option(
        metavar="DEG|auto",
        parser=options.rotation,
        help="Scan against detector [°], clockwise positive; `auto` finds it, and the "
        "transpose, from the curl of the centre of mass and from the sidebands. So it does if "
        "left out, where the file says neither.",
        rich_help_panel=PANEL,
    ),
]

Transpose = Annotated[
    bool | None,
    typer.Option(
        "--transpose/--no-transpose",
        help="Whether the detector's axes are swapped.",
        rich_help_panel=PANEL,
    ),
]

DiscCentre = Annotated[
    str | None,
    typer.Option(
        metavar="Y,X",
        parser=options.disc_centre,
        help="Centre of the bright-field disc [pixels]; fitted if left out.",
        rich_help_panel=PANEL,
    ),
]

DiscRadius = Annotated[
    float | None,
    typer.Option(
        metavar="PIXELS",
        parser=options.disc_radius,
        help="Radius of the bright-field disc [pixels]; fitted if left out.",
        rich_help_panel=PANEL,
    ),
]

KeepFlyback = Annotated[
    bool,
    typer.Option(
        "--keep-flyback",
        help="Keep the flyback column as scan positions.",
        rich_help_panel=PANEL,
    ),
]

ScanShape = Annotated[
    str | None,
    typer.Option(
        metavar="Y,X",
        parser=options.size,
        help="Scan positions, where the file does not say.",
        rich_help_panel=PANEL,
    ),
]

DwellTime = Annotated[
    float | None,
    typer.Option(
        metavar="µs",
        parser=options.positive,
        help="Time at each position [µs], for recordings that know no positions.",
        rich_help_panel=PANEL,
    ),
]

Told = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="What else the file's format needs to be told, such as `dataset=/path` of an HDF5 "
        "file with several arrays or `trigger=tdc1 rising`; may be repeated.",
        rich_help_panel=PANEL,
    ),
]
