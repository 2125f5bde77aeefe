"""Where the bright-field disc lies and how the scan is turned, as far as that can be found.

The centre of mass is asked for the orientation first, which takes a pass or two over the scan.
The sidebands, which take a transform of every pixel of the disc, are asked where it is not sure:
for the sign alone, at one angle, where angle and transpose are (`axes_sure`), and else for all, by
many trials. Of the demonstration (512 × 512, whose sign is open), all by the sidebands : the sign
alone : the centre of mass alone take 44 : 6 : 1 of processor time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import hypot
from typing import Any

from scipy.special import erfinv

from recon.batch.region import binned_sampling
from recon.batch.settings import Geometry, Region, Treatment
from recon.calibration import Calibration
from recon.errors import DiscNotFound
from recon.geometry.disc import Disc
from recon.orientation.by_curl import Orientation
from recon.orientation.eight_ways import SIDEBANDS_MOST, sheet_by_curl
from recon.orientation.sheet import SURE
from recon.orientation.sign import AGREED
from recon.scan.kinds import ScanData, tells_places
from recon.treatment.subpixel import factor_for

DISC = "centre and radius of the bright-field disc"

SURE_DEG = 1.0
"""Uncertainty of a rotation up to which no second opinion is asked: at the rim of the sidebands it
moves a frequency by a sixth of a binned pixel, of 18 across the disc."""


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
    asked: tuple[str, ...] = ()
    """Who was asked for it, as in `recon.orientation.sheet.OrientationSheet`."""


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


def axes_sure(curl: Orientation) -> bool:
    """Whether angle and transpose of the centre of mass stand, whatever the sidebands would say.

    The rotation is known to a degree, with what aberrations may do to the field of the disc
    alone, and the state of the transpose more surely than sidebands may outvote.
    """
    axes = erfinv(min(curl.transpose_confidence, 1 - 1e-12)) ** 2
    return bool(hypot(curl.rotation_error, curl.bias) <= SURE_DEG and axes >= SIDEBANDS_MOST)


def sign_sure(curl: Orientation) -> bool:
    """Whether its sign stands: by the atoms, and by the dark field, which minds no defocus."""
    return curl.sign_confidence >= SURE and curl.dark_field is not None and curl.dark_field > AGREED


def settle_orientation(
    found: Found,
    geometry: Geometry,
    region: Region,
    by_curl: Callable[[Any], Orientation],
    beside_curl: Callable[[Calibration, Orientation | None, str, bool], Any],
) -> Found:
    """Rotation and transpose as entered, or as the data show them, and with them the calibration.

    Parameters
    ----------
    found : Found
        Of `settle_disc`.
    by_curl : callable
        `by_curl(sampling)`: the orientation by the centre of mass alone.
    beside_curl : callable
        `beside_curl(calibration, curl, refusal, sign_alone)`: an `OrientationSheet` of the
        sidebands beside what the centre of mass says, or why it says nothing. Asked where beam
        and disc are known and the centre of mass is not sure; for the sign alone where it is sure
        of all else.

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
            found, shown = _orientation(found, sampling, calibration, by_curl, beside_curl)
        except ValueError as error:
            # Everything else can be shown meanwhile, and the angle be entered.
            said = f"{error} Until then it is taken as 0°."
            turn = {"rotation_deg": 0.0, "transpose": False}
            asked = ("curl",) if calibration is None else ("curl", "sidebands")
            found = replace(found, orientation_statement=said, asked=asked)
        else:
            turn = {"rotation_deg": float(shown.rotation_deg), "transpose": bool(shown.transpose)}
    if calibration is not None:
        calibration = replace(calibration, **turn)
    return replace(found, calibration=calibration, **turn)


def _orientation(found: Found, sampling, calibration, by_curl, beside_curl):
    """`found` with who was asked and what they say, and the orientation to take."""
    curl, refusal = None, ""
    try:
        # Where the step is unknown only its ratio matters, and that is taken as one.
        curl = by_curl((1.0, 1.0) if None in sampling else sampling)
    except ValueError as error:
        if calibration is None:
            raise
        refusal = str(error)
    if calibration is None:
        said = curl.statement
        return replace(found, oriented=True, orientation_statement=said, asked=("curl",)), curl
    sign_alone = curl is not None and axes_sure(curl)
    if sign_alone and sign_sure(curl):
        sheet = sheet_by_curl(curl)
    else:
        sheet = beside_curl(calibration, curl, refusal, sign_alone)
    known = {"orientation_statement": sheet.statement, "sheet": sheet, "asked": sheet.asked}
    return replace(found, oriented=True, **known), sheet.best


def useful_refinement(
    scan: ScanData,
    fit: Callable[[], Disc],
    geometry: Geometry,
    metadata: Mapping[str, Any],
    pixels_across: int,
) -> int:
    """Finer pixels along each axis that "auto" stands for: as many as binned pixels can use.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
        The whole scan, put straight.
    fit, geometry, metadata
        As for `settle_disc`.
    pixels_across : int
        Binned pixels over the disc.

    Returns
    -------
    int
        1 where the source tells no places within a pixel, or no disc is known.
    """
    if not tells_places(scan):
        return 1
    radius = settle_disc(fit, geometry, Region(), Treatment(), metadata).radius
    return 1 if radius is None else factor_for(scan, radius, pixels_across)


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
