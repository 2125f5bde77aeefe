"""What is done to the electrons of a scan before anything is summed.

    reading ── faults left out ── electrons thinned ── region cut ── detector refined

Each step gives a scan like the one it took, so that every sum after it sees the same electrons.
"""

from app.region import cut
from app.request import Reading, Region, Treatment
from app.store import Report
from app.sums import ScanData, is_dense


def treated(
    engine, reading: Reading, region: Region, treatment: Treatment, progress: Report
) -> tuple[ScanData, tuple[str, ...]]:
    """The scan in use, and what was done to it, in sentences.

    Raises
    ------
    ValueError
        If a step cannot be done with this scan, or nothing is left.
    """
    events, said = engine.events(reading), []
    if treatment.mask_faulty:
        from recon.masking import without

        hot, dead = engine.faults(reading, progress)
        events = without(events, hot | dead)
        said.append(_left_out(int(hot.sum()), int(dead.sum())))
    if treatment.dose_share < 1:
        from recon.dose import thin_events

        _counted(events, "thinned to a lower dose")
        events = thin_events(events, treatment.dose_share, treatment.draw, progress)
    if region != Region():
        events = cut(events, region, progress)
    if treatment.refine > 1:
        from recon.subpixel import refine_detector

        _counted(events, "placed within their pixels")
        events = refine_detector(events, treatment.refine)
    return events, tuple(said)


def _counted(events, what: str) -> None:
    if is_dense(events):
        raise ValueError(
            f"The frames hold no electrons one by one that could be {what}: count them first "
            "(`livestem count`)."
        )


def _left_out(hot: int, dead: int) -> str:
    if not hot + dead:
        return "No detector pixel is faulty: none is left out."
    return f"{hot} hot and {dead} dead detector pixels are left out of every sum."
