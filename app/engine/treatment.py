"""What is done to the electrons of a scan before anything is summed.

    reading ── faults left out ── patterns put straight ── rows put straight
            ── electrons thinned ── region cut ── detector refined

Descan is one over the whole scan, and an ellipse's centre is one on the whole detector: they come
before any cut. The mean pattern stays where it is, so that a disc entered by hand is right still.

Each step gives a scan like the one it took, so that every sum after it sees the same electrons.
"""

from dataclasses import dataclass, replace

import numpy as np

from app.engine.distortions import straightened
from app.engine.region import cut
from app.engine.store import Report
from app.state.request import Reading, Region, Treatment
from recon.scan.kinds import ScanData, is_dense


@dataclass(frozen=True)
class Step:
    """What one step has done to the electrons."""

    control: str
    """The parameter of `app.state.treatment.TreatmentState` that asks for it."""
    short: str
    """What was found, in a few words to stand beside the control."""
    sentence: str


def treated(
    engine, reading: Reading, region: Region, treatment: Treatment, progress: Report
) -> tuple[ScanData, tuple[Step, ...]]:
    """The scan in use, and what was done to it.

    Raises
    ------
    ValueError
        If a step cannot be done with this scan, or nothing is left.
    """
    if treatment.refine > 1:
        recorded = engine.events(reading)
        _counted(recorded, "placed within their pixels")
        _placed(recorded)
    lasting = replace(treatment.at_full_dose(), refine=1)
    if lasting == treatment and region == Region():
        events, done = _as_a_whole(engine, reading, treatment, progress)
    else:
        # Once for every dose and every part of the scan.
        whole = engine.scan(reading, Region(), lasting, progress)
        events, done = whole.events, list(whole.steps)
    if treatment.dose_share < 1:
        from recon.treatment.dose import thin_events

        _counted(events, "thinned to a lower dose", ", or set the dose back to 100 %")
        events = thin_events(events, treatment.dose_share, treatment.draw, progress)
    if region != Region():
        events = cut(events, region, progress)
    if treatment.refine > 1:
        from recon.treatment.subpixel import refine_detector

        events = refine_detector(events, treatment.refine)
        done.append(Step("subpixel", f"1/{treatment.refine} px", refined(treatment.refine)))
    return events, tuple(done)


def _as_a_whole(engine, reading, treatment, progress) -> tuple[ScanData, list[Step]]:
    """The whole scan without its faults and distortions."""
    events, done = engine.events(reading), []
    if treatment.mask_faulty:
        from recon.treatment.mask import without

        hot, dead = engine.faults(reading, progress)
        events = without(events, hot | dead)
        done.append(
            Step("mask_faulty", _kinds(hot, dead, ", ") or "none found", left_out(hot, dead))
        )
    if treatment.descan or treatment.round_disc:
        whole = Treatment(mask_faulty=treatment.mask_faulty)
        whole = engine.scan(reading, Region(), whole, progress)
        events, told = straightened(engine, whole, treatment, progress)
        done += [Step(*each) for each in told]
    if treatment.shear:
        from recon.treatment.rows import ScanDistortion, regrid

        _counted(events, "moved to where its row really lies")
        events = regrid(events, ScanDistortion(treatment.shear), progress)
        done.append(_sheared(treatment.shear, engine.events(reading), events))
    return events, done


def without_faults(events: ScanData, pattern, hot, dead):
    """The scan and its PACBED without hot and dead pixels, and what was left out, in sentences."""
    from recon.treatment.mask import without

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
    from recon.treatment.subpixel import factor_for, refine_detector

    if factor == "auto":
        factor = 1 if is_dense(events) else factor_for(events, disc["radius"], pixels_across)
    if factor == 1:
        return events, disc, []
    _counted(events, "placed within their pixels")
    centre = tuple((c + 0.5) * factor - 0.5 for c in disc["centre"])
    said = f"{refined(factor)} The disc's centre and radius are in those."
    moved = disc | {"centre": centre, "radius": disc["radius"] * factor}
    return refine_detector(events, factor), moved, [said]


def _counted(events, what: str, otherwise: str = "") -> None:
    if is_dense(events):
        raise ValueError(
            f"The frames hold no electrons one by one that could be {what}: count them first "
            f"(`livestem count`){otherwise}."
        )


def _sheared(shear, before, after) -> Step:
    lost = before.scan_shape[1] - after.scan_shape[1]
    tail = f"; {lost} columns at its sides are not covered by all of them" if lost else ""
    return Step(
        "shear",
        f"−{lost} columns" if lost else "",
        f"Each row of the scan is moved back by {shear:g} steps more than the one above{tail}.",
    )


def _placed(events) -> None:
    if events.subpixel is None:
        raise ValueError(
            "This file does not say where in its pixel an electron was: set “Sub-pixel” under "
            "Corrections to “off”."
        )


def left_out(hot, dead) -> str:
    """How many pixels two masks leave out, in a sentence."""
    kinds = _kinds(hot, dead, " and ")
    if not kinds:
        return "No faulty detector pixels found."
    plural = "s are" if hot.sum() + dead.sum() > 1 else " is"
    return f"{kinds} detector pixel{plural} left out of every sum."


def _kinds(hot, dead, between) -> str:
    """How many of each kind there are, of those that there are."""
    kinds = (hot, "hot"), (dead, "dead")
    return between.join(f"{int(mask.sum())} {kind}" for mask, kind in kinds if mask.any())


def refined(factor: int) -> str:
    """What became of the detector's pixels, in a sentence."""
    return f"Places within the pixels are used: {factor} × {factor} pixels are made of one."
