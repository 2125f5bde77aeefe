"""Distortions of patterns and scan, taken out of a scan as `livestem reconstruct` is asked to."""

from contextlib import suppress
from dataclasses import dataclass

from recon.device.backend import on_host
from recon.errors import DiscNotFound, Unfitted
from recon.geometry.descan import Descan, measure_descan
from recon.geometry.disc import fit_disc
from recon.geometry.ellipse import Ellipse, fit_ellipse, rough_centre
from recon.scan.kinds import ScanData, is_dense
from recon.sums import pacbed
from recon.treatment.rows import ScanDistortion, regrid
from recon.treatment.straighten import straighten, straighten_frames

AUTO = "auto"


@dataclass(frozen=True)
class Straightening:
    """What is taken out.

    Parameters
    ----------
    descan : Descan, "auto" or None
        "auto" measures it, and takes out what is significant.
    ellipse : (ratio, angle_deg), "auto" or None
    shear : float
        Steps along x by which each row of the scan lies further right.
    """

    descan: Descan | str | None = None
    ellipse: tuple[float, float] | str | None = None
    shear: float = 0.0


def straightening(descan, ellipse, shear: float) -> Straightening:
    """What the words of the command line ask for: "auto", "none", or numbers."""
    if isinstance(descan, tuple):
        descan = Descan(descan[:5], descan[5:])
    named = {"auto": AUTO, "none": None}
    return Straightening(
        named[descan] if isinstance(descan, str) else descan,
        named[ellipse] if isinstance(ellipse, str) else ellipse,
        shear,
    )


def straightened(events: ScanData, pattern, how: Straightening, disc=None, report=None):
    """The scan put straight, its PACBED, and what was done, in sentences.

    Parameters
    ----------
    pattern : (Ky, Kx) array
        PACBED of `events`.
    disc : ((float, float), float), optional
        Centre (y, x) and radius [px], where they are given; else they are fitted.
    report : callable, optional
        Called as `report(task, fraction)`.

    Raises
    ------
    ValueError
        If no disc is found, or the rows of dense frames are to be put straight.
    """
    if how == Straightening():
        return events, pattern, []
    if is_dense(events) and how.shear:
        raise ValueError(
            "Straight rows need single electrons, which dense frames do not hold: count them first "
            "(`livestem count`)."
        )

    def progress(fraction):
        if report is not None:
            report("Straightening", fraction)

    said, descan, ellipse = [], how.descan, None
    if descan == AUTO:
        disc = disc or _disc(events, pattern)
        descan = _measured(lambda: measure_descan(events, *disc, progress), "descan", said)
    elif descan is not None:
        said.append("The descan given was taken out.")
    if how.ellipse == AUTO:
        still = _straight(events, descan, None, progress)
        even = pattern if still is events else on_host(pacbed(still))
        # Makes room for the scan that is kept.
        del still
        ellipse = _measured(lambda: fit_ellipse(even, disc), "ellipse", said)
    elif how.ellipse is not None:
        centre = disc[0] if disc else rough_centre(pattern)
        ellipse = Ellipse(*how.ellipse, tuple(centre))
        said.append("The ellipticity given was taken out.")
    straight = _straight(events, descan, ellipse, progress)
    if how.shear:
        straight = regrid(straight, ScanDistortion(shear=how.shear), progress)
        said.append(f"The shear given, {how.shear:g} steps a row, was taken out.")
    if straight is events:
        return events, pattern, said
    return straight, on_host(pacbed(straight)), said


def _straight(events, descan, ellipse, progress):
    if is_dense(events):
        return straighten_frames(events, descan, ellipse)
    return straighten(events, descan, ellipse, progress)


def _disc(events, pattern):
    """Centre and radius [px] that a fit finds, or that the file says where it finds none."""
    try:
        found = fit_disc(pattern)
    except DiscNotFound:
        known = tuple(events.metadata.get(name) for name in ("centre", "radius"))
        if None not in known:
            return known
        with suppress(DiscNotFound, Unfitted):
            ellipse = fit_ellipse(pattern)
            return ellipse.ellipse.centre, ellipse.radius
        raise
    return found.centre, found.radius


def _measured(measure, name, said):
    """What a fit finds, if it is significant; the sentence goes to `said`."""
    try:
        fit = measure()
    except Unfitted as refusal:
        said.append(str(refusal))
        return None
    said.append(f"{fit.statement} Taken out.")
    return getattr(fit, name)
