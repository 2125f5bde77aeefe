"""Where the bright-field disc lies and how the scan is turned, as far as that can be found."""

from dataclasses import dataclass

from app.engine.region import binned_sampling
from recon.calibration import Calibration
from recon.errors import DiscNotFound


@dataclass(frozen=True)
class Found:
    """Disc and orientation as they were settled, and the calibration if nothing is missing."""

    centre: tuple[float, float] | None
    """(y, x) on the detector in use [px]."""
    radius: float | None
    fitted: bool
    disc_statement: str
    rotation_deg: float
    transpose: bool
    orientation_statement: str
    """Empty where the orientation was given."""
    missing: tuple[str, ...]
    calibration: Calibration | None
    oriented: bool = False
    """Whether the orientation was estimated."""


def find(engine, scan, geometry, progress=None) -> Found:
    """Settle disc, orientation and calibration of an `app.engine.engine.Scan`.

    Raises
    ------
    ValueError
        If a value makes no sense. That there is no disc, or that values are missing, is told in
        the result.
    """
    centre, radius, fitted, statement = _disc(engine, scan, geometry, progress)
    rotation, transpose, oriented, turned = geometry.rotation_deg, geometry.transpose, False, ""
    if geometry.auto_orientation:
        disc = (centre, radius)
        rotation, transpose, oriented, turned = _orientation(engine, scan, geometry, disc, progress)
    missing = geometry.missing()
    calibration = None
    if not missing and centre is not None and radius is not None:
        calibration = Calibration(
            energy=geometry.energy,
            semiangle_cutoff=geometry.semiangle_cutoff,
            scan_sampling=binned_sampling(geometry, scan.region),
            centre=centre,
            radius=radius,
            rotation_deg=rotation,
            transpose=transpose,
        )
    elif centre is None or radius is None:
        missing = (*missing, "centre and radius of the bright-field disc")
    return Found(
        centre,
        radius,
        fitted,
        statement,
        rotation,
        transpose,
        turned,
        missing,
        calibration,
        oriented,
    )


def _disc(engine, scan, geometry, progress):
    from recon.geometry.disc import fit_disc

    if not geometry.fit_disc:
        centre, radius = onto_detector_in_use(scan, geometry.centre, geometry.radius)
        return centre, radius, False, "Centre and radius as entered."
    pattern = engine.pacbed(scan, progress)
    try:
        disc = engine.store.get(("disc", scan.key), lambda report: fit_disc(pattern), progress)
    except DiscNotFound as error:
        known = scan.whole.metadata
        if known.get("centre") is None or known.get("radius") is None:
            return None, None, False, str(error)
        said = f"{error} Centre and radius are the file's."
        centre, radius = onto_detector_in_use(scan, known["centre"], known["radius"])
        return centre, radius, False, said
    centre = (float(disc.centre[0]), float(disc.centre[1]))
    return centre, float(disc.radius), True, disc.statement


def onto_detector_in_use(scan, centre, radius):
    """Centre (y, x) and radius [px] on the whole detector, on that in use; None stays None."""
    factor, (top, _, left, _) = scan.treatment.refine, scan.region.detector
    if centre is not None:
        # Pixel i covers i - 1/2 to i + 1/2.
        y, x = (float(c) - margin for c, margin in zip(centre, (top, left), strict=True))
        centre = ((y + 0.5) * factor - 0.5, (x + 0.5) * factor - 0.5)
    return centre, None if radius is None else float(radius) * factor


def onto_whole_detector(region, treatment, centre, radius):
    """Centre (y, x) and radius [px] on the detector in use, on the whole one."""
    factor, (top, _, left, _) = treatment.refine, region.detector
    y, x = ((c + 0.5) / factor - 0.5 for c in centre)
    return (y + top, x + left), radius / factor


def _orientation(engine, scan, geometry, disc, progress):
    sampling = binned_sampling(geometry, scan.region)
    # Where the step is unknown only its ratio matters, and that is taken as one.
    sampling = (1.0, 1.0) if None in sampling else sampling
    try:
        found = engine.orientation(scan, sampling, disc, progress)
    except ValueError as error:
        # Everything else can be shown meanwhile, and the angle be entered.
        return 0.0, False, False, f"{error} Until then it is taken as 0°."
    return float(found.rotation_deg), bool(found.transpose), True, found.statement
