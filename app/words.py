"""Words that all parts of the page share."""

import logging
import os
from math import floor, isfinite, log10

import numpy as np

from recon.device.backend import DeviceError


def labels(frequencies, scan_shape, sampling) -> tuple[str, ...]:
    """The period of each object frequency in words."""
    extent = np.array(scan_shape) * np.array(sampling)
    q = np.linalg.norm(np.asarray(frequencies).reshape(-1, 2) / extent, axis=1)
    return tuple(length(1 / value) if value else "DC" for value in q)


LENGTHS = {"Å": 1.0, "nm": 10.0, "µm": 1e4, "mm": 1e7, "m": 1e10}
"""Units of length, in Å."""

READABLE = 0.1, 1000.0
"""A length stays in its unit from the first to below the second."""

EXACT = 5
"""Significant digits of a value without an error."""


def measured(value: float, error: float | None = None, unit: str = "") -> tuple[str, str]:
    """A value, its standard error if there is one, and the unit that it reads best in.

    The error has two significant digits and the value as many decimals. A length changes its unit
    where the larger of the two would be less than 0.1 or 1000 and more: 1 010 000 ± 270 000 nm is
    ("1.01 ± 0.27", "mm"), 0.012 µm is ("12", "nm"). Other units stay.
    """
    known = error is not None and isfinite(error)
    factor, unit = _best_unit(max(abs(value), error if known else 0.0), unit)
    value = value * factor
    if not known or error <= 0:
        text = plain(value, EXACT)
    else:
        error = float(f"{error * factor:.1e}")
        places = 1 - floor(log10(error))
        text = f"{_fixed(value, places)} ± {_fixed(error, places)}"
    return text, unit


def spoken(value: float, error: float | None = None, unit: str = "") -> str:
    """The same in one piece: "1.01 ± 0.27 mm"."""
    text, unit = measured(value, error, unit)
    return f"{text}{'' if unit in ('', '°') else ' '}{unit}"


def plain(value: float, digits: int) -> str:
    """A number to so many significant digits, without zeros at its end and without exponent."""
    if not value or not isfinite(value):
        return _minus(f"{value + 0.0:g}")
    text = _fixed(value, digits - 1 - floor(log10(abs(value))))
    return text.rstrip("0").rstrip(".") if "." in text else text


def _best_unit(size: float, unit: str) -> tuple[float, str]:
    """What a length of this size is multiplied with for its best unit, and that unit."""
    low, high = READABLE
    if unit not in LENGTHS or not isfinite(size) or size == 0 or low <= size < high:
        return 1.0, unit
    angstrom = size * LENGTHS[unit]
    fitting = [name for name, scale in LENGTHS.items() if angstrom >= scale] or ["Å"]
    return LENGTHS[unit] / LENGTHS[fitting[-1]], fitting[-1]


def unit_to(reach: float, unit: str, most: float = 5000.0) -> tuple[str, float]:
    """The unit in which a slider reaches to `most` at most, and how many of `unit` it is."""
    known = list(LENGTHS)
    for name in known[known.index(unit) :]:
        per = float(f"{LENGTHS[name] / LENGTHS[unit]:.12g}")
        if reach <= most * per:
            break
    return name, per


def _fixed(value: float, places: int) -> str:
    """To so many decimals; rounded to tens, hundreds … where `places` is negative."""
    return _minus(f"{round(value, places) + 0.0:.{max(0, places)}f}")


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def length(angstrom: float) -> str:
    """A length in three digits, in Å, nm or µm."""
    for unit, scale in (("µm", 1e4), ("nm", 10.0)):
        if angstrom >= 10 * scale:
            return f"{angstrom / scale:.3g} {unit}"
    return f"{angstrom:.3g} Å"


def clip(text, longest: int = 60) -> str:
    """A text that others gave, cut off where it is too long to be shown."""
    text = str(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def sentence(error: BaseException) -> str:
    """An error in one sentence for the user; what nobody expected goes to the log too."""
    if isinstance(error, MemoryError):
        return "There is not enough memory for this: crop or bin the scan, or take fewer pixels."
    if isinstance(error, ValueError | DeviceError) and str(error):
        return str(error)
    if isinstance(error, OSError):
        name = os.path.basename(str(error.filename or ""))
        why = error.strerror or str(error).rstrip(".")
        return f"{why}{f': {name}' if name else ''}."
    logging.getLogger(__name__).error("Unexpected failure", exc_info=error)
    return f"This failed unexpectedly ({type(error).__name__}: {error}); the log has the details."
