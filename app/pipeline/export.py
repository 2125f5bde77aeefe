"""What is shown as a file to keep: calibrated TIFF, or HDF5 with all results and parameters."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.engine.uploads import EXPORTS
from app.pipeline.copies import keep
from app.pipeline.prepared import Prepared, usable_sideband
from app.pipeline.summary import PAGE, aberration_sources, calibration_sources
from app.report.sheet import report, write_report
from app.state.request import Request
from recon.batch.film import film_map
from recon.batch.parameters import Used
from recon.batch.parameters import parameters as recorded
from recon.batch.results import named, proof
from recon.batch.sources import DEFAULT, FIT
from recon.device.backend import on_host
from recon.handover.folder import PROGRAMS, zipped
from recon.handover.start import of_parameters
from recon.io.results import plain, write_results, write_tiff
from recon.specimen import THIN

KINDS = {
    "tiff": ("_phase.tiff", "image/tiff"),
    "hdf5": ("_results.h5", "application/x-hdf5"),
    "report": ("_report.html", "text/html"),
    **{name: (f"_for_{name}.zip", "application/zip") for name in PROGRAMS},
}
"""End of the name and media type of each kind of file."""


@dataclass(frozen=True)
class Export:
    """A file to hand to the browser."""

    filename: str
    data: bytes
    media_type: str
    warning: str = ""
    """Why no copy was kept on the server, in a sentence."""


def export(
    engine,
    prepared: Prepared,
    request: Request,
    sources: Mapping,
    kind: str,
    user: str | None = None,
    session: str = "",
    fit: Mapping[str, Any] | None = None,
    address: str = "",
) -> Export:
    """The exact results for a request as a file.

    Parameters
    ----------
    engine : Engine
        Computes what is not there yet.
    prepared : Prepared
        The scan with its G.
    request : Request
        Aberrations and regularisation.
    sources : mapping
        Where each calibration value came from.
    kind : str
        "tiff" (SSB phase, 32-bit, calibrated), "hdf5" (all results, all parameters), "report" (the
        same to read and print), or a program of `recon.handover` that is to go on from here.
    user : str, optional
        Who saves it, where people log in: a part of the copy's name.
    session : str
        What TIFF, HDF5 and a report remember, for the page to open it again.
    fit : mapping, optional
        Record of the fit whose values are set.
    address : str
        Of the page, for a report's link.

    Raises
    ------
    ValueError
        If the kind is none of these.
    """
    if kind not in KINDS:
        raise ValueError(f"A file is saved as {' or '.join(KINDS)}, not as {kind}.")
    ending, media_type = KINDS[kind]
    title = engine.title(request.reading.dataset)
    with TemporaryDirectory(prefix=EXPORTS) as folder:
        path = Path(folder) / f"saved{ending}"
        if kind == "tiff":
            write_tiff(
                path, _phase(engine, prepared, request), prepared.scan_sampling,
                f"SSB phase [rad] of {title}{_dose(request)}\n{session}",
            )  # fmt: skip
        elif kind == "hdf5":
            made = results(engine, prepared, request)
            said = parameters(engine, prepared, request, sources, fit)
            write_results(path, made, said, session)
        elif kind == "report":
            made = results(engine, prepared, request) | _proof(engine, prepared, request)
            said = parameters(engine, prepared, request, sources, fit)
            write_report(path, report(made, said, address=address, session=session))
        else:
            said = plain(parameters(engine, prepared, request, sources, fit))
            start = of_parameters(said, on_host(_phase(engine, prepared, request)))
            path.write_bytes(zipped(kind, start))
        warning = ""
        if engine.results is not None:
            try:
                stem, _, _ = ending.rpartition(".")
                keep(path, Path(engine.results), f"{title}{stem}", user)
            except OSError as error:  # the download goes on
                logging.getLogger(__name__).error("No copy was kept in LIVESTEM_RESULTS: %s", error)
                why = (error.strerror or str(error)).lower()
                warning = f"No copy was kept in the server's folder of results: {why}."
        return Export(f"{title}{ending}", path.read_bytes(), media_type, warning)


def results(engine, prepared: Prepared, request: Request) -> dict[str, Any]:
    """All results by their names in the HDF5 file, as `livestem reconstruct` writes them."""
    scan, found, calibration = prepared.scan, prepared.found, prepared.found.calibration
    sideband = usable_sideband(prepared.sidebands, request.sideband)
    images = engine.virtual(scan, found, request.annulus)
    made = {
        "ssb/phase": _phase(engine, prepared, request),
        "ssb/object": engine.transmission(
            prepared.g_of(request), request.aberrations, "exact", sideband, request.band_limit
        ),
        "dpc/phase": engine.dpc(scan, calibration, request.dpc).phase,
        "com": engine.deflection(scan, calibration),
        "pacbed": engine.pacbed(scan),
        **{f"virtual/{name}": image for name, image in images.items()},
    }
    found = named(scan.events, calibration, made, request.annulus)
    return found | film_map(prepared.g_of(request), request.aberrations)


def _proof(engine, prepared: Prepared, request: Request) -> dict[str, Any]:
    """Spectrum and tiles as they are shown."""
    g = prepared.g_of(request)
    frequencies = prepared.picks.of(engine, g, request.tiles)
    tiles = engine.tiles(g, request.aberrations, frequencies)
    return proof(g, engine.spectrum(g), frequencies, tiles)


def parameters(
    engine,
    prepared: Prepared,
    request: Request,
    sources: Mapping,
    fit: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Every value that the results depend on, and where it came from."""
    scan, found = prepared.scan, prepared.found
    hot, dead = engine.faults(request.reading)
    return recorded(
        Used(
            scan=scan.events,
            metadata=scan.whole.metadata,
            steps=scan.steps,
            hot=hot,
            dead=dead,
            region=request.region,
            treatment=scan.treatment,
            geometry=request.geometry,
            found=found,
            g=prepared.g_of(request),
            aberrations=request.aberrations,
            pixels_across=request.bright_field_pixels,
            mode="exact",
            sideband=usable_sideband(prepared.sidebands, request.sideband),
            band_limit=request.band_limit,
            annulus=request.annulus,
            dpc=request.dpc,
            sources=calibration_sources(sources, found)
            | aberration_sources(request.aberrations, scan.whole.metadata)
            | {"specimen": DEFAULT if request.specimen == THIN else PAGE}
            | dict.fromkeys((fit or {}).get("errors", ()), FIT),
            fit=fit,
        )
    )


def _dose(request: Request) -> str:
    """What of the electrons is in a file that cannot hold all parameters."""
    share, draw = request.treatment.dose_share, request.treatment.draw
    return "" if share == 1 else f", {100 * share:g} % of its electrons (draw {draw})"


def _phase(engine, prepared, request):
    sideband = usable_sideband(prepared.sidebands, request.sideband)
    return engine.phase(
        prepared.g_of(request), request.aberrations, "exact", sideband, request.band_limit
    )
