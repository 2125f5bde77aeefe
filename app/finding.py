"""Where the bright-field disc lies and how the scan is turned, as far as that can be found."""

from dataclasses import dataclass

from app.region import binned_sampling
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
    """Settle disc, orientation and calibration of an `app.engine.Scan`.

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
    from recon.disc import fit_disc

    top, _, left, _ = scan.region.detector
    if not geometry.fit_disc:
        centre = geometry.centre
        if centre is not None:
            centre = (centre[0] - top, centre[1] - left)
        return centre, geometry.radius, False, "Centre and radius as entered."
    pattern = engine.pacbed(scan, progress)
    try:
        disc = engine.store.get(("disc", scan.key), lambda report: fit_disc(pattern), progress)
    except DiscNotFound as error:
        known = scan.whole.metadata
        if known.get("centre") is None or known.get("radius") is None:
            return None, None, False, str(error)
        y, x = known["centre"]
        said = f"{error} Centre and radius are the file's."
        return (float(y) - top, float(x) - left), float(known["radius"]), False, said
    centre = (float(disc.centre[0]), float(disc.centre[1]))
    return centre, float(disc.radius), True, disc.statement


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
