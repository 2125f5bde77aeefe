"""The eight ways a scan can lie on the detector, judged by the centre of mass and by the sidebands.

Either state of the transpose has a best rotation; a microscope's habits leave multiples of 90°
from it to choose from. The curl of the centre of mass and the coherence of the sidebands judge
independently; neither tells a rotation from one 180° further. There atoms decide, which are
positive: in the image that the strongest frequencies make with the defocus that was found, or in
the divergence of the centre of mass, which holds near focus alone.
"""

from dataclasses import dataclass, replace
from math import erf, hypot, nan, sqrt

import numpy as np
from scipy.special import erfinv

from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.focus.phase_model import flat_sums
from recon.optics import Aberrations
from recon.orientation.by_curl import Orientation, find_orientation
from recon.orientation.by_sidebands import ALIKE, OrientationScore, rank_orientations, score_at
from recon.orientation.disc_entries import DiscEntries, disc_entries
from recon.scan.events import ElectronEvents

PIXELS_ACROSS = 12
"""Binned pixels over the disc's diameter: enough for the angle, and for most defoci."""

CLOSE_DEG = 8.0
"""Angles that the curl and the sidebands may be apart, and agree."""

LEAST_ERROR_DEG = 0.5
"""Standard error below which no angle is believed: strong objects and coma turn either a little."""

OVERSTATED = 5.0
"""Share, inverse, of the tiles' log-likelihood that counts beside that of the curl: it is the best
of many trials."""

SIDEBANDS_MOST = 18.0
"""Log-likelihood that the sidebands may count beside that of the curl, as much as a curl of 6
standard deviations: of a thick crystal their model is wrong, and alike in every tile."""

TOLD = 4.0
"""Log-likelihood from which the state of the transpose is taken as told."""

LEAST_TRANSFER = 0.1
"""Transfer, in units of the median, about which a frequency is held back from judging the sign."""

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
        the best first-order aberrations; NaN if no orientation stands out.
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
        What either says alone.
    rotation_error : float
        Standard error of the best rotation [deg], apart from the 180° of the sign; where curl and
        sidebands disagree, as far as they are apart.
    axes_sure : bool
        Whether the state of the transpose is told by more than chance.
    sides : str
        What the two judges say, in a sentence.
    """

    candidates: tuple[OrientationCandidate, ...]
    agree: bool | None
    by_curl: Orientation | None
    by_sidebands: OrientationScore | None
    rotation_error: float
    axes_sure: bool
    sides: str

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


def orientation_sheet(
    events: ElectronEvents,
    calibration: Calibration,
    *,
    pixels_across: int = PIXELS_ACROSS,
    progress=None,
) -> OrientationSheet:
    """The eight orientations of a scan with their scores.

    Parameters
    ----------
    events : ElectronEvents
    calibration : Calibration
        Its rotation and transpose are not used.
    pixels_across : int
        Binned bright-field pixels over the disc's diameter.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    OrientationSheet

    Raises
    ------
    Unfitted
        If neither the centres of mass nor the sidebands show any orientation.
    ValueError
        As `recon.ssb.bright_field.bright_field`.
    """
    tell = progress or (lambda fraction: None)
    tell(0.0)
    c = calibration
    try:
        by_curl, refusal = find_orientation(events, c.scan_sampling, c.centre, c.radius), ""
    except ValueError as error:
        by_curl, refusal = None, str(error)
    tell(0.1)
    entries = disc_entries(events, calibration, pixels_across, lambda f: tell(0.1 + 0.4 * f))
    return sheet_of(entries, by_curl, refusal, lambda f: tell(0.5 + 0.5 * f))


def sheet_of(
    entries: DiscEntries, by_curl: Orientation | None, refusal: str = "", progress=None
) -> OrientationSheet:
    """As `orientation_sheet`, of entries that are there and of what the curl says.

    Parameters
    ----------
    entries : DiscEntries
    by_curl : Orientation or None
    refusal : str
        Why the curl says nothing, if so.
    """
    tell = progress or (lambda fraction: None)
    try:
        ranked = rank_orientations(entries, lambda f: tell(0.8 * f))
    except Unfitted as error:
        if by_curl is None:
            raise Unfitted(" ".join(filter(None, (refusal, str(error))))) from None
        ranked = []
    by_sidebands = ranked[0] if ranked else None
    agree = _agree(by_curl, by_sidebands) if by_curl and by_sidebands else None
    transpose, margin = _transpose(by_curl, ranked)
    candidates = []
    for state in (transpose, not transpose):
        angle, error = _angle(by_curl, ranked, state)
        if state == transpose:
            rotation_error = error
        for turned in (0, 90):
            pair = _pair(entries, by_curl, ranked, state, angle, turned)
            candidates += [replace(one, turned_deg=turned + 180 * n) for n, one in enumerate(pair)]
            tell(0.8 + 0.05 * len(candidates))
    candidates.sort(key=lambda one: (one.transpose != transpose, one.turned_deg))
    sure = margin > TOLD
    said = _sides(agree, by_curl, by_sidebands, refusal, transpose)
    judged = agree, by_curl, by_sidebands, rotation_error, sure
    return OrientationSheet(tuple(candidates), *judged, said)


def _transpose(by_curl, ranked):
    """The likelier state of the transpose, and the log-likelihood by which it is."""
    favour = 0.0
    if by_curl:
        gap = float(erfinv(min(by_curl.transpose_confidence, 1 - 1e-12))) ** 2
        favour += gap if by_curl.transpose else -gap
    if ranked:
        swapped, straight = (_of(ranked, state).likelihood for state in (True, False))
        told = (swapped - straight) / OVERSTATED
        favour += min(max(told, -SIDEBANDS_MOST), SIDEBANDS_MOST)
        if abs(favour) <= ALIKE / OVERSTATED:
            return ranked[0].transpose, abs(favour)
    elif not favour:
        return by_curl.transpose, 0.0
    return favour > 0, abs(favour)


def _of(ranked, transpose) -> OrientationScore:
    """The likeliest of one state of the transpose."""
    return max((s for s in ranked if s.transpose == transpose), key=lambda s: s.likelihood)


def _angle(by_curl, ranked, transpose):
    """Best rotation up to 180° for one state of the transpose, and its standard error."""
    if not ranked:
        return by_curl.best_angle(transpose), max(by_curl.rotation_error, LEAST_ERROR_DEG)
    score = _of(ranked, transpose)
    angle, error = score.rotation_deg, max(score.error_deg, LEAST_ERROR_DEG)
    if by_curl is None or by_curl.transpose != transpose:
        return angle, error
    other = max(by_curl.rotation_error, LEAST_ERROR_DEG)
    off = (by_curl.best_angle(transpose) - angle + 90) % 180 - 90
    if not _agree(by_curl, score):
        return angle, max(error, abs(off))
    # Of two that agree, the mean by their variances; as uncertain as they are apart beyond them.
    share = error**2 / (error**2 + other**2)
    both = error * other / hypot(error, other)
    return angle + share * off, both * max(1.0, abs(off) / hypot(error, other))


def _pair(entries, by_curl, ranked, transpose, angle, turned):
    """Two candidates 180° apart, the one with positive atoms first."""
    curl, score = nan, _of(ranked, transpose) if ranked else None
    if score and (turned or angle != score.rotation_deg):
        score = score_at(entries, angle + turned, transpose)
    angle += turned
    if by_curl:
        curl = by_curl.curl_share(angle, transpose)
    positive = _atoms_positive(entries, by_curl, score, angle, transpose)
    pair = []
    for half in (0, 1):
        sign = -1 if half else 1
        rotation = 180 - (180 - angle - 180 * half) % 360
        confidence = 1 - positive if half else positive
        figures = (score.score, sign * score.C10) if score else (nan, nan)
        said = _described(rotation, transpose, curl, *figures, confidence)
        pair.append(OrientationCandidate(rotation, transpose, 0, curl, *figures, confidence, said))
    return sorted(pair, key=lambda one: -one.atoms_positive)


def _atoms_positive(entries, by_curl, score, angle, transpose) -> float:
    """Confidence that atoms are positive at this angle, from the surer of both judges.

    The dark field is asked where the curl leaves the sign open; what it says then counts alone.
    """
    confidences = [0.5]
    if score:
        confidences.append((1 + erf(_skewness(entries, score) / sqrt(2))) / 2)
    if by_curl and by_curl.transpose == transpose:
        off = abs((angle - by_curl.rotation_deg + 180) % 360 - 180)
        if min(off, 180 - off) < 45:
            certain = by_curl.sign_confidence / 2
            confidence = 0.5 + certain if off < 90 else 0.5 - certain
            if by_curl.by_dark_field:
                return confidence
            confidences.append(confidence)
    return max(confidences, key=lambda confidence: abs(confidence - 0.5))


def _skewness(entries: DiscEntries, score: OrientationScore) -> float:
    """Skewness of the image of the strongest frequencies, in standard deviations of chance.

    Σ γ* G / (Σ |γ|² w + ε), weighted by signal / (signal + noise); ε keeps frequencies out that the
    aberrations hardly transfer.
    """
    overlaps = entries.laid(score.rotation_deg, score.transpose)
    sums, norms = flat_sums(overlaps, Aberrations(C10=score.C10, C12a=score.C12a, C12b=score.C12b))
    transferred = norms > 0
    if not transferred.any():
        return 0.0
    level = LEAST_TRANSFER * np.median(norms[transferred])
    power = np.abs(sums) ** 2 / np.where(transferred, norms, np.inf)
    waves = -1j * sums / (norms + level) * np.maximum(1 - 1 / np.maximum(power, 1), 0)
    rows, columns = entries.scan_shape
    spectrum = np.zeros((rows, columns // 2 + 1), complex)
    spectrum[tuple(entries.places(overlaps.q))] = waves
    image = np.fft.irfft2(spectrum, (rows, columns))
    variance = np.mean(image**2)
    if not variance > 0:
        return 0.0
    # Of n independent Gaussian values it scatters by sqrt(6 / n); a wave holds two.
    strength = np.abs(waves) ** 2
    n = 2 * strength.sum() ** 2 / np.sum(strength**2)
    return float(np.mean(image**3) / variance**1.5 / sqrt(6 / n))


def _agree(by_curl: Orientation, score: OrientationScore) -> bool:
    """Whether the curl allows what the sidebands say, up to 180°."""
    if by_curl.transpose != score.transpose and by_curl.transpose_confidence > 0.95:
        return False
    off = (by_curl.best_angle(score.transpose) - score.rotation_deg + 90) % 180 - 90
    return abs(off) < CLOSE_DEG + 2 * by_curl.rotation_error


def _axes(transpose) -> str:
    return "axes swapped" if transpose else "axes not swapped"


def _described(rotation, transpose, curl, coherence, c10, positive) -> str:
    parts = [f"{rotation:.1f}°, {_axes(transpose)}"]
    if curl == curl:
        parts.append(f"curl {100 * curl:.0f} %")
    if coherence == coherence:
        parts.append(f"coherence {coherence:.0f} σ at C10 {c10:.0f} Å")
    if abs(positive - 0.5) > SURE / 2:
        parts.append("atoms positive" if positive > 0.5 else "atoms negative")
    return ", ".join(parts)


def _sides(agree, by_curl, by_sidebands, refusal, transpose) -> str:
    """What the two judges say of the angle up to 180°, and of the transpose."""
    said = []
    if by_curl:
        angle = f"{by_curl.rotation_deg % 180:.1f}° ± {max(by_curl.rotation_error, 0.1):.1f}°"
        said.append(f"the curl says {angle}, {_axes(by_curl.transpose)}")
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
