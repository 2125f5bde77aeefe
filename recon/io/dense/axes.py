"""Which axes of an array are the scan's and which the detector's, from all that a file says.

A library's default is no statement: a scale without a unit of length gives no step, and the order
in which axes are stored decides only where neither their units nor their names do.
"""

import re
import unicodedata
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from recon.errors import ScanUnknown

LENGTHS = {
    **dict.fromkeys(("å", "a", "ang", "angstrom", "angstroms", "ångström"), 1.0),
    **dict.fromkeys(("pm", "picometer", "picometre"), 1e-2),
    **dict.fromkeys(("nm", "nanometer", "nanometre", "nanometers", "nanometres"), 10.0),
    **dict.fromkeys(("μm", "um", "micron", "microns", "micrometer", "micrometre"), 1e4),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e7),
    **dict.fromkeys(("m", "meter", "metre"), 1e10),
}
"""Units of length [Å], as `plain` writes them."""

ANGLES = {
    *("rad", "mrad", "µrad", "μrad", "urad", "deg", "degree", "degrees", "°"),
    *("radian", "radians", "milliradian", "milliradians"),
}
INVERSE = re.compile(r"1/(.+)|(.+?)(?:(?:\^|\*\*)?\(?-1\)?|⁻¹)")
"""One over a unit, in its spellings."""

OF_SCAN = re.compile(r"(scan|nav|real|r|s)?[ _-]?([xy])|scan[ _-]?(width|height)")
OF_DETECTOR = re.compile(r"(diff|detector|signal|sig|k|q|d)[ _-]?([xy])|(width|height)")
OF_PY4DSTEM = re.compile("[RQ]_?[xy]")
"""Names of axes, in lower case; py4DSTEM's are in upper case, and its x is the row."""


@dataclass(frozen=True)
class Axis:
    """What a file says of one axis: its name, the distance of two samples, and its unit."""

    name: str = ""
    scale: float = nan
    unit: str = ""

    @property
    def kind(self) -> str | None:
        """`scan` or `detector` by its unit; None where that does not tell."""
        if factor(self.unit) is not None:
            return "scan"
        return "detector" if is_angular(self.unit) else None

    @property
    def named(self) -> str | None:
        """`scan` or `detector` by its name; None where that does not tell."""
        name = self.name.strip().lower()
        if OF_SCAN.fullmatch(name):
            return "scan"
        return "detector" if OF_DETECTOR.fullmatch(name) else None

    @property
    def direction(self) -> str | None:
        """`y` for rows or `x` for columns, by its name; None where that does not tell."""
        name = self.name.strip()
        if OF_PY4DSTEM.fullmatch(name) or self.named is None:
            return None
        last = name.lower()
        return "x" if last.endswith(("x", "width")) else "y"


class Reordered:
    """An array whose axes are taken in another order: those of the scan before the detector's.

    Parameters
    ----------
    stored : array
        Sliced along any of its axes.
    order : tuple of int
        Its axes, in the order in which they are wanted.
    """

    def __init__(self, stored, order):
        self.stored, self.order, self.dtype = stored, order, stored.dtype
        self.shape = tuple(stored.shape[axis] for axis in order)

    def __getitem__(self, index):
        wanted = [slice(None)] * len(self.order)
        index = index if isinstance(index, tuple) else (index,)
        for axis, part in zip(self.order[: len(index)], index, strict=True):
            wanted[axis] = part
        return np.asarray(self.stored[tuple(wanted)]).transpose(self.order)


def plain(unit) -> str:
    """A unit in one spelling: `[n_m]` (EMD), `NM` and `nm` are the same."""
    text = unicodedata.normalize("NFKC", str(unit or ""))
    return text.strip("[] ").replace("_", "").replace(" ", "").lower()


def factor(unit) -> float | None:
    """A unit of length in Å; None if it is none."""
    return LENGTHS.get(plain(unit))


def is_angular(unit) -> bool:
    """Whether a unit is that of a diffraction pattern: an angle, or one over a length."""
    text = unicodedata.normalize("NFC", str(unit or "")).strip("[] ").lower()
    text = text.replace("_", "").replace(" ", "")
    over = INVERSE.fullmatch(text)
    return text in ANGLES or (over is not None and factor(over[1] or over[2]) is not None)


def step(y, x, unit, origin) -> dict:
    """A scan step along y and x, as an entry; none if a unit is no length, or a number no step.

    Parameters
    ----------
    y, x : number
        Distance of two positions along either axis; below zero where a file counts backwards.
    unit : str or (str, str)
        Of both, or of y and of x.
    origin : str
        Where the file says so.
    """
    units = unit if isinstance(unit, tuple) else (unit, unit)
    factors = [factor(u) for u in units]
    if None in factors:
        return {}
    try:
        values = [
            abs(float(np.asarray(v).item())) * f for v, f in zip((y, x), factors, strict=True)
        ]
    except (TypeError, ValueError):
        return {}
    if not all(isfinite(v) and v > 0 for v in values):
        return {}
    return {"scan_sampling": (tuple(values), origin)}


def told(axes, count: int) -> tuple[int, ...] | None:
    """The order in which axes are (y, x, ky, kx), or (frame, ky, kx); None where nothing tells.

    Parameters
    ----------
    axes : sequence of Axis
        One for each dimension, in the order stored.
    count : int
        Of dimensions.
    """
    for tell in ("kind", "named"):
        kinds = [getattr(axis, tell) for axis in axes]
        for this, number in (("detector", 2), ("scan", count - 2)):
            if kinds.count(this) != number:
                continue
            found = [n for n in range(count) if kinds[n] == this]
            rest = [n for n in range(count) if kinds[n] != this]
            # One stray unit is no statement, nor are two far apart; and lengths alone on the axes
            # behind may well be those of a pattern that was calibrated as an image.
            if None in kinds and (number == 1 or found[1] != found[0] + 1):
                continue
            if None in kinds and this == "scan" and found[0] != 0:
                continue
            scan, detector = (found, rest) if this == "scan" else (rest, found)
            return (*_rows_first(scan, axes), *_rows_first(detector, axes))
    return None


def scan_first(axes, shape, asked=None, either: bool = False):
    """The order in which the axes of an array are (y, x, ky, kx), or (frame, ky, kx).

    Parameters
    ----------
    axes : sequence of Axis
        One for each dimension, in the order stored; or none, if the file says nothing of them.
    shape : tuple of int
        Of the array.
    asked : (Sy, Sx), optional
        Scan positions that were asked for.
    either : bool
        Whether files of this format are known in both orders.

    Returns
    -------
    order : tuple of int
    notes : tuple of str
        A sentence if nothing tells it.

    Raises
    ------
    ScanUnknown
        If nothing tells it, and it is known in both; the shapes are those of either.
    """
    count = len(shape)
    order = told(axes, count) if len(axes) == count else None
    if order is not None:
        return order, ()
    stored, behind = tuple(range(count)), (2, 3, 0, 1)
    if count != 4:
        return stored, ()
    if shape[:2] == shape[2:]:
        doubt = "The file does not say which axes are the scan's: the first two are used."
        return stored, (doubt,) if either else ()
    if asked is not None:
        return behind if tuple(asked) == shape[2:] else stored, ()
    if either:
        raise ScanUnknown(
            "the array of {} × {} × {} × {} does not say which of its axes are the scan's: is it "
            "{} × {} or {} × {} positions? Give the scan shape as (rows, columns).".format(
                *shape, *shape
            ),
            (shape[:2], shape[2:]),
        )
    return stored, ()


def _rows_first(pair, axes):
    """Two axes with that of the rows first, if their names say so."""
    directions = [axes[n].direction for n in pair]
    return pair[::-1] if directions == ["x", "y"] else pair


def backwards(axes) -> tuple[str, ...]:
    """A sentence if an axis of a scan, y or x, runs backwards: neither is turned round."""
    names = [name for name, axis in zip("yx", axes, strict=True) if axis.scale < 0]
    if not names:
        return ()
    return (
        f"The file counts {' and '.join(names)} of the scan downwards (a negative scale): the "
        "positions are taken in the order in which they are stored.",
    )
