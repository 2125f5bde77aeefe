"""The eight orientations of a scan with all that judges them, in figures and in words."""

from dataclasses import dataclass

from recon.orientation.by_curl import Orientation
from recon.orientation.by_sidebands import OrientationScore

SURE = 0.99
"""Confidence from which a sign is taken as settled."""


@dataclass(frozen=True)
class OrientationCandidate:
    """One way of laying the scan on the detector.

    Attributes
    ----------
    rotation_deg : float
        -180 < rotation <= 180, as in `Calibration`.
    transpose : bool
    turned_deg : int
        0, 90, 180 or 270: how far it is turned from the best rotation for its transpose.
    curl : float
        Share of the centres' of mass power above noise that is curl: 0 for a gradient, 1 at
        90° from one; NaN if they hold no more than noise.
    coherence : float
        Log-likelihood ratio of flat tiles against noise, in units of its scatter by chance, at
        the best first-order aberrations; NaN if no orientation stands out, or where the sidebands
        were not asked for it.
    C10 : float
        Defocus term that goes with it [Å], NaN likewise.
    atoms_positive : float
        Confidence that atoms are positive, 0 to 1.
    statement : str
    """

    rotation_deg: float
    transpose: bool
    turned_deg: int
    curl: float
    coherence: float
    C10: float
    atoms_positive: float
    statement: str


@dataclass(frozen=True)
class OrientationSheet:
    """The eight orientations, and what the two judges say.

    Attributes
    ----------
    candidates : tuple of OrientationCandidate
        The best one first, then the same transpose turned by 90°, 180° and 270°, then the four
        of the other transpose.
    agree : bool or None
        Whether curl and sidebands have the same best orientation up to 180°; None if only one
        of them has any.
    by_curl : Orientation or None
    by_sidebands : OrientationScore or None
        What either says alone of the angle.
    rotation_error : float
        Standard error of the best rotation [deg], apart from the 180° of the sign; where curl and
        sidebands disagree, as far as they are apart.
    axes_sure : bool
        Whether the state of the transpose is told by more than chance.
    sides : str
        What the two judges say, in a sentence.
    asked : tuple of str
        Which of them were asked: "curl", "sidebands"; "sign" where the sidebands were asked for
        the sign alone.
    """

    candidates: tuple[OrientationCandidate, ...]
    agree: bool | None
    by_curl: Orientation | None
    by_sidebands: OrientationScore | None
    rotation_error: float
    axes_sure: bool
    sides: str
    asked: tuple[str, ...] = ("curl", "sidebands")

    @property
    def best(self) -> OrientationCandidate:
        """The orientation to take."""
        return self.candidates[0]

    @property
    def statement(self) -> str:
        """All of this in a sentence or two."""
        return self.stated()

    def stated(self, refined: tuple[float, float] | None = None) -> str:
        """The same, with an angle and its error [deg] that a fit has found since."""
        said = _sign(self.best, self.rotation_error, refined)
        return self.sides + said + _axes_told(self.axes_sure)


def _axes(transpose) -> str:
    return "axes swapped" if transpose else "axes not swapped"


def described(rotation, transpose, curl, coherence, c10, positive) -> str:
    """What is known of a candidate, in a line."""
    parts = [f"{rotation:.1f}°, {_axes(transpose)}"]
    if curl == curl:
        parts.append(f"curl {100 * curl:.0f} %")
    if coherence == coherence:
        parts.append(f"coherence {coherence:.0f} σ at C10 {c10:.0f} Å")
    if abs(positive - 0.5) > SURE / 2:
        parts.append("atoms positive" if positive > 0.5 else "atoms negative")
    return ", ".join(parts)


def curl_says(by_curl: Orientation) -> str:
    """The curl's angle up to 180° and its state of the axes."""
    angle = f"{by_curl.rotation_deg % 180:.1f}° ± {max(by_curl.rotation_error, 0.1):.1f}°"
    return f"the curl says {angle}, {_axes(by_curl.transpose)}"


def sides(agree, by_curl, by_sidebands, refusal, transpose) -> str:
    """What the two judges say of the angle up to 180°, and of the transpose."""
    said = []
    if by_curl:
        said.append(curl_says(by_curl))
    if by_sidebands:
        angle = f"{by_sidebands.rotation_deg:.1f}°"
        said.append(f"the sidebands say {angle}, {_axes(by_sidebands.transpose)}")
    begin = {True: "Both agree: ", False: "They disagree: ", None: ""}[agree]
    text = begin + " and ".join(said) + " (up to 180°)"
    if agree is False and by_sidebands.transpose == transpose:
        text += "; what fits the tiles better is taken"
    elif agree is False:
        text += "; the curl, which is surer of the axes, is taken"
    if by_curl is None:
        text += f"; the centre of mass shows none ({refusal.rstrip('.')})"
    elif by_sidebands is None:
        text += "; the sidebands show none"
    return text[0].upper() + text[1:] + ". "


def _sign(best: OrientationCandidate, error: float, refined=None) -> str:
    angle = f"{best.rotation_deg:.1f}° ± {error:.1f}°"
    if refined:
        angle = "{:.1f}° ± {:.1f}°, refined with the aberrations".format(*refined) + (
            f" ({angle} before)"
        )
    if abs(best.atoms_positive - 0.5) > SURE / 2:
        return f"Best: {angle}, at which atoms are positive."
    return (
        f"Best: {angle}, but whether atoms are positive there is uncertain: turn "
        "by 180° if the contrast looks inverted."
    )


def _axes_told(sure: bool) -> str:
    return "" if sure else " Whether the axes are swapped is uncertain in this scan."
