"""A film whose focus changes over the scan, in a recipe: its plane from patches, and its map."""

from dataclasses import replace
from typing import Any

import numpy as np

from recon.batch.region import cut
from recon.batch.settings import BAND_LIMIT, Region
from recon.device.backend import CPU, on_host
from recon.errors import Unfitted
from recon.focus.film import FilmFit, fit_film
from recon.optics import Aberrations
from recon.result import Result
from recon.scan.kinds import ScanData, on_device
from recon.ssb.build import build_g
from recon.ssb.film import c10_over, levels
from recon.ssb.phase import single_sideband
from recon.ssb.sidebands import Sidebands


def film_of(
    scan: ScanData, g: Sidebands, aberrations: Aberrations, pixels: int, progress=None
) -> FilmFit:
    """The plane of C10 over a scan; every patch has a G of its own, on the CPU.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
    g : Sidebands
        Of the whole scan, whose phase says where in its patch the object lies.
    aberrations : Aberrations
        Of the whole scan; all but C10 stay.
    pixels : int
        Binned bright-field pixels across the disc.
    progress : callable, optional

    Raises
    ------
    Unfitted
        As `recon.focus.film.fit_film`.
    """
    shape, calibration, scan = scan.scan_shape, g.calibration, on_device(scan, CPU)
    level = g.through(replace(g.specimen, film=(0.0, 0.0)))
    seen = on_host(single_sideband(level, aberrations, "draft", band_limit=BAND_LIMIT)) ** 2

    def g_of(rows, columns):
        left_out = rows[0], shape[0] - rows[1], columns[0], shape[1] - columns[1]
        part = cut(scan, Region(scan=left_out))
        return build_g(part, calibration, pixels, full=True)

    return fit_film(g_of, shape, calibration, aberrations, progress, seen)


def with_film(scan, g, aberrations: Aberrations, pixels: int, progress=None):
    """G and aberrations with the film's plane, and a record; as they are where it is refused."""
    try:
        fit = film_of(scan, g, aberrations, pixels, progress)
    except Unfitted as refusal:
        return g, aberrations, {"statement": str(refusal)}
    g = g.through(replace(g.specimen, film=fit.slope))
    return g, replace(aberrations, C10=fit.c10), record(fit)


def record(fit: FilmFit) -> dict[str, Any]:
    """What is to be known of a plane, ready for JSON."""
    patches = zip(fit.places.tolist(), fit.values, fit.uncertain, strict=True)
    return {
        "C10": fit.c10,
        "film": list(fit.slope),
        "errors": fit.errors,
        "scatter": fit.scatter,
        "patches": [
            {"place": place, "C10": float(value), "error": float(error)}
            for place, value, error in patches
            if np.isfinite(value)
        ],
        "statement": fit.statement,
    }


def film_map(g, aberrations: Aberrations) -> dict[str, Result]:
    """C10 over the scan by its name in the HDF5 file; nothing where it is the same everywhere."""
    slope, sampling = g.specimen.film, g.calibration.scan_sampling
    if not any(slope):
        return {}
    plane = c10_over(g.scan_shape, sampling, aberrations.C10, slope).astype(np.float32)
    count = len(levels(g, aberrations.C10))
    title = f"C10 over the scan: phases of {count} values of it are blended, each a redraw"
    return {"film/c10": Result(plane, "Å", sampling, title=title)}
