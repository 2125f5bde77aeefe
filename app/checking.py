"""The health report of a session's scan, as it comes from the file, and what is cheap of it."""

from dataclasses import dataclass, replace

from app.finding import onto_whole_detector
from app.request import Reading
from app.sums import is_dense


@dataclass(frozen=True, eq=False)
class Checked:
    """A report and what it is of."""

    reading: Reading
    report: object
    """`recon.health.HealthReport`"""
    electrons: int | None
    scan_shape: tuple[int, int]
    flyback: str
    """"none", "dropped" or "kept"."""


@dataclass(frozen=True)
class Faults:
    """How many detector pixels are at fault."""

    reading: Reading
    hot: int
    dead: int


def check(context) -> Checked:
    """Check the scan of an `app.aside.Context`, before anything is done to its electrons."""
    from recon.health import health

    engine, prepared = context.engine, context.prepared
    scan, calibration = prepared.scan, _of_the_whole(prepared)
    report = engine.store.get(
        ("health", scan.key[1], calibration),
        lambda tell: health(scan.whole, calibration, tell),
        context.meter,
    )
    whole = scan.whole
    return Checked(
        prepared.request.reading,
        report,
        None if is_dense(whole) else whole.electrons,
        whole.scan_shape,
        whole.source.flyback,
    )


def _of_the_whole(prepared):
    """The calibration on the whole detector and scan; None while there is none."""
    calibration, request = prepared.found.calibration, prepared.request
    if calibration is None:
        return None
    centre, radius = onto_whole_detector(
        request.region, request.treatment, calibration.centre, calibration.radius
    )
    return replace(
        calibration,
        centre=centre,
        radius=radius,
        scan_sampling=request.geometry.scan_sampling,
    )


def faults(engine, reading: Reading, progress=None) -> Faults:
    """What the sum of all frames tells of the detector's pixels."""
    hot, dead = engine.faults(reading, progress)
    return Faults(reading, int(hot.sum()), int(dead.sum()))
