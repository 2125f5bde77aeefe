"""One file of electron events to all results, without a page: what `livestem reconstruct` does."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from app.engine.treatment import finer, left_in, without_faults
from app.pipeline.summary import contradictions
from app.server.config import limit_gpu, limit_threads, threads_from
from app.state.request import Geometry
from recon.batch import contrasts
from recon.batch.contrasts import Contrasts
from recon.batch.distortions import Straightening, straightened
from recon.batch.fitting import fit_to_data, orientation_record
from recon.batch.sources import COMMAND, ESTIMATE, FILE, FIT, Sources
from recon.batch.versions import versions
from recon.calibration import Calibration
from recon.device.backend import CPU, DeviceError, choose, model, on_host
from recon.dpc.integrate import HIGHPASS, ITERATIONS, LOWPASS, PADDING, STEP, integrate_com
from recon.errors import DiscNotFound
from recon.geometry.disc import fit_disc
from recon.io import open_scan, statement
from recon.io.results import write_results
from recon.optics import Aberrations
from recon.orientation.either import orientations
from recon.quality.health import faulty_pixels
from recon.scan.kinds import ScanData, electrons, is_dense
from recon.ssb.build import build_g, planned, required
from recon.ssb.phase import object_transmission, single_sideband
from recon.sums import centre_of_mass, pacbed, presets
from recon.sums.com import scan_deflection

DPC = {
    "highpass": HIGHPASS,
    "lowpass": LOWPASS,
    "step": STEP,
    "iterations": ITERATIONS,
    "padding": PADDING,
}
"""Keywords of `integrate_com` that are settled here, with their defaults."""

Report = Callable[[str, float], None]


@dataclass(frozen=True)
class Choices:
    """What is asked for; None leaves a value to the file, then to the default.

    Units as in `Calibration`: eV, mrad, Å, degrees, detector pixels.
    """

    energy: float | None = None
    semiangle_cutoff: float | None = None
    scan_sampling: tuple[float, float] | None = None
    rotation_deg: float | str | None = None
    """Degrees, or "auto" to find rotation and transpose from the data."""
    transpose: bool | None = None
    centre: tuple[float, float] | None = None
    radius: float | None = None
    aberrations: Mapping[str, float] = field(default_factory=dict)
    fit: bool = False
    """Whether the aberrations that are not given are fitted."""
    orders: int = 2
    """Highest order that is fitted, 1 to 5."""
    fit_semiangle: bool = False
    """Whether the semi-angle is fitted with them."""
    pixels_across: int = 18
    mode: str = "exact"
    sideband: str = "both"
    band_limit: float = 1.0
    """Share of 2 k0 up to which frequencies are kept."""
    dpc: Mapping[str, float] = field(default_factory=dict)
    """What differs from `DPC`."""
    device: str = "auto"
    """One of `recon.device.backend.DEVICES`."""
    contrasts: Contrasts = field(default_factory=Contrasts)
    """What is made besides."""
    mask_faulty: bool = False
    """Whether hot and dead detector pixels are left out."""
    subpixel: int | str = "auto"
    """Pixels made of one along each axis, where the source tells places in it: 1 to 16."""
    straightening: Straightening = field(default_factory=Straightening)

    def __post_init__(self):
        if (self.centre is None) != (self.radius is None):
            raise ValueError("The disc's centre and its radius go together: give both, or neither.")
        if self.rotation_deg == "auto" and self.transpose is not None:
            raise ValueError(
                "The automatic rotation finds the transpose as well: "
                "leave --transpose and --no-transpose out, or give the rotation as a number."
            )


def reconstruct_file(
    path: Path,
    output: Path,
    choices: Choices,
    *,
    reading: Mapping[str, Any] | None = None,
    report: Report = lambda task, fraction: None,
) -> dict[str, Any]:
    """Reconstruct the scan in `path` and write every result to the HDF5 file `output`.

    Parameters
    ----------
    path, output : Path
        Electron events, and the file to write; the latter appears whole or not at all.
    choices : Choices
        Calibration, aberrations and methods.
    reading : mapping, optional
        What `recon.io.open_scan` is told besides, such as `scan_shape`.
    report : callable
        Called as `report(task, fraction)` now and then.

    Returns
    -------
    dict
        The parameters written beside the results: every value used and where it came from.

    Raises
    ------
    ValueError
        In one sentence: unreadable file, missing calibration, no electrons, no disc.
    DeviceError
        If there is no GPU but it is wanted, or it fails.
    """
    name = Path(path).name
    events = open_scan(
        path, progress=lambda part: report(f"Reading {name}", part), **(reading or {})
    )
    results, parameters = reconstruct(events, choices, report=report)
    write_results(output, results, parameters, parameters["labels"])
    return parameters


def reconstruct(
    events: ScanData, choices: Choices, *, report: Report = lambda task, fraction: None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """All results of a scan by their names in the HDF5 file, and the parameters used.

    What a device that was not asked for by name cannot do is done again on the CPU; the parameters
    say so.

    Raises
    ------
    DeviceError
        If there is no GPU but it is wanted, or it fails.
    """
    if electrons(events) == 0:
        raise ValueError(
            "There are no electrons in the scan of {} × {} positions: "
            "nothing can be reconstructed.".format(*events.scan_shape)
        )
    choices.contrasts.check(events, choices.mode)
    device, failure = choose(choices.device), None
    limit_gpu(device)
    limit_threads(threads_from())
    try:
        return _reconstruct(events, choices, device, report)
    except DeviceError as error:
        if device is CPU or choices.device == "gpu":
            raise
        failure = str(error)
    results, parameters = _reconstruct(events, choices, CPU, report)
    parameters["device"]["statement"] = f"{failure} Computed on the CPU instead."
    return results, parameters


def _reconstruct(events, choices, device, report):
    """`reconstruct` on one device; the results are in the host's memory."""
    sources = Sources(events.metadata)
    geometry = _beam(sources, choices)
    report("Summing frames", 0.0)
    if not is_dense(events):
        events.check_pixels()
        events = events.to_device(device)
    pattern = on_host(pacbed(events))
    hot, dead = faulty_pixels(pattern, events.excluded)
    treatment = []
    if choices.mask_faulty:
        events, pattern, treatment = without_faults(events, pattern, hot, dead)
    given = None if choices.centre is None else (choices.centre, choices.radius)
    how = choices.straightening
    events, pattern, straight = straightened(events, pattern, how, given, report)
    disc = _disc(sources, choices, pattern)
    events, disc, told = finer(events, disc, choices.subpixel, choices.pixels_across)
    if told:
        pattern = on_host(pacbed(events))
        if sources.origin["centre"] == ESTIMATE:
            with suppress(DiscNotFound):  # as it was found before
                disc = _fitted(pattern)
    deflection = centre_of_mass(events)
    report("Summing frames", 1.0)
    frame = {**geometry, "centre": disc["centre"], "radius": disc["radius"]}
    turn, sheet = _orientation(sources, choices, events, frame, report)
    lying = {name: turn[name] for name in ("rotation_deg", "transpose")}
    calibration = Calibration(**frame, **lying)
    aberrations = _aberrations(sources, choices)

    # A fit wants the triple overlap: out of focus it holds much of what there is.
    full = choices.sideband == "full" or choices.fit
    if device is not CPU and not is_dense(events):
        events = _planned(events, calibration, choices.pixels_across, full, device)

    def build(calibration):
        return build_g(
            events,
            calibration,
            choices.pixels_across,
            device,
            full=full,
            progress=lambda part: report("Transforming", part),
        )

    fit = None
    if choices.fit:
        fit = fit_to_data(
            build,
            calibration,
            aberrations,
            choices.orders,
            locked=choices.aberrations,
            rotation_error=turn.get("rotation_error"),
            semiangle=choices.fit_semiangle,
            progress=lambda part: report("Fitting aberrations", part),
        )
        sidebands, aberrations = fit.g, fit.aberrations
        calibration = sidebands.calibration
        if fit.record.get("rotation_error") is not None:
            refined = calibration.rotation_deg, fit.record["rotation_error"]
            turn = orientation_record(sheet, refined)
        sources.origin.update(dict.fromkeys(fit.names, FIT))
        if fit.record.get("semiangle", {}).get("semiangle_error") is not None:
            sources.origin["semiangle_cutoff"] = FIT
    else:
        sidebands = build(calibration)
    report("Reconstructing", 0.0)
    how = aberrations, choices.mode, choices.sideband, choices.band_limit
    phase = on_host(single_sideband(sidebands, *how))
    transmission = on_host(object_transmission(sidebands, *how))
    report("Reconstructing", 1.0)
    field_mrad = scan_deflection(device.xp.asarray(deflection), calibration)
    dpc = {**DPC, **choices.dpc}
    integrated = integrate_com(
        field_mrad,
        calibration,
        **dpc,
        progress=lambda part: report("Integrating", part),
    )
    images = presets(events, calibration.centre, calibration.radius)
    besides, labels = contrasts.make(
        events, sidebands, calibration, aberrations, choices, device, report
    )

    results = {
        "ssb/phase": phase,
        "ssb/object": transmission,
        "dpc/phase": on_host(integrated.phase),
        "com": on_host(field_mrad),
        "pacbed": pattern,
        **{f"virtual/{name}": on_host(image) for name, image in images.items()},
        **besides,
    }
    parameters = {
        "file": asdict(events.source),
        "scan_shape": list(events.scan_shape),
        "frame_shape": list(events.frame_shape),
        "electrons": electrons(events),
        "pixels_left_out": 0 if events.excluded is None else int(events.excluded.sum()),
        "statement": statement(events),
        "treatment": [*treatment, *straight, *told],
        "faulty_pixels": {
            "hot": int(hot.sum()),
            "dead": int(dead.sum()),
            "statement": "" if choices.mask_faulty else left_in(hot, dead),
        },
        "current": sidebands.current and sidebands.current.record(),
        "undersampling": {
            "step_over_nyquist": calibration.undersampling,
            "statement": calibration.undersampled,
        },
        "contradictions": contradictions(_given(choices, calibration), events.metadata),
        "calibration": asdict(calibration),
        "disc": disc,
        "orientation": turn,
        "aberrations": asdict(aberrations),
        "fit": fit and fit.record,
        "bright_field_pixels": choices.pixels_across,
        "bright_field_bin": sidebands.bright_field.bin,
        "mode": choices.mode,
        "sideband": choices.sideband,
        "band_limit": choices.band_limit,
        "dpc": dpc,
        **labels,
        "sources": sources.origin,
        "device": {"used": device.name, "name": model(device)},
        "versions": versions(),
    }
    return results, parameters


def _given(choices, calibration) -> Geometry:
    """What was used, as far as it can contradict a file."""
    return Geometry(
        calibration.energy,
        calibration.semiangle_cutoff,
        calibration.scan_sampling,
        choices.rotation_deg == "auto",
        calibration.rotation_deg,
    )


def _planned(events, calibration, pixels_across, full, device):
    """The events, without their copy on the device where G wants its room.

    Raises
    ------
    DeviceFull
        If there is no room for G either way.
    """
    wanted = planned(events, calibration, pixels_across, full)
    return events.to_device(device, copy=bool(required(wanted, events, device).events))


def _beam(sources: Sources, choices: Choices) -> dict[str, Any]:
    """Energy, semi-angle and scan step; one sentence names all that are missing."""
    values = {
        name: sources.pick(name, getattr(choices, name))
        for name in ("energy", "semiangle_cutoff", "scan_sampling")
    }
    options = {
        "energy": "beam energy (--energy-kev)",
        "semiangle_cutoff": "convergence semi-angle (--semiangle-mrad)",
        "scan_sampling": "scan step (--scan-step-angstrom)",
    }
    missing = [text for name, text in options.items() if values[name] is None]
    if missing:
        raise ValueError(
            f"The {' and the '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: "
            "the file does not say, so give it on the command line."
        )
    return values


def _disc(sources: Sources, choices: Choices, pattern) -> dict[str, Any]:
    """Centre and radius of the bright-field disc: as given, or fitted to the mean pattern."""
    if choices.centre is not None:
        sources.origin.update(centre=COMMAND, radius=COMMAND)
        return {"centre": choices.centre, "radius": choices.radius}
    try:
        disc = _fitted(pattern)
    except DiscNotFound as missing:
        centre, radius = (sources.metadata.get(name) for name in ("centre", "radius"))
        if centre is None or radius is None:
            raise
        sources.origin.update(centre=FILE, radius=FILE)
        return {"centre": tuple(centre), "radius": radius, "statement": str(missing)}
    sources.origin.update(centre=ESTIMATE, radius=ESTIMATE)
    return disc


def _fitted(pattern) -> dict[str, Any]:
    disc = fit_disc(pattern)
    return {
        "centre": tuple(float(value) for value in disc.centre),
        "radius": float(disc.radius),
        "residual": float(disc.residual),
        "statement": disc.statement,
    }


def _orientation(sources: Sources, choices: Choices, events, frame, report):
    """Rotation and transpose: as given, as the file says, or from curl and sidebands; and these."""
    if choices.rotation_deg == "auto":
        sheet = orientations(
            events, Calibration(**frame), lambda part: report("Finding the orientation", part)
        )
        sources.origin.update(rotation_deg=ESTIMATE, transpose=ESTIMATE)
        return orientation_record(sheet), sheet
    turn = {
        "rotation_deg": float(sources.pick("rotation_deg", choices.rotation_deg, 0.0)),
        "transpose": bool(sources.pick("transpose", choices.transpose, False)),
    }
    return turn, None


def _aberrations(sources: Sources, choices: Choices) -> Aberrations:
    """Coefficients given, over those the file knows."""
    known = dict(sources.metadata.get("aberrations") or {})
    for name in {*known, *choices.aberrations}:
        sources.origin[name] = COMMAND if name in choices.aberrations else FILE
    return Aberrations(**{**known, **choices.aberrations})
