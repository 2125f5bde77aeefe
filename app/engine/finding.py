"""Disc and orientation by the steps of `recon.batch.geometry`, what the data show remembered."""

from app.engine.store import Report
from recon.batch.geometry import Found, settle_disc, settle_orientation
from recon.batch.settings import Geometry
from recon.calibration import Calibration
from recon.orientation.by_curl import estimate_orientation, find_orientation
from recon.orientation.eight_ways import beside_curl


def find(engine, scan, geometry: Geometry, progress: Report | None = None) -> Found:
    """Settle disc, orientation and calibration of an `app.engine.engine.Scan`.

    Raises
    ------
    ValueError
        If a value makes no sense. What cannot be found, or is missing, is told in the result.
    """
    found = settle_disc(
        lambda: engine.fitted_disc(scan, progress),
        geometry,
        scan.region,
        scan.treatment,
        scan.whole.metadata,
    )
    disc = found.centre, found.radius
    return settle_orientation(
        found,
        geometry,
        scan.region,
        lambda sampling: _by_curl(engine, scan, sampling, disc, progress),
        lambda calibration, *said: _beside_curl(engine, scan, calibration, said, progress),
    )


def _beside_curl(engine, scan, calibration: Calibration, said, progress):
    def compute(device, report):
        return beside_curl(engine.events_on(scan, device, report), calibration, *said, report)

    # What the curl has said depends on nothing else.
    return engine.placed.get(("orientations", scan.key, calibration), compute, progress)


def _by_curl(engine, scan, sampling, disc, progress):
    def compute(device, report):
        if None in disc:
            return estimate_orientation(engine.com(scan), sampling)
        return find_orientation(engine.events_on(scan, device, report), sampling, *disc)

    return engine.placed.get(("orientation", scan.key, sampling, disc), compute, progress)
