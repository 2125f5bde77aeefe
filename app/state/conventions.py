"""What to change on the microscope, in the signs of the interface that stands in front of a person.

Interfaces disagree on them (interactEM's issue 570), so the convention is named and can be chosen.
"""

from dataclasses import dataclass
from math import atan2, degrees, hypot

from app.words import measured
from recon.optics import Aberrations

NM = 10.0  # ångström


@dataclass(frozen=True)
class Convention:
    """How an interface writes defocus and twofold astigmatism.

    Attributes
    ----------
    title : str
    focus : str
        What it calls the first.
    focus_sign, stigmator_sign : int
        Of its values, where livestem's `C10` and `C12` are positive.
    """

    title: str
    focus: str
    focus_sign: int
    stigmator_sign: int


CONVENTIONS = {
    "C10": Convention("C10 > 0 is overfocus (Krivanek)", "C10", 1, 1),
    "defocus": Convention("Δf > 0 is underfocus, Δf = −C10", "Δf", -1, 1),
    "reversed": Convention("C10 > 0 is underfocus, all signs reversed", "C10", -1, -1),
}
"""By the name that the state keeps; the first is livestem's own."""


def to_change(aberrations: Aberrations, convention: Convention) -> str:
    """What takes C10 and C12 to zero, such as "change C10 by −12.3 nm, C12 by 4.1 nm at 37°".

    Parameters
    ----------
    aberrations : Aberrations
        Of the probe as it is, in the frame that the angle is to be told in. C12 a cos 2φ +
        b sin 2φ has the size |(a, b)| at the angle atan2(b, a) / 2.
    convention : Convention
    """
    parts = []
    if aberrations.C10:
        by = _signed(-convention.focus_sign * aberrations.C10)
        parts.append(f"{convention.focus} by {by}")
    a, b = (-convention.stigmator_sign * value for value in (aberrations.C12a, aberrations.C12b))
    if a or b:
        text, unit = measured(round(hypot(a, b) / NM, 1), None, "nm")
        angle = f"{round(degrees(atan2(b, a)) / 2)}".replace("-", "−")
        parts.append(f"C12 by {text} {unit} at {angle}°")
    return f"change {', '.join(parts)}" if parts else ""


def _signed(value: float) -> str:
    text, unit = measured(round(abs(value) / NM, 1), None, "nm")
    return f"{'−' if value < 0 else '+'}{text} {unit}"
