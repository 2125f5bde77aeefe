"""What a newly opened scan's file says, taken over into the session's state."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from app.engine.engine import Scan
from app.pipeline.results import Pacbed, ScanSummary
from app.state.origin import DISC, ESTIMATED, FILE, FIT, ORIENTATION, UNKNOWN
from app.state.scan import ScanState
from recon.batch.contradictions import contradictions
from recon.batch.geometry import Found, onto_whole_detector
from recon.batch.sources import DEFAULT, ESTIMATE, PAGE
from recon.io import statement
from recon.optics import Aberrations
from recon.scan.kinds import electrons, tells_places

WHERE = {
    "energy": ("energy_kev",),
    "semiangle_cutoff": ("semiangle_mrad",),
    "scan_sampling": ("scan_step_y", "scan_step_x"),
    "rotation_deg": ("rotation_deg",),
    "transpose": ("transpose",),
    "centre": ("centre_y", "centre_x"),
    "radius": ("radius",),
}


WORDS = {
    "energy": "beam energy",
    "semiangle_cutoff": "semi-angle",
    "scan_sampling": "scan step",
    "rotation_deg": "rotation",
}

UNDER_WAY = "A scan of {} × {} positions on a detector of {} × {} pixels, under way."


def origins(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Where in a file or beside it each calibration value stands, by `ScanState`'s names."""
    said = metadata.get("origins") or {}
    return {name: said[key] for key, names in WHERE.items() if key in said for name in names}


def besides(metadata: Mapping[str, Any]) -> list[str]:
    """Where a file says what it says, and what it says that no field shows."""
    said = metadata.get("origins") or {}
    lines = []
    places = [f"{words} ({said[name]})" for name, words in WORDS.items() if name in said]
    if places:
        lines.append(f"The file gives: {', '.join(places)}.")
    for name, words, scale, unit in (
        ("camera_length", "Camera length", 1.0, "m"),
        ("dwell_time", "Dwell time", 1e6, "µs"),
        ("scan_rotation_deg", "The microscope's scan rotation", 1.0, "°"),
    ):
        if (value := metadata.get(name)) is not None:
            where = f" ({said[name]})" if name in said else ""
            lines.append(f"{words}: {scale * value:.4g} {unit}{where}.")
    return lines


def take_over(scan: ScanState, request, found: Found) -> None:
    """Show in `scan` the disc and the orientation that were found, where they were asked for."""
    values = {}
    if scan.fit_disc and found.fitted:
        where = request.region, request.treatment
        (y, x), radius = onto_whole_detector(*where, found.centre, found.radius)
        values = {"centre_y": round(y, 3), "centre_x": round(x, 3), "radius": round(radius, 3)}
    if scan.auto_orientation and found.oriented:
        values["rotation_deg"] = round(found.rotation_deg, 2)
        values["transpose"] = found.transpose
    scan.param.update(**values)


def settled_sources(sources: Mapping[str, str], found: Found) -> dict[str, str]:
    """`sources` with what was fitted or estimated."""
    result = dict(sources)
    if found.fitted:
        result.update(dict.fromkeys(DISC, FIT))
    if found.oriented:
        result.update(dict.fromkeys(ORIENTATION, ESTIMATED))
    return result


def calibration_sources(sources: Mapping[str, str], found: Found) -> dict[str, str]:
    """The same by the names of `recon.calibration.Calibration`, in the words of a file."""
    settled, words = settled_sources(sources, found), {FIT: ESTIMATE, UNKNOWN: DEFAULT}
    result = {}
    for name, shown in WHERE.items():
        told = dict.fromkeys(settled.get(each, UNKNOWN) for each in shown)
        result[name] = " and ".join(words.get(each, each) for each in told)
    if settled.get("radius", UNKNOWN) == UNKNOWN:
        # Neither entered nor fitted: see `recon.batch.geometry.settle_disc`.
        result |= {"centre": FILE, "radius": FILE}
    return result


def aberration_sources(aberrations: Aberrations, metadata: Mapping[str, Any]) -> dict[str, str]:
    """Where the coefficients come from that are not zero, or that the file says."""
    known, values = metadata.get("aberrations") or {}, asdict(aberrations)
    return {
        name: FILE if known.get(name) == value else PAGE
        for name, value in values.items()
        if value or name in known
    }


def summary(title: str, request, scan: Scan, found: Found, sources) -> ScanSummary:
    """What the page says of the scan."""
    events, whole = scan.events, scan.whole
    sampling = sampling_of(request)
    dose = None
    if sampling is not None and electrons(events) is not None:
        dose = events.electrons / (events.positions * sampling[0] * sampling[1])
    return ScanSummary(
        dataset=request.reading.dataset,
        title=title,
        format=whole.source.format,
        scan_shape=events.scan_shape,
        full_scan_shape=whole.scan_shape,
        frame_shape=events.frame_shape,
        electrons=electrons(events),
        flyback=whole.source.flyback,
        frames_per_position=whole.source.frames_per_position,
        dose=dose,
        dose_share=request.treatment.dose_share,
        sources=settled_sources(sources, found),
        metadata=whole.metadata,
        missing=found.missing,
        statements=tuple(
            s
            for s in (
                found.disc_statement,
                found.orientation_statement,
                *besides(whole.metadata),
            )
            if s
        ),
        found=UNDER_WAY.format(*whole.scan_shape, *whole.frame_shape)
        if scan.growing
        else statement(whole),
        notes=(
            *(() if scan.growing else whole.source.notes),
            *contradictions(request.geometry, whole.metadata),
            *filter(None, [found.calibration and found.calibration.undersampled]),
        ),
        origins=origins(whole.metadata),
        corrections={step.control: step.short for step in scan.steps},
        corrected=tuple(step.sentence for step in scan.steps),
        places=tells_places(whole),
        growing=scan.growing,
    )


def pacbed(array, found: Found) -> Pacbed:
    """The pattern with what was found in it."""
    return Pacbed(
        array=array,
        centre=found.centre,
        radius=found.radius,
        fitted=found.fitted,
        statement=found.disc_statement,
        calibration=found.calibration,
    )


def sampling_of(request) -> tuple[float, float] | None:
    """(y, x) distance of the positions in use [Å]; None where it is unknown."""
    steps = request.geometry.scan_sampling
    if None in steps:
        return None
    return steps[0] * request.region.scan_bin, steps[1] * request.region.scan_bin
