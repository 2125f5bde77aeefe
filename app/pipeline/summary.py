"""What a newly opened scan's file says, taken over into the session's state."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from app.engine.engine import Found, Scan
from app.engine.geometry import onto_whole_detector
from app.pipeline.results import Pacbed, ScanSummary
from app.state import question
from app.state.experiment import Experiment
from app.state.scan import ScanState
from recon.sums.either import electrons, stated

FILE, LINK, ENTERED = "file", "link", "entered"
FIT, ESTIMATED, UNKNOWN = "fit", "estimated from the COM", "unknown"

ORIENTATION = ("rotation_deg", "transpose")
DISC = ("centre_y", "centre_x", "radius")


def from_metadata(metadata: Mapping[str, Any]) -> dict[str, float | bool]:
    """`ScanState`'s calibration values as far as a file's metadata has them, in its units."""
    known: dict[str, Any] = {}
    if (energy := metadata.get("energy")) is not None:
        known["energy_kev"] = energy / 1e3
    if (angle := metadata.get("semiangle_cutoff")) is not None:
        known["semiangle_mrad"] = angle
    if (sampling := metadata.get("scan_sampling")) is not None:
        known["scan_step_y"], known["scan_step_x"] = sampling
    if (centre := metadata.get("centre")) is not None:
        known["centre_y"], known["centre_x"] = centre
    if (radius := metadata.get("radius")) is not None:
        known["radius"] = radius
    if (rotation := metadata.get("rotation_deg")) is not None:
        # Any turn is the same as one within half a turn, which the control can show.
        rotation = float(rotation)
        known["rotation_deg"] = rotation if abs(rotation) <= 180 else (rotation + 180) % 360 - 180
        known["transpose"] = bool(metadata.get("transpose", False))
    return {
        name: value if name == "transpose" else float(value)
        for name, value in known.items()
        if name == "transpose" or _usable(name, value)
    }


def fill(scan: ScanState, metadata: Mapping[str, Any], sources: Mapping[str, str]) -> dict:
    """Fill `scan` for a newly opened file; return where each calibration value comes from.

    Values of a link stay, then those of the file count; what was entered by hand for the scan
    before stays where the file says nothing, and what the file before said does not. Where the
    orientation is unknown it is to be found from the centre of mass.
    """
    known = from_metadata(metadata)
    pinned = set(scan.pinned)
    if pinned.intersection(ORIENTATION):
        pinned.update(ORIENTATION)
    values, found = {}, {}
    for name in scan.CALIBRATION:
        if name in pinned:
            found[name] = sources.get(name, LINK)
        elif name in known:
            values[name], found[name] = known[name], FILE
        elif sources.get(name, UNKNOWN) not in (FILE, FIT, ESTIMATED, UNKNOWN):
            found[name] = sources[name]  # entered, of a link, of a lattice
        else:
            values[name], found[name] = scan.param[name].default, UNKNOWN
    if "auto_orientation" not in pinned:
        values["auto_orientation"] = found["rotation_deg"] == UNKNOWN
    scan.param.update(**values)
    scan.pinned, scan.settled = frozenset(), True
    return found


def found_again(fit_disc: bool, auto_orientation: bool) -> tuple[str, ...]:
    """Calibration values that are found in the scan rather than set."""
    return (DISC if fit_disc else ()) + (ORIENTATION if auto_orientation else ())


def pins(scan: ScanState) -> frozenset[str]:
    """What a scan's file must not overwrite when `scan` was restored from an earlier moment."""
    found = found_again(scan.fit_disc, scan.auto_orientation)
    return frozenset({*scan.CALIBRATION, "auto_orientation"}.difference(found))


NAMES = {
    "energy_kev": ("beam energy", "keV"),
    "semiangle_mrad": ("semi-angle", "mrad"),
    "scan_step_y": ("scan step along y", "Å"),
    "scan_step_x": ("scan step along x", "Å"),
    "rotation_deg": ("scan rotation", "°"),
}
"""What may contradict the file, in words, and its unit."""

AGREEMENT = 0.01
"""Of a value, by which it may differ from the file's without a word."""

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


def contradictions(geometry, metadata: Mapping[str, Any]) -> list[str]:
    """One sentence for each value in use that is not what the file says."""
    known, energy = from_metadata(metadata), geometry.energy
    used = {
        "energy_kev": None if energy is None else energy / 1e3,
        "semiangle_mrad": geometry.semiangle_cutoff,
        "scan_step_y": geometry.scan_sampling[0],
        "scan_step_x": geometry.scan_sampling[1],
        "rotation_deg": None if geometry.auto_orientation else geometry.rotation_deg,
    }
    sentences = []
    for name, (words, unit) in NAMES.items():
        mine, theirs = used[name], known.get(name)
        # Half a degree is less than a rotation is ever known to.
        allowed = 0.5 if name == "rotation_deg" else AGREEMENT * abs(theirs or 0)
        if None not in (mine, theirs) and abs(mine - theirs) > allowed:
            sentences.append(
                f"The {words} is {mine:.5g} {unit}, but the file says {theirs:.5g} {unit}."
            )
    return sentences


def forget_region(experiment: Experiment) -> None:
    """Show all of another scan, as it is.

    Margins, zoom, picked frequencies and what was done to its electrons were those of the last.
    """
    for state, names in (
        (experiment.scan, [name for name in experiment.scan.param if name.startswith("crop_")]),
        (experiment.detector, [n for n in experiment.detector.param if n.startswith("detector_")]),
    ):
        state.param.update(**dict.fromkeys(names, 0))
    treatment = experiment.treatment
    names = [name for name in treatment.param if name != "name"]
    treatment.param.update(**{name: treatment.param[name].default for name in names})
    experiment.display.param.update(frequencies=[], view=None)


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


def react(experiment: Experiment, events) -> None:
    """Change what follows from the user's changes: Param `events` of one of the state's parts.

    A rotation entered by hand ends the search for it; another scan has questions of its own. When
    only the method of DPC changes, the usual regularisation of the new one takes the place of that
    of the old one.
    """
    changed = {event.name: event.old for event in events}
    state, dpc = events[0].obj, experiment.dpc
    if state is experiment.scan:
        if set(changed).intersection(ORIENTATION) and "auto_orientation" not in changed:
            state.auto_orientation = False
        elif set(changed) == {"dataset"}:
            question.forget(state)
    elif state is dpc and set(changed) == {"method"}:
        usual = dpc.USUAL[changed["method"]]
        if all(getattr(dpc, name) == value for name, value in usual.items()):
            dpc.param.update(**dpc.USUAL[dpc.method])


def settled_sources(sources: Mapping[str, str], found: Found) -> dict[str, str]:
    """`sources` with what was fitted or estimated."""
    result = dict(sources)
    if found.fitted:
        result.update(dict.fromkeys(DISC, FIT))
    if found.oriented:
        result.update(dict.fromkeys(ORIENTATION, ESTIMATED))
    return result


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
        found=stated(whole),
        notes=(
            *whole.source.notes,
            *contradictions(request.geometry, whole.metadata),
            *filter(None, [found.calibration and found.calibration.undersampled]),
        ),
        origins=origins(whole.metadata),
        corrections={step.control: step.short for step in scan.steps},
        corrected=tuple(step.sentence for step in scan.steps),
        places=getattr(whole, "subpixel", None) is not None,
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


def advice(found: Found) -> str | None:
    """One sentence on what has to be entered before there is a phase; None when all is known."""
    if not found.missing:
        return None
    *first, last = [f"the {name}" for name in _joined(found.missing)]
    wanted = f"{', '.join(first)} and {last}" if first else last
    ask = f"Enter {wanted} to see the phase."
    return f"{found.disc_statement} {ask}" if found.centre is None else ask


def _joined(missing):
    """`missing` with both scan steps as one."""
    steps = [name for name in missing if name.startswith("scan step")]
    if len(steps) < 2:
        return list(missing)
    result = [name for name in missing if name not in steps]
    result.insert(missing.index(steps[0]), "scan step")
    return result


def _usable(name, value) -> bool:
    bounds = ScanState.param[name].bounds
    try:
        value = float(value)
    except (TypeError, ValueError):
        return False
    return isfinite(value) and bounds[0] <= value <= bounds[1]
