"""What is done to the electrons of a scan before anything is summed, step by step."""

import numpy as np

from recon.scan.kinds import ScanData, is_dense
from recon.treatment.mask import without
from recon.treatment.subpixel import factor_for, refine_detector


def without_faults(events: ScanData, pattern, hot, dead):
    """The scan and its PACBED without hot and dead pixels, and what was left out, in sentences."""
    events = without(events, hot | dead)
    return events, np.where(hot | dead, 0, pattern), [left_out(hot, dead)]


def left_in(hot, dead) -> str:
    """What is to be said of faulty pixels that take part, and how they are left out; or nothing."""
    found = counted_faults(hot.sum(), dead.sum())
    if not found:
        return ""
    return f"The detector has {found} in every sum: --mask-hot leaves such pixels out."


def counted_faults(hot: int, dead: int) -> str:
    """Such as "3 hot and 40 dead pixels"; empty if there are none."""
    kinds = [f"{int(n)} {kind}" for n, kind in ((hot, "hot"), (dead, "dead")) if n]
    return f"{' and '.join(kinds)} pixel{'s' if hot + dead > 1 else ''}" if kinds else ""


def left_out(hot, dead) -> str:
    """How many pixels two masks leave out, in a sentence."""
    kinds = kinds_of_fault(hot, dead, " and ")
    if not kinds:
        return "No detector pixel is faulty: none is left out."
    plural = "s are" if hot.sum() + dead.sum() > 1 else " is"
    return f"{kinds} detector pixel{plural} left out of every sum."


def kinds_of_fault(hot, dead, between) -> str:
    """How many of each kind there are, of those that there are."""
    kinds = (hot, "hot"), (dead, "dead")
    return between.join(f"{int(mask.sum())} {kind}" for mask, kind in kinds if mask.any())


def finer(events: ScanData, disc: dict, factor: int | str, pixels_across: int):
    """The scan on a finer detector where that is wanted, the disc there, and sentences.

    Parameters
    ----------
    disc : dict
        `centre` and `radius` on the scan's own detector [px], and more that stays.
    factor : int or "auto"
        Pixels made of one along each axis; "auto" makes as many as are worth it.
    pixels_across : int
        Binned pixels that are wanted over the disc.

    Raises
    ------
    ValueError
        If finer places are asked for that the source does not tell.
    """
    if factor == "auto":
        factor = 1 if is_dense(events) else factor_for(events, disc["radius"], pixels_across)
    if factor == 1:
        return events, disc, []
    needs_electrons(events, "placed within their pixels")
    centre = tuple((c + 0.5) * factor - 0.5 for c in disc["centre"])
    said = f"{refined(factor)} The disc's centre and radius are in those."
    moved = disc | {"centre": centre, "radius": disc["radius"] * factor}
    return refine_detector(events, factor), moved, [said]


def refined(factor: int) -> str:
    """What became of the detector's pixels, in a sentence."""
    return f"Places within the pixels are used: {factor} × {factor} pixels are made of one."


def needs_electrons(events: ScanData, what: str, otherwise: str = "") -> None:
    """Refuse frames, which have no electrons one by one that could be `what`, in a sentence.

    Raises
    ------
    ValueError
    """
    if is_dense(events):
        raise ValueError(
            f"The frames hold no electrons one by one that could be {what}: count them first "
            f"(`livestem count`){otherwise}."
        )
