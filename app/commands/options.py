"""Values typed on a command line, made into numbers; and what is refused, in one sentence."""

import json
from math import isfinite
from typing import Annotated

import typer

LARGEST = 1e30
"""Numbers beyond it do not fit the single precision that images are computed in."""
LARGEST_ABERRATION = 1e11
"""[Å]; ten metres."""
LARGEST_DETECTOR = 1e6
"""Pixels along a side, as in `recon.calibration`."""
DEVICES = ("auto", "cpu", "gpu")
"""As in `recon.device.backend`, which is not imported for that: `--help` answers at once."""


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number.") from None
    if not isfinite(value) or abs(value) > LARGEST:
        raise typer.BadParameter(f"{text!r} is not a finite number, or too large.")
    return value


def positive(text: str) -> float:
    """A number above zero."""
    value = number(text)
    if value <= 0:
        raise typer.BadParameter(f"must be positive, not {text}.")
    return value


def non_negative(text: str) -> float:
    """Zero or a number above it."""
    value = number(text)
    if value < 0:
        raise typer.BadParameter(f"must be zero or more, not {text}.")
    return value


def positive_between(least: float, most: float, unit: str):
    """A parser of numbers in a range that no instrument leaves: outside, a unit was mistaken."""

    def parse(text: str) -> float:
        value = positive(text)
        if not least <= value <= most:
            raise typer.BadParameter(f"must be {least:g} to {most:g} {unit}, not {text}.")
        return value

    return parse


energy_kev = positive_between(0.01, 3000, "keV")
semiangle_mrad = positive_between(0.001, 500, "mrad")


disc_radius = positive_between(0.01, LARGEST_DETECTOR, "pixels")


def disc_centre(text: str) -> tuple[float, float]:
    """A place (y, x) on a detector, or not far from it."""
    values = pair(text)
    if max(map(abs, values)) > LARGEST_DETECTOR:
        raise typer.BadParameter(f"{text} lies beyond {LARGEST_DETECTOR:g} pixels.")
    return values


def share(text: str) -> float:
    """A number above 0 and up to 1."""
    value = positive(text)
    if value > 1:
        raise typer.BadParameter(f"must be at most 1, not {text}.")
    return value


def whole(lowest: int, highest: int | None = None):
    """A parser of whole numbers in a range."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a whole number.") from None
        if value < lowest or (highest is not None and value > highest):
            limits = f"at least {lowest}" if highest is None else f"{lowest} to {highest}"
            raise typer.BadParameter(f"must be {limits}, not {value}.")
        return value

    return parse


def pair(text: str) -> tuple[float, float]:
    """Numbers (y, x), from `y,x`, or from one number for both."""
    values = [number(part) for part in _parts(text)]
    return (values[0], values[-1])


def positive_pair(text: str) -> tuple[float, float]:
    """Numbers (y, x) above zero, from `y,x`, or from one number for both."""
    values = pair(text)
    if min(values) <= 0:
        raise typer.BadParameter(f"must be positive, not {text}.")
    return values


def size(text: str) -> tuple[int, int]:
    """Whole numbers (y, x) above zero, from `y,x`, or from one number for both."""
    try:
        values = [int(part) for part in _parts(text)]
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a size: give rows,columns (such as 512,256) or one whole number."
        ) from None
    if min(values) < 1:
        raise typer.BadParameter(f"must be at least 1 along each axis, not {text}.")
    return (values[0], values[-1])


def rotation(text: str) -> float | str:
    """An angle, or the word `auto`."""
    return "auto" if text.strip().lower() == "auto" else number(text)


def descan(text: str):
    """`auto`, `none`, or ten coefficients of a descan: five along y, five along x."""
    name = text.strip().lower()
    if name in ("auto", "none"):
        return name
    values = [number(part) for part in text.split(",")]
    if len(values) != 10:
        raise typer.BadParameter(
            f"{text!r} is neither auto, none nor ten numbers: pixels along y for (y, x, y², xy, x²)"
            ", then along x."
        )
    return tuple(values)


def ellipse(text: str):
    """`auto`, `none`, or the ratio of the axes and the long one's direction [°]."""
    name = text.strip().lower()
    if name in ("auto", "none"):
        return name
    values = [number(part) for part in _parts(text)]
    if len(values) != 2 or not 1 <= values[0] <= 4:
        raise typer.BadParameter(
            f"{text!r} is neither auto, none nor RATIO,DEGREES with a ratio from 1 to 4."
        )
    return tuple(values)


def subpixel(text: str) -> int | str:
    """How much finer a detector is made: 1, 2, 4, 8, 16 or `auto`."""
    name = text.strip().lower()
    if name not in ("auto", "1", "2", "4", "8", "16"):
        raise typer.BadParameter(f"{text!r} is none of auto, 1, 2, 4, 8, 16.")
    return name if name == "auto" else int(name)


def tilt(text: str) -> tuple[float, float]:
    """Tilt (y, x) [mrad] from `Y,X`."""
    if not isinstance(text, str):
        return text
    parts = text.split(",")
    try:
        values = tuple(float(part) for part in parts)
    except ValueError:
        values = ()
    if len(values) != 2 or not all(abs(value) < float("inf") for value in values):
        raise typer.BadParameter(f"{text!r} is not Y,X in mrad, such as 4,-2.5.")
    return values


def specimen(thickness_nm, tilt_mrad, focal_spread_nm, film_mrad=None, fitted: bool = False):
    """A `recon.specimen.Specimen` of what was typed; None where nothing was.

    Raises
    ------
    ValueError
        If one is larger than makes sense, or there is a tilt of a specimen without thickness.
    """
    if {thickness_nm, tilt_mrad, focal_spread_nm, film_mrad} == {None}:
        return None
    if any(tilt_mrad or ()) and not thickness_nm and not fitted:
        raise ValueError(
            "A tilt changes nothing of a thin specimen: give its thickness with --thickness-nm, "
            "have it found with --fit-specimen, or leave --tilt-mrad out."
        )
    from recon.specimen import Specimen

    thickness, spread = (10 * (length or 0.0) for length in (thickness_nm, focal_spread_nm))
    return Specimen(thickness, tilt_mrad or (0.0, 0.0), spread, film_mrad or (0.0, 0.0))


def automatic(text: str) -> str:
    """The word `auto`."""
    if text.strip().lower() != "auto":
        raise typer.BadParameter(
            f"{text!r} is not auto, which fits them; single values are --aberration C10=80."
        )
    return "auto"


def device(text: str) -> str:
    """Where to compute: `auto`, `cpu` or `gpu`."""
    name = text.strip().lower()
    if name not in DEVICES:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(DEVICES)}.")
    return name


def aberrations(entries: list[str] | None) -> dict[str, float]:
    """Coefficients [Å] from entries such as `C10=80`.

    Raises
    ------
    ValueError
        If a name is no coefficient to 5th order, comes twice, or has no number.
    """
    from recon.optics import COEFFICIENTS

    values = {}
    for entry in entries or []:
        name, _, text = (part.strip() for part in entry.partition("="))
        if name not in COEFFICIENTS:
            raise ValueError(
                f"{name!r} is no aberration coefficient; the names are {', '.join(COEFFICIENTS)}."
            )
        if name in values:
            raise ValueError(f"The aberration {name} is given twice.")
        try:
            values[name] = float(text)
        except ValueError:
            raise ValueError(
                f"The aberration {entry!r} has no number: write {name}=80 for 80 Å."
            ) from None
        if not abs(values[name]) <= LARGEST_ABERRATION:
            raise ValueError(
                f"The aberration {name} must be a finite length of at most "
                f"{LARGEST_ABERRATION:g} Å, not {text} Å."
            )
    return values


def told(entries: list[str] | None) -> dict:
    """Values by name from entries such as `dwell_time=1e-6`."""
    values = {}
    for entry in entries or []:
        name, mark, text = (part.strip() for part in entry.partition("="))
        if not mark or not name.isidentifier() or not text:
            raise ValueError(f"The option {entry!r} is not of the form NAME=VALUE.")
        if name in ("path", "progress", "scan_shape", "keep_flyback"):
            raise ValueError(f"{name} is no option of a format.")
        if name in values:
            raise ValueError(f"The option {name} is given twice.")
        values[name] = _value(name, text)
    return values


def _value(name, text):
    if name.endswith("_shape"):
        return size(text)
    try:
        value = json.loads(text)
    except ValueError:
        return text
    # A name is text, even of an array that is called 5.
    return value if isinstance(value, int | float | bool) and name != "dataset" else text


def _parts(text: str) -> list[str]:
    parts = text.replace("x", ",").replace("×", ",").split(",")
    if len(parts) > 2:
        raise typer.BadParameter(f"{text!r} has {len(parts)} numbers: give y,x or one for both.")
    return parts


ScanShape = Annotated[
    str | None,
    typer.Option(
        parser=size,
        metavar="Y,X",
        help="Scan positions, where the file or the stream does not say them.",
        show_default=False,
    ),
]

Told = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="What else the file's format needs to be told, such as `dataset=/path` of an HDF5 "
        "file with several arrays or `trigger=tdc1 rising`; repeatable.",
    ),
]

DwellTime = Annotated[
    float | None,
    typer.Option(
        metavar="µs",
        parser=positive,
        help="Time at each position [µs], for recordings that know no positions.",
    ),
]


def patience(panel: str | None = None):
    """After how long a scan that a camera sends was stopped; `panel` is its place in the help."""
    return typer.Option(
        metavar="S",
        parser=positive,
        help="Time without news after which a scan was stopped [s]. [default: 10]",
        show_default=False,
        rich_help_panel=panel,
    )


def reading(entries: list[str] | None, dwell_time_us: float | None) -> dict:
    """`told`, and the dwell time [s] under the name that readers take."""
    values = told(entries)
    if dwell_time_us is None:
        return values
    if "dwell_time" in values:
        raise ValueError("The dwell time is given twice: --dwell-time-us and --option dwell_time.")
    return values | {"dwell_time": dwell_time_us * 1e-6}
