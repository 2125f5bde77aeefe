"""Descan and the disc's ellipticity, measured once for a scan and taken out where it is wanted.

Both are measured in the whole scan: a part of it, or fewer of its electrons, are put straight by
what all of them tell.
"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from app.engine.store import Report
from app.state.request import Treatment
from recon.errors import DiscNotFound, Unfitted
from recon.scan.kinds import ScanData, is_dense
from recon.sums import pacbed


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured, or why nothing is to be taken out."""

    fit: object | None
    """A `DescanFit` or `EllipseFit` of `recon.geometry`; None where there is nothing."""
    statement: str


def descan_of(engine, whole, progress: Report | None = None) -> Measured:
    """How the disc moves over a whole scan, an `app.engine.engine.Scan`.

    Raises
    ------
    ValueError
        If there is no disc, or the scan is too small.
    """
    from recon.geometry.descan import measure_descan

    def measure(report):
        try:
            fit = measure_descan(whole.events, *_disc(engine, whole), report)
        except Unfitted as error:
            return Measured(None, str(error))
        return Measured(fit, fit.statement)

    return engine.store.get(("descan", whole.key), measure, progress)


def ellipse_of(engine, whole, descan=None, progress: Report | None = None) -> Measured:
    """How elliptical the disc of a whole scan is, once its `descan` is taken out.

    Raises
    ------
    ValueError
        If there is no disc.
    """
    from recon.geometry.ellipse import fit_ellipse

    def measure(report):
        disc, pattern = _disc(engine, whole), engine.pacbed(whole)
        if descan is not None:
            pattern = pacbed(_moved(whole.events, descan, None, report))
        try:
            fit = fit_ellipse(pattern, disc)
        except Unfitted as error:
            return Measured(None, str(error))
        return Measured(fit, fit.statement)

    return engine.store.get(("ellipse", whole.key, descan), measure, progress)


def straightened(engine, whole, treatment: Treatment, progress: Report) -> tuple[ScanData, list]:
    """A whole scan put straight as a treatment says, and (control, short, sentence) of each step.

    Raises
    ------
    ValueError
        If there is no disc to measure by, or frames would have to be stretched.
    """
    descan, ellipse, done = None, None, []
    if treatment.descan:
        found = descan_of(engine, whole, progress)
        descan = found.fit and found.fit.descan
        done.append(("descan", *_descan_words(found, whole.events.scan_shape)))
    if treatment.round_disc:
        found = ellipse_of(engine, whole, descan, progress)
        ellipse = found.fit and found.fit.ellipse
        done.append(("round_disc", *_ellipse_words(found)))
    if descan is None and ellipse is None:
        return whole.events, done
    moved = _moved(whole.events, descan, ellipse, progress)
    lost = [note for note in moved.source.notes if note not in whole.events.source.notes]
    *before, (control, short, sentence) = done
    return moved, [*before, (control, short, " ".join([sentence, *lost]))]


def _disc(engine, whole):
    """Centre (y, x) and radius [px] of a circle, or of an ellipse where that does not fit."""
    from recon.geometry.disc import fit_disc
    from recon.geometry.ellipse import fit_ellipse

    pattern = engine.pacbed(whole)
    try:
        disc = engine.store.get(("disc", whole.key), lambda report: fit_disc(pattern))
        return disc.centre, disc.radius
    except DiscNotFound as error:
        with suppress(DiscNotFound, Unfitted):
            found = fit_ellipse(pattern)
            return found.ellipse.centre, found.radius
        raise ValueError(f"Descan and the disc's shape are measured by its rim. {error}") from error


def _moved(events, descan, ellipse, progress):
    from recon.treatment.straighten import straighten, straighten_frames

    if is_dense(events):
        return straighten_frames(events, descan, ellipse)
    return straighten(events, descan, ellipse, progress)


def parts(descan, scan_shape) -> tuple[float, float]:
    """Largest distance [px] that the linear and the quadratic terms alone move the disc."""
    from recon.geometry.descan import LINEAR, Descan

    zeros = (0.0,) * (len(descan.y) - LINEAR)
    linear = Descan(*(c[:LINEAR] + zeros for c in (descan.y, descan.x)))
    bent = Descan(*((0.0,) * LINEAR + c[LINEAR:] for c in (descan.y, descan.x)))
    return tuple(float(np.hypot(*part.shift(scan_shape)).max()) for part in (linear, bent))


def _descan_words(found, scan_shape):
    if found.fit is None:
        return "none", found.statement
    largest, (_, bent) = found.fit.largest, parts(found.fit.descan, scan_shape)
    short = f"{largest:.2g} px"
    tail = f", its quadratic part {bent:.2g} px" if bent else ""
    return short, f"Descan is taken out: the disc moved by up to {largest:.2f} px{tail}."


def _ellipse_words(found):
    if found.fit is None:
        return "round", found.statement
    fit = found.fit
    return (
        f"{fit.ellipse.ratio:.3f} : 1",
        f"The disc is made round: its axes were as {fit.ellipse.ratio:.4f} ± {fit.ratio_error:.1g} "
        f"to 1, the long one at {fit.ellipse.angle_deg:.0f}° from x.",
    )
