"""`livestem simulate`: a scan whose truth is known."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands import options, paths
from app.commands.console import one_task, progress

SCAN, PROBE, DETECTOR = "Scan", "Probe", "Detector"
BYTES_AN_ELECTRON = 8
"""Its index, once as it is drawn and once in the finished scan."""

MOST_PIXELS = 1 << 27
"""Of a detector, as in `recon.io`."""


def simulate(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="File to write: .h5 or .npz.")],
    scan: Annotated[
        str,
        typer.Option(
            metavar="Y[,X]", parser=options.size, help="Scan positions.", rich_help_panel=SCAN
        ),
    ] = "512",
    scan_step_angstrom: Annotated[
        str,
        typer.Option(
            metavar="Y[,X]",
            parser=options.positive_pair,
            help="Distance of scan positions [Å].",
            rich_help_panel=SCAN,
        ),
    ] = "0.31",
    dose: Annotated[
        float,
        typer.Option(
            metavar="E/Å²",
            parser=options.positive,
            help="Electrons that hit the specimen [1/Å²].",
            rich_help_panel=SCAN,
        ),
    ] = 2000,
    rotation_deg: Annotated[
        float,
        typer.Option(
            metavar="DEG",
            parser=options.number,
            help="Scan against detector [°].",
            rich_help_panel=SCAN,
        ),
    ] = -12,
    transpose: Annotated[
        bool,
        typer.Option(
            "--transpose",
            help="Swap the detector's axes.",
            show_default=False,
            rich_help_panel=SCAN,
        ),
    ] = False,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=options.whole(0, 2**63 - 1),
            help="The same seed gives the same electrons.",
            rich_help_panel=SCAN,
        ),
    ] = 1,
    energy_kev: Annotated[
        float,
        typer.Option(
            metavar="KEV",
            parser=options.energy_kev,
            help="Beam energy [keV].",
            rich_help_panel=PROBE,
        ),
    ] = 80,
    semiangle_mrad: Annotated[
        float,
        typer.Option(
            metavar="MRAD",
            parser=options.semiangle_mrad,
            help="Convergence semi-angle [mrad].",
            rich_help_panel=PROBE,
        ),
    ] = 25,
    defocus_nm: Annotated[
        float | None,
        typer.Option(
            metavar="NM",
            parser=options.number,
            help="Defocus [nm], positive for underfocus: C10 = -10 times this, in Å.",
            rich_help_panel=PROBE,
        ),
    ] = None,
    aberration: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=Å",
            help="Aberration of the probe, C10 to C56b; may be repeated. Without any, and without "
            "a defocus, those of the demonstration.",
            rich_help_panel=PROBE,
        ),
    ] = None,
    detector: Annotated[
        str,
        typer.Option(
            metavar="Y[,X]", parser=options.size, help="Detector pixels.", rich_help_panel=DETECTOR
        ),
    ] = "576",
    disc_radius: Annotated[
        float | None,
        typer.Option(
            metavar="PIXELS",
            parser=options.positive,
            help="Radius of the bright-field disc; left out, a sixth of the detector.",
            rich_help_panel=DETECTOR,
        ),
    ] = None,
    disc_centre: Annotated[
        str | None,
        typer.Option(
            metavar="Y,X",
            parser=options.pair,
            help="Centre of the bright-field disc [pixels]; left out, near the detector's middle.",
            rich_help_panel=DETECTOR,
        ),
    ] = None,
):
    """Simulate a scan over a filled carbon nanotube; the truth is stored beside the events."""
    paths.events_file(output)
    coefficients = options.aberrations(aberration)
    if defocus_nm is not None:
        if "C10" in coefficients:
            raise ValueError("C10 is minus the defocus: give --defocus-nm or C10, not both.")
        coefficients["C10"] = -10 * defocus_nm
    if detector[0] * detector[1] > MOST_PIXELS:
        raise ValueError(
            "A detector of {} × {} pixels is larger than any camera: files hold {} pixels.".format(
                *detector, MOST_PIXELS
            )
        )
    _check_memory(scan, scan_step_angstrom, dose)
    from recon.io import write_events
    from recon.optics import Aberrations
    from recon.simulate.demo import ABERRATIONS, calibration_on, simulate_nanotube

    calibration = calibration_on(
        detector,
        energy=1e3 * energy_kev,
        semiangle_cutoff=semiangle_mrad,
        scan_sampling=scan_step_angstrom,
        centre=disc_centre,
        radius=disc_radius,
        rotation_deg=rotation_deg,
        transpose=transpose,
    )
    with progress() as report:
        events = simulate_nanotube(
            calibration,
            scan_shape=scan,
            frame_shape=detector,
            dose=dose,
            aberrations=Aberrations(**coefficients) if coefficients else ABERRATIONS,
            seed=seed,
            progress=one_task(report, "Simulating"),
        )
        write_events(output, events, progress=one_task(report, f"Writing {output.name}"))
    typer.echo(f"Wrote {output}: {events.electrons:,} electrons")


def _check_memory(scan, step, dose) -> None:
    from recon.device.backend import CPU, memory  # what --help would wait for

    electrons = dose * scan[0] * scan[1] * step[0] * step[1]
    needed = BYTES_AN_ELECTRON * electrons
    there = memory(CPU).total
    if needed > there:
        raise ValueError(
            f"A scan of {electrons:.2g} electrons needs {needed / 1e9:.3g} GB of memory, and this "
            f"machine has {there / 1e9:.3g} GB: choose a smaller scan or a lower dose."
        )
