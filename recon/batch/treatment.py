"""What is done to the electrons of a scan before anything is summed, step by step.

    faults left out ── patterns put straight (`recon.batch.distortions`) ── rows put straight
        ── electrons thinned ── region cut ── detector refined

Descan is one over the whole scan, and an ellipse's centre is one on the whole detector: they come
before any cut. The mean pattern stays where it is, so that a disc entered by hand is right still.

Each step gives a scan like the one it took, so that every sum after it sees the same electrons.
"""

from dataclasses import dataclass

from recon.batch.region import cut
from recon.batch.settings import Region, Treatment
from recon.scan.kinds import ScanData, electrons
from recon.treatment.dose import thin_events
from recon.treatment.either import needs_electrons
from recon.treatment.mask import without
from recon.treatment.rows import ScanDistortion, regrid
from recon.treatment.subpixel import refine_detector


@dataclass(frozen=True)
class Step:
    """What one step has done to the electrons."""

    control: str
    """The setting that asks for it, by its name in `livestem`'s page."""
    short: str
    """What was found, in a few words."""
    sentence: str


def without_faults(scan: ScanData, hot, dead) -> tuple[ScanData, Step]:
    """The scan without its hot and dead pixels, (Ky, Kx) bool masks."""
    found = _kinds(hot, dead, ", ") or "none found"
    return without(scan, hot | dead), Step("mask_faulty", found, _left_out(hot, dead))


def sheared_back(scan: ScanData, shear: float, progress=None) -> tuple[ScanData, Step]:
    """The scan with each row moved back by so many steps more than the one above.

    Raises
    ------
    ValueError
        If it consists of frames, or no column is left.
    """
    check_rows(scan)
    moved = regrid(scan, ScanDistortion(shear=shear), progress)
    lost = scan.scan_shape[1] - moved.scan_shape[1]
    tail = f"; {lost} columns at its sides are not covered by all of them" if lost else ""
    said = f"Each row of the scan is moved back by {shear:g} steps more than the one above{tail}."
    return moved, Step("shear", f"−{lost} columns" if lost else "", said)


def in_use(
    scan: ScanData, region: Region, treatment: Treatment, progress=None
) -> tuple[ScanData, tuple[Step, ...]]:
    """The part in use of a scan without its faults and distortions: thinned, cut, refined.

    Raises
    ------
    ValueError
        If a step cannot be done with this scan, or nothing is left.
    """
    steps = ()
    if treatment.dose_share < 1:
        needs_electrons(scan, "thinned to a lower dose", ", or set the dose back to 100 %")
        scan = thin_events(scan, treatment.dose_share, treatment.draw, progress)
    if region != Region():
        scan = cut(scan, region, progress)
    if treatment.refine > 1:
        check_places(scan)
        scan = refine_detector(scan, treatment.refine)
        said = (
            f"Places within the pixels are used: {treatment.refine} × {treatment.refine} pixels "
            "are made of one. The disc's centre and radius are in those."
        )
        steps = (Step("subpixel", f"1/{treatment.refine} px", said),)
    return scan, steps


def check_rows(scan: ScanData) -> None:
    """Refuse frames, whose rows cannot be put straight.

    Raises
    ------
    ValueError
    """
    if electrons(scan) is None:
        raise ValueError(
            "Straight rows need single electrons, which dense frames do not hold: count them first "
            "(`livestem count`)."
        )


def check_places(scan: ScanData) -> None:
    """Refuse a scan that does not say where in its pixel an electron was.

    Raises
    ------
    ValueError
    """
    needs_electrons(scan, "placed within their pixels")
    if scan.subpixel is None:
        raise ValueError(
            "This file does not say where in its pixel an electron was: set “Sub-pixel” under "
            "Corrections to “off” (on the command line --subpixel 1)."
        )


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


def _left_out(hot, dead) -> str:
    kinds = _kinds(hot, dead, " and ")
    if not kinds:
        return "No faulty detector pixels found."
    plural = "s are" if hot.sum() + dead.sum() > 1 else " is"
    return f"{kinds} detector pixel{plural} left out of every sum."


def _kinds(hot, dead, between) -> str:
    """How many of each kind there are, of those that there are."""
    kinds = (hot, "hot"), (dead, "dead")
    return between.join(f"{int(mask.sum())} {kind}" for mask, kind in kinds if mask.any())
