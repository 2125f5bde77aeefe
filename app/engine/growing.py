"""A scan that is being made, as one more kind of scan for the stages of the engine."""

from dataclasses import replace

from app.engine.scan import NOTHING, Scan
from app.engine.treatment import treated
from app.state.request import Reading, Region, Treatment
from recon.batch.geometry import Found
from recon.batch.region import rows_in_use
from recon.live.growth import Growth
from recon.ssb.tables import find_tables


def quiet(fraction: float) -> None:
    """Nobody is told, and nothing is stopped."""


def growing(
    engine, growth: Growth, reading: Reading, region: Region, treatment: Treatment, progress
) -> Scan:
    """The rows that have come, in use as it is asked for; those that have not are empty frames.

    A scan that is used as it comes is followed row by row. Of any other, what is made is made
    anew at each look.
    """
    rows = growth.scan.rows.scanned.copy()
    events = growth.scan.events()
    key = "region", ("growing", reading, id(growth), int(rows.sum())), region, treatment
    if (region, treatment) == (Region(), NOTHING):
        return Scan(key, events, events, region, growth=growth, rows=rows)
    used, steps = treated(engine, reading, region, treatment, progress)
    return Scan(key, used, events, region, treatment, steps, rows=rows_in_use(rows, region))


def grown_g(engine, scan: Scan, calibration, pixels: int, full: bool):
    """G of the rows that have come; None while no electron of the disc has."""
    growth = scan.growth
    shape, device = growth.scan.rows.scan_shape, growth.device

    def tables(disc, across):
        # Those of the scan before, where nothing else has changed.
        key = "live tables", shape, disc.lookup.shape, calibration, across, full
        return engine.store.get(
            (*key, device.name), lambda report: find_tables(calibration, disc, shape, full, device)
        )

    return growth.sidebands(calibration, pixels, full, tables)


def coarser(scan: Scan, calibration, pixels: int, full: bool) -> str:
    """A sentence where fewer pixels are counted than asked for; else empty."""
    across = scan.growth and scan.growth.coarser(calibration, pixels, full)
    if not across:
        return ""
    return (
        f"Rows come faster than {pixels} pixels across the disc can be counted here: while the "
        f"scan grows it is {across}. All {pixels} follow when it is complete."
    )


def provisional(found: Found, geometry) -> Found:
    """`found` with a word on the rotation that is not looked for before the scan is complete."""
    if not geometry.auto_orientation:
        return found
    said = "While the scan grows the rotation is taken as 0°: it is found when all rows are there."
    return replace(found, orientation_statement=said)
