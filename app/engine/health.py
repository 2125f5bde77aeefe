"""The health report of a session's scan, as it comes from the file, and what is cheap of it."""

from dataclasses import dataclass, replace

import numpy as np

from app.engine.distortions import descan_of, ellipse_of
from app.state.request import Reading, Region, Treatment
from recon.batch.distortions import Measured
from recon.batch.geometry import onto_whole_detector
from recon.batch.treatment import counted_faults
from recon.quality.health import Finding
from recon.scan.kinds import electrons

LEAST_DESCAN = 0.1
"""Movement of the disc [px] that is worth a look."""

LEAST_ELLIPSE = 0.005
"""Excess of the long axis over the short one that is worth a look."""


@dataclass(frozen=True, eq=False)
class Checked:
    """A report and what it is of."""

    reading: Reading
    findings: tuple[Finding, ...]
    pattern: np.ndarray
    """(Ky, Kx) sum of the frames."""
    totals: np.ndarray
    """(Sy, Sx) what each frame holds."""
    electrons: int | None
    flyback: str
    """"none", "dropped" or "kept"."""
    descan: Measured | None = None
    """By the rim of the disc; None where there is no disc."""
    ellipse: Measured | None = None

    @property
    def number(self) -> int:
        """How many things there are to look at."""
        return sum(finding.verdict != "ok" for finding in self.findings)


@dataclass(frozen=True)
class Faults:
    """How many detector pixels are at fault."""

    reading: Reading
    hot: int
    dead: int

    @property
    def words(self) -> str:
        """Such as "3 hot and 40 dead pixels"; empty if there are none."""
        return counted_faults(self.hot, self.dead)


def check(context) -> Checked:
    """Check the scan of a job's `Context`, before anything is done to its electrons."""
    from recon.quality.health import health

    engine, prepared = context.engine, context.prepared
    scan, calibration = prepared.scan, _of_the_whole(prepared)
    whole, reading = scan.whole, prepared.request.reading
    report = engine.store.get(
        ("health", scan.key[1], calibration),
        lambda tell: health(whole, calibration, tell),
        context.meter.begin("Checking the scan"),
    )
    # Faults are left out for these, as they would be by what is then offered.
    faulty = bool(report.hot.any() or report.dead.any())
    known = engine.scan(reading, Region(), Treatment(mask_faulty=faulty), context.meter)
    descan, ellipse = _by_the_rim(engine, known, context.meter)
    findings = [_judged(f, descan) if f.name == "descan" else f for f in report.findings]
    if ellipse is not None:
        at = [f.name for f in findings].index("descan") + 1
        findings.insert(at, _shape(ellipse))
    return Checked(
        reading,
        tuple(findings),
        report.pattern,
        report.totals,
        electrons(whole),
        whole.source.flyback,
        descan,
        ellipse,
    )


def _by_the_rim(engine, whole, meter):
    """Descan and ellipse as the disc's rim shows them; None where it does not."""
    try:
        descan = descan_of(engine, whole, progress=meter.begin("Looking for descan"))
    except ValueError:  # no disc, or a small scan: the other findings stand
        descan = None
    try:
        tell = meter.begin("Looking at the disc")
        return descan, ellipse_of(engine, whole, descan, progress=tell)
    except ValueError:
        return descan, None


def _judged(finding, descan):
    """The finding on descan, which looks at the centre of mass, by what the rim says."""
    if descan is None:
        return finding
    largest = descan.fit.largest if descan.fit else 0.0
    values = {"largest movement of the disc": (largest, "px")}
    if descan.fit is None:
        pulled = finding.verdict != "ok"
        meaning = "The rim of the disc stays where it is."
        if pulled:
            meaning += " What moves the centre of mass is the specimen."
        return replace(finding, values=values, verdict="ok", meaning=meaning, advice="")
    worth = largest > LEAST_DESCAN
    return replace(
        finding,
        values=values,
        verdict="look" if worth else "ok",
        meaning=f"The rim of the disc moves by up to {largest:.2f} px over the scan.",
        advice="Descan, or a field as long as the scan: phases of long waves carry a ramp. It can "
        "be removed here; set it right at the microscope."
        if worth
        else "",
    )


def _shape(ellipse) -> Finding:
    fit = ellipse.fit
    if fit is None:
        return Finding("disc", {}, "ok", ellipse.statement)
    worth = fit.ellipse.ratio - 1 > LEAST_ELLIPSE
    return Finding(
        "disc",
        {
            "long over short axis": (fit.ellipse.ratio, ""),
            "long axis, from x clockwise": (fit.ellipse.angle_deg, "°"),
        },
        "look" if worth else "ok",
        f"The disc is an ellipse: its axes are as {fit.ellipse.ratio:.4f} ± {fit.ratio_error:.1g} "
        "to 1.",
        "The camera's projection, or an aperture that is not round. If it is the projection, make "
        "the disc round."
        if worth
        else "",
    )


def _of_the_whole(prepared):
    """The calibration on the whole detector and scan; None while there is none."""
    calibration, request = prepared.found.calibration, prepared.request
    if calibration is None:
        return None
    centre, radius = onto_whole_detector(
        request.region, prepared.scan.treatment, calibration.centre, calibration.radius
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
