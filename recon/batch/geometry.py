"""Where the bright-field disc lies and how the scan is turned, as far as that can be found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from recon.batch.region import binned_sampling
from recon.batch.settings import Geometry, Region, Treatment
from recon.calibration import Calibration
from recon.errors import DiscNotFound
from recon.geometry.disc import Disc

DISC = "centre and radius of the bright-field disc"


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
    residual: float | None = None
    """Of the fit of the disc, see `recon.geometry.disc.Disc`."""
    sheet: Any = None
    """The `OrientationSheet` that the orientation was taken from; None without one."""


def settle_disc(
    fit: Callable[[], Disc],
    geometry: Geometry,
    region: Region,
    treatment: Treatment,
    metadata: Mapping[str, Any],
) -> Found:
    """The disc on the detector in use: as entered, as fitted, else as the file says.

    Parameters
    ----------
    fit : callable
        Fits the disc to the pattern of the scan in use, where that is wanted.
    metadata : mapping
        Of the scan as read.

    Returns
    -------
    Found
        Without a disc where none is found: `missing` and the statement say so.
    """
    bare = Found(None, None, False, "", 0.0, False, "", geometry.missing(), None)
    place, residual, fitted = (geometry.centre, geometry.radius), None, False
    if not geometry.fit_disc:
        centre, radius = onto_detector_in_use(region, treatment, *place)
        said = "Centre and radius as entered."
    else:
        try:
            disc = fit()
        except DiscNotFound as error:
            known = metadata.get("centre"), metadata.get("radius")
            if None in known:
                missing = (*bare.missing, DISC)
                return replace(bare, disc_statement=str(error), missing=missing)
            centre, radius = onto_detector_in_use(region, treatment, *known)
            said = f"{error} Centre and radius are the file's."
        else:
            centre, radius = tuple(map(float, disc.centre)), float(disc.radius)
            residual, fitted, said = float(disc.residual), True, disc.statement
    missing = bare.missing if None not in (centre, radius) else (*bare.missing, DISC)
    return replace(
        bare,
        centre=centre,
        radius=radius,
        fitted=fitted,
        disc_statement=said,
        missing=missing,
        residual=residual,
    )


def settle_orientation(
    found: Found,
    geometry: Geometry,
    region: Region,
    judge: Callable[[Calibration], Any],
    by_curl: Callable[[Any], Any],
) -> Found:
    """Rotation and transpose as entered, or as the data show them, and with them the calibration.

    Parameters
    ----------
    found : Found
        Of `settle_disc`.
    judge : callable
        Makes the `OrientationSheet` of a calibration, of which it leaves the orientation aside.
    by_curl : callable
        Makes the orientation by the centre of mass alone of a sampling, where beam or disc are not
        known yet.

    Raises
    ------
    ValueError
        If a value makes no sense. That values are missing is told in the result, and that the
        data show no orientation: it is then taken as 0°, and the statement says so.
    """
    sampling = binned_sampling(geometry, region)
    calibration = None
    if not found.missing:
        calibration = Calibration(
            energy=geometry.energy,
            semiangle_cutoff=geometry.semiangle_cutoff,
            scan_sampling=sampling,
            centre=found.centre,
            radius=found.radius,
        )
    turn = {"rotation_deg": float(geometry.rotation_deg), "transpose": bool(geometry.transpose)}
    if geometry.auto_orientation:
        try:
            if calibration is None:
                # Where the step is unknown only its ratio matters, and that is taken as one.
                shown = best = by_curl((1.0, 1.0) if None in sampling else sampling)
            else:
                shown = judge(calibration)
                best = shown.best
                found = replace(found, sheet=shown)
        except ValueError as error:
            # Everything else can be shown meanwhile, and the angle be entered.
            said = f"{error} Until then it is taken as 0°."
            turn = {"rotation_deg": 0.0, "transpose": False}
            found = replace(found, orientation_statement=said)
        else:
            turn = {"rotation_deg": float(best.rotation_deg), "transpose": bool(best.transpose)}
            found = replace(found, oriented=True, orientation_statement=shown.statement)
    if calibration is not None:
        calibration = replace(calibration, **turn)
    return replace(found, calibration=calibration, **turn)


def onto_detector_in_use(region: Region, treatment: Treatment, centre, radius):
    """Centre (y, x) and radius [px] on the whole detector, on that in use; None stays None."""
    factor, (top, _, left, _) = treatment.refine, region.detector
    if centre is not None:
        # Pixel i covers i - 1/2 to i + 1/2.
        y, x = (float(c) - margin for c, margin in zip(centre, (top, left), strict=True))
        centre = ((y + 0.5) * factor - 0.5, (x + 0.5) * factor - 0.5)
    return centre, None if radius is None else float(radius) * factor


def onto_whole_detector(region: Region, treatment: Treatment, centre, radius):
    """Centre (y, x) and radius [px] on the detector in use, on the whole one."""
    factor, (top, _, left, _) = treatment.refine, region.detector
    y, x = ((c + 0.5) / factor - 0.5 for c in centre)
    return (y + top, x + left), radius / factor
