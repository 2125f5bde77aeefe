"""Distortions of patterns and scan, measured where that is asked for, and taken out of a scan."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from recon.batch.settings import AUTO
from recon.batch.treatment import Step, check_rows, sheared_back
from recon.device.backend import on_host
from recon.errors import DiscNotFound, Unfitted
from recon.geometry.descan import LINEAR, Descan, measure_descan
from recon.geometry.disc import fit_disc
from recon.geometry.ellipse import Ellipse, fit_ellipse, rough_centre
from recon.scan.kinds import ScanData
from recon.sums import pacbed
from recon.treatment.either import straighten


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


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured, or why nothing is to be taken out."""

    fit: Any
    """A `DescanFit` or `EllipseFit` of `recon.geometry`; None where there is nothing."""
    statement: str


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
    straight, steps = put_straight(events, pattern, how, disc, report)
    seen = pattern if straight is events else on_host(pacbed(straight))
    return straight, seen, [step.sentence for step in steps]


def put_straight(
    events: ScanData, pattern, how: Straightening, disc=None, report=None
) -> tuple[ScanData, list[Step]]:
    """As `straightened`: the scan, and what was done to it."""
    if how.shear:
        check_rows(events)

    def progress(fraction):
        if report is not None:
            report("Straightening", fraction)

    descan, ellipse = how.descan, how.ellipse
    if AUTO in (descan, ellipse):
        disc = disc or rim(events, pattern)
    if descan == AUTO:
        descan = measured_descan(events, disc, progress)
    if ellipse == AUTO:
        still = moved_back(events, descan, progress)
        even = pattern if still is events else on_host(pacbed(still))
        # Makes room for the scan that is kept.
        del still
        ellipse = measured_ellipse(even, disc)
    elif ellipse is not None:
        ellipse = Ellipse(*ellipse, tuple(disc[0] if disc else rough_centre(pattern)))
    straight, steps = without_distortions(events, descan, ellipse, progress)
    if how.shear:
        straight, step = sheared_back(straight, how.shear, progress)
        steps.append(step)
    return straight, steps


def rim(scan: ScanData, pattern, fit: Callable | None = None):
    """Centre (y, x) and radius [px] of the disc that distortions are measured by.

    What a fit finds; where it finds none what the file says, else an ellipse's.

    Parameters
    ----------
    pattern : (Ky, Kx) array
        PACBED of `scan`.
    fit : callable, optional
        What gives the fit of a disc to the pattern, where it is remembered.

    Raises
    ------
    DiscNotFound
    """
    try:
        found = fit() if fit else fit_disc(pattern)
    except DiscNotFound:
        known = tuple(scan.metadata.get(name) for name in ("centre", "radius"))
        if None not in known:
            return known
        with suppress(DiscNotFound, Unfitted):
            ellipse = fit_ellipse(pattern)
            return ellipse.ellipse.centre, ellipse.radius
        raise
    return found.centre, found.radius


def measured_descan(scan: ScanData, disc, progress=None) -> Measured:
    """How the disc, (centre, radius) [px], moves over a whole scan."""
    try:
        fit = measure_descan(scan, *disc, progress)
    except Unfitted as refusal:
        return Measured(None, str(refusal))
    return Measured(fit, fit.statement)


def measured_ellipse(pattern, disc) -> Measured:
    """How elliptical the disc in a (Ky, Kx) pattern is, from which descan is taken out."""
    try:
        fit = fit_ellipse(pattern, disc)
    except Unfitted as refusal:
        return Measured(None, str(refusal))
    return Measured(fit, fit.statement)


def moved_back(scan: ScanData, descan: Descan | Measured | None, progress=None) -> ScanData:
    """The scan without its descan, as measured or given."""
    return straighten(scan, _taken(descan, "descan"), None, progress)


def without_distortions(
    scan: ScanData,
    descan: Descan | Measured | None,
    ellipse: Ellipse | Measured | None,
    progress=None,
) -> tuple[ScanData, list[Step]]:
    """The scan without descan and ellipse, as measured or given, and what was done to it.

    Raises
    ------
    ValueError
        For a descan larger than the detector.
    """
    taken = _taken(descan, "descan"), _taken(ellipse, "ellipse")
    straight = scan if taken == (None, None) else straighten(scan, *taken, progress)
    steps = []
    if descan is not None:
        steps.append(_descan_step(descan, scan.scan_shape))
    if ellipse is not None:
        steps.append(_ellipse_step(ellipse))
    lost = [note for note in straight.source.notes if note not in scan.source.notes]
    if lost:
        *before, last = steps
        said = " ".join([last.sentence, *lost])
        steps = [*before, Step(last.control, last.short, said)]
    return straight, steps


def _taken(what, name):
    """What is to be taken out, None for nothing."""
    return (what.fit and getattr(what.fit, name)) if isinstance(what, Measured) else what


def _descan_step(descan, scan_shape) -> Step:
    if not isinstance(descan, Measured):
        return Step("descan", "as given", "The descan given was taken out.")
    if descan.fit is None:
        return Step("descan", "none", descan.statement)
    _, bent = parts(descan.fit.descan, scan_shape)
    tail = f" Its quadratic part alone moves it by {bent:.2f} px." if bent else ""
    said = f"{descan.statement}{tail} Taken out."
    return Step("descan", f"{descan.fit.largest:.2g} px", said)


def _ellipse_step(ellipse) -> Step:
    if not isinstance(ellipse, Measured):
        return Step("round_disc", "as given", "The ellipticity given was taken out.")
    if ellipse.fit is None:
        return Step("round_disc", "round", ellipse.statement)
    short = f"{ellipse.fit.ellipse.ratio:.3f} : 1"
    return Step("round_disc", short, f"{ellipse.statement} Taken out.")


def parts(descan: Descan, scan_shape) -> tuple[float, float]:
    """Largest distance [px] that the linear and the quadratic terms alone move the disc."""
    zeros = (0.0,) * (len(descan.y) - LINEAR)
    linear = Descan(*(c[:LINEAR] + zeros for c in (descan.y, descan.x)))
    bent = Descan(*((0.0,) * LINEAR + c[LINEAR:] for c in (descan.y, descan.x)))
    return tuple(float(np.hypot(*part.shift(scan_shape)).max()) for part in (linear, bent))
