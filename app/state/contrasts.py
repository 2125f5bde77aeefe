"""What an image slot can show: one entry for each contrast, with all that is said of it.

A new contrast is an entry here and a function that makes it, which `app.pipeline.on_show` marks.
Where an entry's `result` is made already, the entry alone is enough.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter, methodcaller
from typing import Any

import numpy as np

LIVE, EXACT, REST, SCAN = "live", "exact", "rest", "scan"
"""When a contrast is made: with every redraw, so that it follows a hand; with an exact redraw; at
rest, on threads of its own; once for a scan and its settings."""

IMAGE, MADE = "Waiting for the first image.", "Computing; this takes a moment."


@dataclass(frozen=True)
class Contrast:
    """One entry of the table.

    Attributes
    ----------
    title : str
        What the user reads.
    result : str
        Name of the stage's parameter that it is drawn from.
    kind : str
        Which view draws it: "image", "field", "pattern", "power" or "curve".
    unit : str, optional
        Of its values; None where the result says its own.
    picture : callable
        `picture(result)` gives what is drawn, or None where the result does not hold it: (H, W)
        for an image, (H, W, 2) as (y, x) for a field, a `Chart` for a curve, what the view of any
        other kind takes.
    made : str
        `LIVE`, `EXACT`, `REST` or `SCAN`.
    empty : str
        What stands in the slot until there is something to draw.
    altered : bool
        Whether it looks like a phase and is none as it was measured.
    """

    title: str
    result: str
    kind: str = "image"
    unit: str | None = None
    picture: Callable[[Any], Any] = attrgetter("array")
    made: str = SCAN
    empty: str = IMAGE
    altered: bool = False


def _whole(result):
    return result


def _field(result):
    return np.moveaxis(result.array, 0, -1)


def _bright_field(result):
    # Without a disc there is only the sum of all electrons, which stands for the bright field.
    return result.images.get("bf", result.images.get("sum"))


def _virtual(title: str, picture: Callable[[Any], Any]) -> Contrast:
    return Contrast(title, "virtual", unit="e⁻", picture=picture)


def _detector(name: str) -> Callable[[Any], Any]:
    return lambda result: result.images.get(name)


CONTRASTS: dict[str, Contrast] = {
    "phase": Contrast("SSB phase", "phase", made=LIVE),
    "amplitude": Contrast("SSB amplitude", "amplitude", unit="", made=EXACT),
    "denoised": Contrast("SSB phase, denoised", "denoised", made=REST, empty=MADE, altered=True),
    "obf": Contrast("Optimum bright field", "obf", made=LIVE),
    "parallax": Contrast("Tilt-corrected bright field", "parallax", made=REST, empty=MADE),
    "dpc": Contrast("DPC phase", "dpc", unit="rad"),
    "com": Contrast("COM field", "com", "field", picture=_field),
    "curl": Contrast("COM curl", "com", unit="mrad/Å", picture=attrgetter("curl")),
    "divergence": Contrast(
        "COM divergence", "com", unit="mrad/Å", picture=attrgetter("divergence")
    ),
    "bf": _virtual("Bright field", _bright_field),
    "abf": _virtual("Annular bright field", _detector("abf")),
    "adf": _virtual("Annular dark field", _detector("adf")),
    "annulus": _virtual("Chosen annulus", _detector("annulus")),
    "pacbed": Contrast(
        "PACBED", "pacbed", "pattern", picture=_whole, empty="Waiting for the scan."
    ),
    "frames": Contrast(
        "Frames",
        "frames",
        "pattern",
        picture=_whole,
        empty="Point at a place in an image to see its frame. A click keeps it, a click with the "
        "shift key makes it a rectangle.",
    ),
    "dpc_power": Contrast(
        "DPC power spectrum", "dpc", "power", picture=_whole, empty="Waiting for the DPC phase."
    ),
    "dpc_error": Contrast(
        "DPC error",
        "dpc",
        "curve",
        picture=methodcaller("error_chart"),
        empty="The direct solution has no error curve. Choose “iterative” under DPC.",
    ),
    "frc": Contrast("Ring correlation", "frc", "curve", picture=_whole, made=REST, empty=MADE),
    "focus_curve": Contrast(
        "Focus curve", "focus_curve", "curve", picture=_whole, made=REST, empty=MADE
    ),
}
"""By the name that links and the state use, in the order in which they are offered."""


def drawn_results(made: str | None = None) -> frozenset[str]:
    """Names of the results that slots draw; with `made`, of the contrasts that are made then."""
    entries = CONTRASTS.values()
    return frozenset(each.result for each in entries if made in (None, each.made))
