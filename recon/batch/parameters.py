"""Every value that a file of results depends on, and where it came from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from recon.batch.contradictions import contradictions
from recon.batch.fitting import orientation_record
from recon.batch.geometry import Found
from recon.batch.settings import Annulus, Dpc, Geometry, Region, Treatment
from recon.batch.treatment import Step, left_in
from recon.batch.versions import versions
from recon.io import statement
from recon.optics import Aberrations
from recon.scan.kinds import ScanData, electrons
from recon.ssb.gfunction import Sidebands


@dataclass(frozen=True, eq=False)
class Used:
    """What a reconstruction was made of and with."""

    scan: ScanData
    """The scan in use."""
    metadata: Mapping[str, Any]
    """Of the scan as read."""
    steps: tuple[Step, ...]
    """What was done to it."""
    hot: np.ndarray
    """(Ky, Kx) bool masks of the faulty pixels of the scan as read."""
    dead: np.ndarray
    region: Region
    treatment: Treatment
    geometry: Geometry
    found: Found
    """With the calibration that was used."""
    g: Sidebands
    aberrations: Aberrations
    pixels_across: int
    mode: str
    sideband: str
    band_limit: float
    annulus: Annulus
    dpc: Dpc
    sources: Mapping[str, str]
    """Where each value came from, by its name in `Calibration` or `Aberrations`."""
    fit: Mapping[str, Any] | None = None
    """Record of a fit of the aberrations."""
    film: Mapping[str, Any] | None = None
    """Record of a fit of the focus over the scan."""
    refined: tuple[float, float] | None = None
    """Rotation and its error [degrees] that the fit has found since."""


def parameters(used: Used) -> dict[str, Any]:
    """What stands beside the results in their file, the same for the page and the command line."""
    scan, found, g = used.scan, used.found, used.g
    calibration = found.calibration
    entered = replace(
        used.geometry,
        energy=calibration.energy,
        semiangle_cutoff=calibration.semiangle_cutoff,
        rotation_deg=calibration.rotation_deg,
    )
    return {
        "file": asdict(scan.source),
        "statement": statement(scan),
        "scan_shape": list(scan.scan_shape),
        "frame_shape": list(scan.frame_shape),
        "electrons": electrons(scan),
        "region": asdict(used.region),
        "treatment": asdict(used.treatment) | {"done": [step.sentence for step in used.steps]},
        "pixels_left_out": 0 if scan.excluded is None else int(scan.excluded.sum()),
        "faulty_pixels": {
            "hot": int(used.hot.sum()),
            "dead": int(used.dead.sum()),
            "statement": "" if used.treatment.mask_faulty else left_in(used.hot, used.dead),
        },
        "current": g.current and g.current.record(),
        "undersampling": {
            "step_over_nyquist": calibration.undersampling,
            "statement": calibration.undersampled,
        },
        "contradictions": contradictions(
            entered, used.metadata, None if used.fit else used.aberrations
        ),
        "calibration": asdict(calibration),
        "disc": {
            "centre": found.centre,
            "radius": found.radius,
            "fitted": found.fitted,
            "residual": found.residual,
            "statement": found.disc_statement,
        },
        "orientation": _orientation(found, used.refined),
        "aberrations": asdict(used.aberrations),
        "specimen": asdict(g.specimen),
        "fit": used.fit,
        "film": used.film,
        "bright_field_pixels": used.pixels_across,
        "bright_field_bin": g.bright_field.bin,
        "mode": used.mode,
        "sideband": used.sideband,
        "band_limit": used.band_limit,
        "annulus": asdict(used.annulus),
        "dpc": asdict(used.dpc),
        "labels": {},
        "sources": dict(used.sources),
        "device": g.made_on,
        "versions": versions(),
    }


def _orientation(found: Found, refined) -> dict[str, Any]:
    """As `orientation_record` says it; None for what is not known of one that was entered."""
    if found.sheet is not None:
        return orientation_record(found.sheet, refined)
    unknown = "rotation_error", "atoms_positive", "agree", "by_curl", "by_sidebands", "candidates"
    return {
        "rotation_deg": found.rotation_deg,
        "transpose": found.transpose,
        "asked": list(found.asked),
        **dict.fromkeys(unknown),
        "statement": found.orientation_statement,
    }
