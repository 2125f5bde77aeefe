"""The eight ways a scan can lie on the detector, judged by the centre of mass and by the sidebands.

Either state of the transpose has a best rotation; a microscope's habits leave multiples of 90°
from it to choose from. The curl of the centre of mass and the coherence of the sidebands judge
independently; neither tells a rotation from one 180° further. There atoms decide, which are
positive: in the image that the strongest frequencies make with the defocus that was found, or in
the divergence of the centre of mass, which holds near focus alone.

Of a scan K, turned by 180°, γ becomes γ(k, -K) = -γ(k, K)* at any χ, which is -γ of -χ: both
rotations are equally coherent, with aberrations of opposite sign. The sign thus takes no search
among angles, but one image at the angle that is known, whose skewness changes with it.
"""

from dataclasses import replace
from math import erf, hypot, nan, sqrt

import numpy as np
from scipy.special import erfinv

from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.focus.phase_model import flat_sums
from recon.optics import Aberrations
from recon.orientation.by_curl import Orientation, find_orientation
from recon.orientation.by_sidebands import (
    ALIKE,
    SIGNIFICANT,
    OrientationScore,
    rank_orientations,
    score_at,
)
from recon.orientation.disc_entries import DiscEntries, disc_entries
from recon.orientation.sheet import (
    SURE,
    OrientationCandidate,
    OrientationSheet,
    curl_says,
    described,
    sides,
)
from recon.orientation.sign import AGREED
from recon.scan.kinds import ScanData

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


def orientations(
    scan: ScanData, calibration: Calibration, *, pixels_across: int = PIXELS_ACROSS, progress=None
) -> OrientationSheet:
    """The eight orientations of a scan with their scores, both judges asked.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
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
        by_curl, refusal = find_orientation(scan, c.scan_sampling, c.centre, c.radius), ""
    except ValueError as error:
        by_curl, refusal = None, str(error)
    entries = disc_entries(scan, calibration, pixels_across, lambda f: tell(0.1 + 0.4 * f))
    return sheet_of(entries, by_curl, refusal, lambda f: tell(0.5 + 0.5 * f))


def beside_curl(
    scan: ScanData,
    calibration: Calibration,
    by_curl: Orientation | None,
    refusal: str = "",
    sign_alone: bool = False,
    progress=None,
) -> OrientationSheet:
    """As `orientations`, of what the curl has said already; by `sign_by_sidebands` if wanted."""
    tell = progress or (lambda fraction: None)
    entries = disc_entries(scan, calibration, PIXELS_ACROSS, lambda f: tell(0.5 * f))
    if sign_alone:
        return sign_by_sidebands(entries, by_curl)
    return sheet_of(entries, by_curl, refusal, lambda f: tell(0.5 + 0.5 * f))


def sheet_of(
    entries: DiscEntries, by_curl: Orientation | None, refusal: str = "", progress=None
) -> OrientationSheet:
    """As `orientations`, of entries that are there and of what the curl says.

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
    transpose, _ = _transpose(by_curl, ranked)
    said = sides(agree, by_curl, by_sidebands, refusal, transpose)

    def scored(angle, turned, state):
        score = _of(ranked, state) if ranked else None
        if score and (turned or angle != score.rotation_deg):
            return score_at(entries, angle + turned, state)
        return score

    return _sheet(entries, by_curl, ranked, scored, agree, said, lambda f: tell(0.8 + 0.2 * f))


def sign_by_sidebands(entries: DiscEntries, by_curl: Orientation) -> OrientationSheet:
    """The eight orientations as the curl judges them, and the sign by the sidebands as well.

    They are asked at the curl's angle and transpose alone; of the other six candidates `coherence`
    and `C10` are NaN. Where they do not stand out from chance, the curl's sign stays as it is.
    """
    own = by_curl.transpose
    score = score_at(entries, by_curl.best_angle(own), own)
    told = score if score.score > SIGNIFICANT else None

    def scored(angle, turned, state):
        return told if state == own and not turned else None

    said = f"{curl_says(by_curl)} (up to 180°), and is sure: the sidebands were asked for the sign "
    said += "alone. " if told else "alone, and show none. "
    sheet = _sheet(entries, by_curl, [], scored, None, said[0].upper() + said[1:])
    return replace(sheet, asked=("curl", "sign"))


def sheet_by_curl(by_curl: Orientation) -> OrientationSheet:
    """The eight orientations as the curl alone judges them; the sidebands were not asked."""
    said = f"{curl_says(by_curl)} (up to 180°), and is sure: the sidebands were not asked. "
    sheet = _sheet(None, by_curl, [], lambda *_: None, None, said[0].upper() + said[1:])
    return replace(sheet, asked=("curl",))


def _sheet(
    entries, by_curl, ranked, scored, agree, said, tell=lambda fraction: None
) -> OrientationSheet:
    """All eight, judged by the curl and by the ranked scores of the sidebands, or one of them.

    `scored(angle, turned, transpose)` is what the sidebands say of one, or None.
    """
    transpose, margin = _transpose(by_curl, ranked)
    candidates = []
    for state in (transpose, not transpose):
        angle, error = _angle(by_curl, ranked, state)
        if state == transpose:
            rotation_error = error
        for turned in (0, 90):
            score = scored(angle, turned, state)
            pair = _pair(entries, by_curl, score, angle + turned, state)
            candidates += [replace(one, turned_deg=turned + 180 * n) for n, one in enumerate(pair)]
            tell(len(candidates) / 8)
    candidates.sort(key=lambda one: (one.transpose != transpose, one.turned_deg))
    best = ranked[0] if ranked else None
    judged = agree, by_curl, best, rotation_error, margin > TOLD
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


def _pair(entries, by_curl, score, angle, transpose):
    """Two candidates 180° apart, the one with positive atoms first."""
    curl = by_curl.curl_share(angle, transpose) if by_curl else nan
    positive = _atoms_positive(entries, by_curl, score, angle, transpose)
    pair = []
    for half in (0, 1):
        sign = -1 if half else 1
        rotation = 180 - (180 - angle - 180 * half) % 360
        confidence = 1 - positive if half else positive
        figures = (score.score, sign * score.C10) if score else (nan, nan)
        said = described(rotation, transpose, curl, *figures, confidence)
        pair.append(OrientationCandidate(rotation, transpose, 0, curl, *figures, confidence, said))
    return sorted(pair, key=lambda one: -one.atoms_positive)


def _atoms_positive(entries, by_curl, score, angle, transpose) -> float:
    """Confidence that atoms are positive at this angle, from the surest of the judges.

    The dark field is asked where the curl leaves the sign open; what it says then counts alone.
    Of sure judges that contradict each other none is believed: the mean leaves the sign uncertain.
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
            told = by_curl.dark_field or 0.0
            if abs(told) > AGREED:
                told = erf((told if off < 90 else -told) / sqrt(2))
                confidences.append((1 + told) / 2)
    sure = [confidence for confidence in confidences if abs(confidence - 0.5) > SURE / 2]
    if sure and min(sure) < 0.5 < max(sure):
        return sum(sure) / len(sure)
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
