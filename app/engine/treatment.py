"""What is done to the electrons of a scan, each step of `recon.batch.treatment` remembered."""

from dataclasses import replace

from app.engine.distortions import straightened
from app.engine.store import Report
from app.state.request import Reading, Region, Request, Treatment
from recon.batch.geometry import useful_refinement
from recon.batch.settings import AUTO
from recon.batch.treatment import Step, check_places, in_use, sheared_back, without_faults
from recon.scan.kinds import ScanData, tells_places


def settled(engine, request: Request, progress: Report | None = None) -> Treatment:
    """The treatment of a request, with as many finer pixels as "auto" stands for.

    Raises
    ------
    ValueError
        If the scan cannot be read, or not be put straight.
    """
    if request.treatment.refine != AUTO:
        return request.treatment
    if engine.live.growing(request.reading.dataset) is not None:
        return replace(request.treatment, refine=1)  # as it comes, and finer when it is there
    if not tells_places(engine.events(request.reading, progress)):
        return replace(request.treatment, refine=1)
    whole = replace(request.treatment.at_full_dose(), refine=1)
    scan = engine.scan(request.reading, Region(), whole, progress)
    known = request.geometry, scan.whole.metadata, request.bright_field_pixels

    def find(report):
        return useful_refinement(scan.events, lambda: engine.fitted_disc(scan, report), *known)

    disc = request.geometry.fit_disc, request.geometry.radius, request.bright_field_pixels
    factor = engine.store.get(("finer", scan.key, *disc), find, progress)
    return replace(request.treatment, refine=factor)


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
        check_places(engine.events(reading))
    lasting = replace(treatment.at_full_dose(), refine=1)
    if lasting == treatment and region == Region():
        return _as_a_whole(engine, reading, treatment, progress)
    # Once for every dose and every part of the scan.
    whole = engine.scan(reading, Region(), lasting, progress)
    events, steps = in_use(whole.events, region, treatment, progress)
    return events, (*whole.steps, *steps)


def _as_a_whole(engine, reading, treatment, progress) -> tuple[ScanData, tuple[Step, ...]]:
    """The whole scan without its faults and distortions."""
    events, done = engine.events(reading), []
    if treatment.mask_faulty:
        events, step = without_faults(events, *engine.faults(reading, progress))
        done.append(step)
    if treatment.descan or treatment.round_disc:
        whole = Treatment(mask_faulty=treatment.mask_faulty)
        whole = engine.scan(reading, Region(), whole, progress)
        events, steps = straightened(engine, whole, treatment, progress)
        done += steps
    if treatment.shear:
        events, step = sheared_back(events, treatment.shear, progress)
        done.append(step)
    return events, tuple(done)
