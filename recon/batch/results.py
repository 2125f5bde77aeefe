"""What is made of a scan and its G, by the names it has in a file."""

from typing import Any

from recon.batch.settings import Annulus, Dpc
from recon.calibration import Calibration
from recon.device.backend import on_host
from recon.dpc.integrate import DpcResult, integrate_com, integrate_com_direct
from recon.scan.kinds import ScanData
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


def named(phase, transmission, dpc_phase, com, pattern, images, annulus: Annulus) -> dict[str, Any]:
    """Results by their names in the HDF5 file, in the host's memory.

    Parameters
    ----------
    phase : (Sy, Sx) array
        [rad]
    transmission : (Sy, Sx) complex array
    dpc_phase : (Sy, Sx) array
        [rad]
    com : (2, Sy, Sx) array
        [mrad]
    pattern : (Ky, Kx) array
        Sum of the frames.
    images : mapping of name to (Sy, Sx) array
        Of virtual detectors.
    annulus : Annulus
        That of the image "annulus", which is left out where it is one of the others.
    """
    kept = {n: image for n, image in images.items() if n != "annulus" or not is_usual(annulus)}
    results = {
        "ssb/phase": phase,
        "ssb/object": transmission,
        "dpc/phase": dpc_phase,
        "com": com,
        "pacbed": pattern,
        **{f"virtual/{name}": image for name, image in kept.items()},
    }
    return {name: on_host(array) for name, array in results.items()}
