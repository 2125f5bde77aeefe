"""Descan and the disc's ellipticity, measured once for a scan and taken out where it is wanted.

Both are measured in the whole scan: a part of it, or fewer of its electrons, are put straight by
what all of them tell.
"""

from app.engine.store import Report
from recon.batch.distortions import (
    Measured,
    measured_descan,
    measured_ellipse,
    moved_back,
    rim,
    without_distortions,
)
from recon.batch.settings import Treatment
from recon.batch.treatment import Step
from recon.errors import DiscNotFound
from recon.scan.kinds import ScanData
from recon.sums import pacbed


def descan_of(engine, whole, disc=None, progress: Report | None = None) -> Measured:
    """How the disc moves over a whole scan, an `app.engine.engine.Scan`.

    `disc` is its centre and radius where they were entered.

    Raises
    ------
    ValueError
        If there is no disc, or the scan is too small.
    """

    def measure(report):
        return measured_descan(whole.events, disc or _disc(engine, whole), report)

    return engine.store.get(("descan", whole.key, disc), measure, progress)


def ellipse_of(
    engine, whole, descan: Measured | None = None, disc=None, progress: Report | None = None
) -> Measured:
    """How elliptical the disc of a whole scan is, once its `descan` is taken out.

    Raises
    ------
    ValueError
        If there is no disc.
    """

    def measure(report):
        pattern = engine.pacbed(whole)
        rim = disc or _disc(engine, whole)
        if descan is not None and descan.fit is not None:
            pattern = pacbed(moved_back(whole.events, descan, report))
        return measured_ellipse(pattern, rim)

    known = descan and descan.fit and descan.fit.descan
    return engine.store.get(("ellipse", whole.key, known, disc), measure, progress)


def straightened(
    engine, whole, treatment: Treatment, progress: Report
) -> tuple[ScanData, list[Step]]:
    """A whole scan put straight as a treatment says, and what was done.

    Raises
    ------
    ValueError
        If there is no disc to measure by, or frames would have to be stretched.
    """
    descan, ellipse, disc = None, None, treatment.disc
    if treatment.descan:
        descan = descan_of(engine, whole, disc, progress)
    if treatment.round_disc:
        ellipse = ellipse_of(engine, whole, descan, disc, progress)
    return without_distortions(whole.events, descan, ellipse, progress)


def _disc(engine, whole):
    """Centre (y, x) and radius [px] of what `recon.batch.distortions.rim` finds."""
    try:
        return rim(whole.events, engine.pacbed(whole), lambda: engine.fitted_disc(whole))
    except DiscNotFound as error:
        raise ValueError(f"Descan and the disc's shape are measured by its rim. {error}") from error
