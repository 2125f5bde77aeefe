"""The numbers of a report, each with its standard error and where it came from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import hypot
from typing import Any

from app.words import length, measured, plain

Said = Mapping[str, Any]
"""The `parameters` of a reconstruction."""


@dataclass(frozen=True)
class Number:
    """A value in words: as many digits as its error has, and the unit that it reads best in."""

    name: str
    value: str
    unit: str = ""
    source: str = ""


def scan(said: Said) -> Iterator[Number]:
    """What was scanned, and with how much of a dose."""
    calibration, (rows, columns) = said["calibration"], said["scan_shape"]
    step_y, step_x = calibration["scan_sampling"]
    origin = said["sources"].get("scan_sampling", "")
    yield Number("Positions", f"{rows} × {columns}")
    steps = {plain(step, 5) for step in (step_y, step_x)}
    step = plain(step_y, 5) if len(steps) == 1 else f"{plain(step_y, 5)} × {plain(step_x, 5)}"
    yield Number("Step", step, "Å", origin)
    field = (f"{length(n * s)}" for n, s in ((rows, step_y), (columns, step_x)))
    yield Number("Field", " × ".join(field))
    yield Number("Frame", "{} × {}".format(*said["frame_shape"]), "px")
    if said["electrons"] is not None:
        yield Number("Electrons", f"{said['electrons']:,}".replace(",", "\u202f"))
        dose = said["electrons"] / (rows * columns * step_y * step_x)
        yield Number("Dose", plain(dose, 3), "e/Å²")


def probe(said: Said) -> Iterator[Number]:
    """Beam, disc and orientation."""
    calibration, sources, fit = said["calibration"], said["sources"], said["fit"] or {}
    yield Number("Energy", plain(calibration["energy"] / 1e3, 5), "keV", sources.get("energy", ""))
    error = fit.get("semiangle", {}).get("semiangle_error")
    angle = measured(calibration["semiangle_cutoff"], error, "mrad")
    yield Number("Semi-angle", *angle, sources.get("semiangle_cutoff", ""))
    error = said["orientation"].get("rotation_error") or fit.get("rotation_error")
    turn = measured(calibration["rotation_deg"], error, "°")
    yield Number("Rotation", *turn, sources.get("rotation_deg", ""))
    swapped = "exchanged" if calibration["transpose"] else "as they are"
    yield Number("Detector’s axes", swapped, "", sources.get("transpose", ""))
    (y, x), radius = calibration["centre"], calibration["radius"]
    yield Number("Disc’s centre", f"{plain(y, 5)}, {plain(x, 5)}", "px", sources.get("centre", ""))
    yield Number("Disc’s radius", plain(radius, 5), "px", sources.get("radius", ""))


def aberrations(said: Said) -> Iterator[Number]:
    """Coefficients that are not zero or were fitted; the defocus as a microscopist has it."""
    errors, sources = (said["fit"] or {}).get("errors") or {}, said["sources"]
    for name, value in said["aberrations"].items():
        if name != "C10" and not value and name not in errors:
            continue
        shown, value = ("Defocus", -value) if name == "C10" else (name, value)
        number = measured(value + 0.0, errors.get(name), "Å")
        yield Number(shown, *number, sources.get(name, ""))


def specimen(said: Said) -> Iterator[Number]:
    """Thickness, tilt and focal spread; nothing of a thin specimen."""
    thickness, tilt = said["specimen"]["thickness"], said["specimen"]["tilt"]
    spread, origin = said["specimen"]["focal_spread"], said["sources"].get("specimen", "")
    errors = ((said["fit"] or {}).get("specimen") or {}).get("errors") or {}
    if thickness:
        error = errors.get("thickness")
        in_nm = thickness / 10, None if error is None else error / 10
        yield Number("Thickness", *measured(*in_nm, "nm"), origin)
        for axis, value in zip("yx", tilt, strict=True):
            error = errors.get(f"tilt_{axis}")
            yield Number(f"Tilt {axis}", *measured(value, error, "mrad"), origin)
    slopes, fitted = said["specimen"].get("film", (0, 0)), said.get("film") or {}
    if any(slopes):
        for axis, value in zip("yx", slopes, strict=True):
            error = fitted.get("errors", {}).get(f"film_{axis}")
            yield Number(f"Slope of C10 along {axis}", *measured(value, error, "mrad"), origin)
    if spread:
        yield Number("Focal spread", *measured(spread / 10, None, "nm"), origin)


def quality(said: Said) -> Iterator[Number]:
    """How far the image can be believed."""
    fit, calibration = said["fit"] or {}, said["calibration"]
    if fit.get("flatness_after") is not None:
        yield Number("Tiles flat", plain(100 * fit["flatness_after"], 2), "%")
    if fit.get("misfit") is not None:
        yield Number("Misfit of the tiles", plain(fit["misfit"], 3))
    for name, value in (said.get("resolution") or {}).items():
        if isinstance(value, int | float):
            yield Number(f"Resolution ({name})", plain(value, 3), "Å")
    over = said["undersampling"]["step_over_nyquist"]
    yield Number("Step over Nyquist’s", plain(over, 3))
    pixels = 2 * calibration["radius"] / said["bright_field_bin"]
    yield Number("Disc’s diameter, binned", plain(pixels, 3), "px")


def settings(said: Said) -> Iterator[Number]:
    """How it was computed."""
    dpc, annulus, treatment = said["dpc"], said["annulus"], said["treatment"]
    yield Number("Mode", said["mode"])
    yield Number("Sidebands", said["sideband"])
    yield Number("Band limit", plain(said["band_limit"], 3), "of 2 k0")
    yield Number("Pixels across the disc", str(said["bright_field_pixels"]))
    yield Number("DPC", dpc["method"])
    yield Number("DPC high-pass", plain(dpc["highpass"], 4), "(cycles/step)²")
    yield Number("DPC low-pass", plain(dpc["lowpass"], 4), "(steps/cycle)²")
    if dpc["method"] == "iterative":
        yield Number("DPC iterations", f"{dpc['iterations']} of length {plain(dpc['step'], 3)}")
    ring = f"{plain(annulus['inner'], 3)} to {plain(annulus['outer'], 3)}"
    yield Number("Annulus", ring, "radii")
    if treatment["dose_share"] < 1:
        kept = f"{plain(100 * treatment['dose_share'], 4)} % (draw {treatment['draw']})"
        yield Number("Share of the electrons", kept)
    for where, unit in (("scan", "positions"), ("detector", "px")):
        if any(said["region"][where]):
            edges = ", ".join(map(str, said["region"][where]))
            yield Number(f"Left out of the {where} (top, bottom, left, right)", edges, unit)
    if said["region"]["scan_bin"] > 1:
        yield Number("Scan binned", str(said["region"]["scan_bin"]), "steps")


def headline(said: Said) -> Iterator[Number]:
    """What is asked first: how the probe was, and what the image can show."""
    by_name = {n.name: n for part in (scan, probe, aberrations, specimen) for n in part(said)}
    for name in ("Field", "Dose", "Energy", "Semi-angle", "Defocus"):
        if name in by_name:
            yield by_name[name]
    a, b = (said["aberrations"][f"C12{part}"] for part in "ab")
    if size := hypot(a, b):
        errors = (said["fit"] or {}).get("errors") or {}
        known = [errors.get(f"C12{part}") for part in "ab"]
        error = None if None in known else hypot(a * known[0], b * known[1]) / size
        yield Number("Astigmatism", *measured(size, error, "Å"))
    for name in ("Thickness", "Rotation"):
        if name in by_name:
            yield by_name[name]
    yield from list(quality(said))[:-2]


def doubts(said: Said) -> list[str]:
    """Sentences on what may be wrong."""
    fit = said["fit"] or {}
    found = [
        *said["file"]["notes"],
        *said["contradictions"],
        said["undersampling"]["statement"],
        said["faulty_pixels"]["statement"],
        *fit.get("remarks", ()),
    ]
    if fit and not fit.get("errors"):
        found.append(fit["statement"])
    if fit.get("undetermined"):
        names = ", ".join("defocus" if n == "C10" else n for n in fit["undetermined"])
        found.append(f"Not determined by this scan, left as set: {names}.")
    return [sentence for sentence in dict.fromkeys(found) if sentence]
