"""What is made of a scan and its G, by the names it has in a file."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recon.batch.settings import Annulus, Dpc
from recon.calibration import Calibration
from recon.device.backend import on_host
from recon.dpc.integrate import DpcResult, integrate_com, integrate_com_direct
from recon.result import Result
from recon.scan.kinds import ScanData, electrons
from recon.sums import annuli, presets
from recon.sums.detectors import PRESETS


def integrated(field, calibration: Calibration, dpc: Dpc, progress=None) -> DpcResult:
    """The phase of a (2, Sy, Sx) deflection field [mrad], by the method that is asked for."""
    regularised = {"highpass": dpc.highpass, "lowpass": dpc.lowpass}
    if dpc.method == "direct":
        return integrate_com_direct(field, calibration, **regularised)
    return integrate_com(
        field,
        calibration,
        **regularised,
        step=dpc.step,
        iterations=dpc.iterations,
        padding=dpc.padding,
        progress=progress,
    )


def virtual_images(
    scan: ScanData, calibration: Calibration, annulus: Annulus, progress=None
) -> dict[str, Any]:
    """(Sy, Sx) images of the usual virtual detectors, and of the annulus where it is another."""
    centre, radius = calibration.centre, calibration.radius
    images = presets(scan, centre, radius, progress)
    if is_usual(annulus):
        return images
    radii = {"annulus": (annulus.inner * radius, annulus.outer * radius)}
    return images | annuli(scan, centre, radii, progress)


def is_usual(annulus: Annulus) -> bool:
    """Whether one of the usual virtual detectors is that annulus."""
    return (annulus.inner, annulus.outer) in PRESETS.values()


DETECTORS = {
    "bf": "Bright field",
    "abf": "Annular bright field",
    "adf": "Annular dark field",
    "annulus": "Annulus",
}
"""Titles of virtual detectors."""


def named(
    scan: ScanData, calibration: Calibration, made: Mapping[str, Any], annulus: Annulus
) -> dict[str, Result]:
    """Results by their names in the HDF5 file, in the host's memory, with unit and sampling.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
        In use.
    calibration : Calibration
    made : mapping of name to array
        "ssb/phase" [rad], "ssb/object", "dpc/phase" [rad], each (Sy, Sx); "com" (2, Sy, Sx)
        [mrad]; "pacbed" (Ky, Kx) sum of the frames; "virtual/NAME" (Sy, Sx) of each detector.
    annulus : Annulus
        That of "virtual/annulus", which is left out where it is one of the others.
    """
    counts = "detector counts" if electrons(scan) is None else "electrons"
    known = {
        "ssb/phase": ("rad", "SSB phase"),
        "ssb/object": ("", "Transmission of the object"),
        "dpc/phase": ("rad", "DPC phase"),
        "com": ("mrad", "Centre of mass (y, x)"),
        "pacbed": (counts, "PACBED"),
        **{f"virtual/{name}": (counts, title) for name, title in DETECTORS.items()},
    }
    if is_usual(annulus):
        made = {name: array for name, array in made.items() if name != "virtual/annulus"}
    over_scan = {"sampling": calibration.scan_sampling}
    angle = calibration.angular_sampling
    off_centre = tuple(-centre * angle for centre in calibration.centre)
    over_detector = {"sampling": (angle, angle), "sampling_unit": "mrad", "origin": off_centre}
    results = {}
    for name, array in made.items():
        unit, title = known[name]
        pixels = over_detector if name == "pacbed" else over_scan
        results[name] = Result(on_host(array), unit, title=title, **pixels)
    return results


def proof(g, power, frequencies, tiles) -> dict[str, Result]:
    """What shows whether the aberrations are right, by its names in the HDF5 file.

    Parameters
    ----------
    g : Sidebands
    power : (Sy, Sx) array
        Of `recon.ssb.tiles.power_spectrum`.
    frequencies : (n, 2) int array
        (row, column) from DC of the object frequencies looked at.
    tiles : (n, By, Bx) complex array
        Of `recon.ssb.tiles.gfunction_tiles`.
    """
    rows, columns = g.scan_shape
    sampling = g.calibration.scan_sampling
    steps = 1 / (rows * sampling[0]), 1 / (columns * sampling[1])
    off = -(rows // 2) * steps[0], -(columns // 2) * steps[1]
    where = {"sampling": steps, "sampling_unit": "1/Å", "origin": off}
    spectrum = Result(power, "of the noise's power", title="Power of each frequency", **where)
    return {
        "ssb/spectrum": spectrum,
        "ssb/tiles": Result(tiles, title="conj(γ) G of some frequencies, on the binned detector"),
        "ssb/tile_frequencies": Result(
            np.asarray(frequencies), title="Their (row, column) from DC in the scan's transform"
        ),
    }
