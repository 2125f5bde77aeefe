"""What is done to the electrons of a scan before anything is summed.

    reading ── faults left out ── patterns put straight ── rows put straight
            ── electrons thinned ── region cut ── detector refined

Descan is one over the whole scan, and an ellipse's centre is one on the whole detector: they come
before any cut. The mean pattern stays where it is, so that a disc entered by hand is right still.

Each step gives a scan like the one it took, so that every sum after it sees the same electrons.
"""

from dataclasses import dataclass, replace

from app.engine.distortions import straightened
from app.engine.region import cut
from app.engine.store import Report
from app.state.request import Reading, Region, Treatment
from recon.batch.treatment import kinds_of_fault, left_out, needs_electrons, refined
from recon.scan.kinds import ScanData


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
        needs_electrons(recorded, "placed within their pixels")
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

        needs_electrons(events, "thinned to a lower dose", ", or set the dose back to 100 %")
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
            Step(
                "mask_faulty", kinds_of_fault(hot, dead, ", ") or "none found", left_out(hot, dead)
            )
        )
    if treatment.descan or treatment.round_disc:
        whole = Treatment(mask_faulty=treatment.mask_faulty)
        whole = engine.scan(reading, Region(), whole, progress)
        events, told = straightened(engine, whole, treatment, progress)
        done += [Step(*each) for each in told]
    if treatment.shear:
        from recon.treatment.rows import ScanDistortion, regrid

        needs_electrons(events, "moved to where its row really lies")
        events = regrid(events, ScanDistortion(treatment.shear), progress)
        done.append(_sheared(treatment.shear, engine.events(reading), events))
    return events, done


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
