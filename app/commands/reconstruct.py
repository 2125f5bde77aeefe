"""`livestem reconstruct`: from a file of events to a file of results."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands import experiment, options, paths
from app.commands.chosen import chosen
from app.commands.clusters import Workers, beyond, cluster_at
from app.commands.console import progress
from app.report.told import sentences

CONTRASTS = "Further results"
METHOD, DPC = "Single sideband", "Differential phase contrast"
MACHINE = "This machine"


def reconstruct(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Scan, in any format that is known.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.h5", help="HDF5 file to write.")
    ],
    energy_kev: experiment.EnergyKev = None,
    semiangle_mrad: experiment.SemiangleMrad = None,
    scan_step_angstrom: experiment.ScanStep = None,
    rotation_deg: experiment.Rotation = None,
    transpose: experiment.Transpose = None,
    disc_centre: experiment.DiscCentre = None,
    disc_radius: experiment.DiscRadius = None,
    keep_flyback: experiment.KeepFlyback = False,
    scan_shape: experiment.ScanShape = None,
    dwell_time_us: experiment.DwellTime = None,
    told: experiment.Told = None,
    mask_hot: Annotated[
        bool,
        typer.Option(
            "--mask-hot",
            help="Leave hot and dead detector pixels out of every sum.",
            rich_help_panel=METHOD,
        ),
    ] = False,
    descan: Annotated[
        str,
        typer.Option(
            metavar="auto|none|Y…,X…",
            parser=options.descan,
            help="Take out how the disc moves while the beam scans: as measured, or ten numbers.",
            rich_help_panel=METHOD,
        ),
    ] = "none",
    ellipse: Annotated[
        str,
        typer.Option(
            metavar="auto|none|RATIO,DEG",
            parser=options.ellipse,
            help="Make an elliptical disc round: as measured, or the ratio of its axes and the "
            "long one's direction, clockwise from x.",
            rich_help_panel=METHOD,
        ),
    ] = "none",
    shear: Annotated[
        float,
        typer.Option(
            metavar="STEPS",
            parser=options.number,
            help="Steps along x by which each row lies too far right, to be taken out.",
            rich_help_panel=METHOD,
        ),
    ] = 0.0,
    subpixel: Annotated[
        str | None,
        typer.Option(
            metavar="auto|1|2|4|8|16",
            parser=options.subpixel,
            help="Pixels to make of one along each axis, where the file says where in its pixel an "
            "electron was; `auto` makes as many as the binned pixels can use; auto if left out.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    aberration: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=Å",
            help="Aberration of the probe in Krivanek's notation, C10 to C56b; may be repeated. "
            "C10 is minus the defocus.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    aberrations: Annotated[
        str | None,
        typer.Option(
            metavar="auto",
            parser=options.automatic,
            help="Fit the aberrations to the data; those of --aberration keep their value.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    orders: Annotated[
        int | None,
        typer.Option(
            metavar="1|2|3|5",
            parser=options.whole(1, 5),
            help="Highest order that is fitted; 2 if left out.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    fit_semiangle: Annotated[
        bool,
        typer.Option(
            "--fit-semiangle",
            help="Fit the semi-angle with the aberrations, from the one that is known.",
            rich_help_panel=METHOD,
        ),
    ] = False,
    thickness_nm: Annotated[
        float | None,
        typer.Option(
            metavar="T",
            parser=options.non_negative,
            help="Thickness of the specimen; C10 is then that of its middle plane.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    tilt_mrad: Annotated[
        str | None,
        typer.Option(
            metavar="Y,X",
            parser=options.tilt,
            help="Tilt of the specimen's columns along the scan's axes; needs a thickness.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    focal_spread_nm: Annotated[
        float | None,
        typer.Option(
            metavar="D",
            parser=options.non_negative,
            help="Focal spread, the 1/e half width of the defocus.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    fit_specimen: Annotated[
        bool,
        typer.Option(
            "--fit-specimen",
            help="Fit thickness and tilt with the aberrations, from those that are given or 0.",
            rich_help_panel=METHOD,
        ),
    ] = False,
    film_mrad: Annotated[
        str | None,
        typer.Option(
            metavar="Y,X",
            parser=options.tilt,
            help="Slope of C10 over the scan, where the film is tilted as a whole; C10 is that of "
            "the middle.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    fit_film: Annotated[
        bool,
        typer.Option(
            "--fit-film",
            help="Fit that slope to patches of the scan, after the aberrations.",
            rich_help_panel=METHOD,
        ),
    ] = False,
    bright_field_pixels: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=options.whole(4, 64),
            help="Binned pixels across the disc, 4 to 64; 18 if left out.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    mode: Annotated[
        Literal["exact", "draft", "sum"] | None,
        typer.Option(
            help="Pixel-averaged weights, hard masks, or the paper's plain sum; exact if left out.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    sideband: Annotated[
        Literal["both", "left", "right", "full"] | None,
        typer.Option(help="Which overlaps are summed; both if left out.", rich_help_panel=METHOD),
    ] = None,
    band_limit: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            parser=options.share,
            help="Keep frequencies up to this share of 2 k0; towards 1 noise grows; 0.9 if left "
            "out.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    wiener: Annotated[
        bool,
        typer.Option(
            "--wiener",
            help="Also write a Wiener-filtered phase, with the spectrum that the scan itself "
            "lets expect; the phase as measured stays as it is.",
            rich_help_panel=CONTRASTS,
        ),
    ] = False,
    obf: Annotated[
        bool,
        typer.Option(
            "--obf",
            help="Also write optimum bright field, in units of its noise.",
            rich_help_panel=CONTRASTS,
        ),
    ] = False,
    parallax: Annotated[
        bool,
        typer.Option(
            "--parallax",
            help="Also write tilt-corrected bright field, for defocused scans.",
            rich_help_panel=CONTRASTS,
        ),
    ] = False,
    upsample: Annotated[
        Literal["1", "2", "4"],
        typer.Option(
            help="Pixels of the parallax image to a scan step; above 1 it is written for that "
            "alone.",
            rich_help_panel=CONTRASTS,
        ),
    ] = "1",
    frc: Annotated[
        bool,
        typer.Option(
            "--frc",
            help="Also write the Fourier ring correlation of two halves of the electrons, and "
            "say the resolution.",
            rich_help_panel=CONTRASTS,
        ),
    ] = False,
    dpc_iterations: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=options.whole(1),
            help="Largest number of iterations; 20 if left out.",
            rich_help_panel=DPC,
        ),
    ] = None,
    dpc_highpass: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            parser=options.non_negative,
            help="λ1 [(cycles/step)²], holds back low frequencies; 0.001 if left out.",
            rich_help_panel=DPC,
        ),
    ] = None,
    dpc_lowpass: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            parser=options.non_negative,
            help="λ2 [(steps/cycle)²], holds back high frequencies; 100 if left out.",
            rich_help_panel=DPC,
        ),
    ] = None,
    dpc_step: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            parser=options.positive,
            help="Length of a step, π/2 for the whole way; 0.5 if left out.",
            rich_help_panel=DPC,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="auto|cpu|gpu",
            parser=options.device,
            help="Where to compute; `auto` takes a GPU where there is one; auto if left out.",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    cluster: Workers = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html|.pdf",
            help="Also write a report to read and print: images, tiles, spectrum, numbers with "
            "their errors; OUT.h5 then holds spectrum and tiles as well. PDF wants the extra "
            "`pdf`.",
        ),
    ] = None,
    page: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Where livestem serves FILE's folder, for the report's link."
        ),
    ] = "http://localhost:5006/app",
):
    """Reconstruct phase, centre of mass and virtual detector images into an HDF5 file.

    What is left out is taken from the file where the file knows it; energy, semi-angle and scan
    step have no default. The attribute `parameters` of the output says what was used, and why.
    """
    asked = locals()
    paths.scan_file(file)
    paths.output_file(output, source=file)
    if report is not None:
        paths.report_file(report, file, output)
    choices, reading = chosen(asked)
    from recon.batch.reconstruct import reconstruct_file

    how = {"beyond": beyond(choices.device)}
    if report is not None:
        how["also"] = partial(_write_report, report, file, page)
    with cluster_at(cluster, choices.device) as workers, progress() as tell:
        how |= {"report": tell, "cluster": workers}
        parameters = reconstruct_file(file, output, choices, reading=reading, **how)
    for sentence in sentences(parameters):
        typer.echo(sentence)
    for path in filter(None, (output, report)):
        typer.echo(f"Wrote {path}")


def _write_report(path: Path, file: Path, page: str, results, parameters) -> None:
    """The report, with a link to the page that the scan's folder is served by."""
    # After what was typed was found right: these take a second.
    from urllib.parse import urlencode

    from app.report.sheet import report, write_report
    from app.state.link import mark
    from app.state.recorded import session_of

    query = session_of(parameters, file.name)
    told = {
        "address": f"{page}?{urlencode(query)}",
        "hint": f"while `livestem serve {file.resolve().parent.name}` runs.",
        # A PDF is no file of which the page opens the session.
        "session": "" if path.suffix.lower() == ".pdf" else mark(query),
    }
    write_report(path, report(results, parameters, **told))
