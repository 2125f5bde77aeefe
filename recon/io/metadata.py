"""What a file may say of the experiment, checked entry by entry.

Names and units are `recon.calibration.Calibration`'s; beyond them aberrations by name [Å], dose
[e/Å²], dwell time [s], camera length [m], the microscope's scan rotation [degrees] (that of the
detector comes on top), seed, and a description. An entry that is unknown or makes no sense is left
out: it is no reason to refuse a scan.
"""

from math import isfinite

import numpy as np

from recon.optics import COEFFICIENTS

LONGEST_TEXT = 10_000
"""Characters of a description that are kept."""


def _number(value):
    value = float(np.asarray(value).item())
    if not isfinite(value):
        raise ValueError("not finite")
    return value


def _positive(value):
    value = _number(value)
    if value <= 0:
        raise ValueError("not positive")
    return value


def _between(least, most):
    """Numbers in a range that no instrument leaves: beyond it a unit was mistaken, or a default."""

    def checked(value):
        value = _number(value)
        if not least <= value <= most:
            raise ValueError("out of range")
        return value

    return checked


def _pair(of):
    def checked(value):
        first, second = np.asarray(value).tolist()
        return of(first), of(second)

    return checked


def _flag(value):
    value = np.asarray(value).item()
    if value not in (0, 1):
        raise ValueError("neither true nor false")
    return bool(value)


def _whole(value):
    number = _number(value)
    if number != int(number) or not -(2**63) <= number < 2**63:
        raise ValueError("not a whole number of 64 bits")
    return int(np.asarray(value).item())


def _text(value):
    if isinstance(value, bytes):
        value = value.decode()
    if not isinstance(value, str):
        raise ValueError("not text")
    return str(value).replace("\0", "").strip()[:LONGEST_TEXT]


def _aberrations(value):
    return {str(name): _number(size) for name, size in value.items() if name in COEFFICIENTS}


ENTRIES = {
    "energy": _between(10, 3e6),
    "semiangle_cutoff": _between(1e-3, 500),
    "scan_sampling": _pair(_between(1e-4, 1e7)),
    "rotation_deg": _number,
    "transpose": _flag,
    "centre": _pair(_number),
    "radius": _positive,
    "aberrations": _aberrations,
    "dose": _positive,
    "dwell_time": _positive,
    "camera_length": _positive,
    "scan_rotation_deg": _number,
    "seed": _whole,
    "description": _text,
}
"""What turns each known entry into a plain Python value, or raises."""


def known_metadata(entries) -> dict:
    """Plain Python values of the entries that are known and make sense."""
    known = {}
    for name, plain in ENTRIES.items():
        try:
            if entries.get(name) is not None:
                known[name] = plain(entries[name])
        except (ValueError, TypeError, AttributeError, OverflowError):
            continue
    return known
