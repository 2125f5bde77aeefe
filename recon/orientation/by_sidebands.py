"""Rotation and transpose of the scan found from G: a second opinion beside the centre of mass.

Where the scan is laid on the detector as it truly lies, the entries of each frequency's sidebands
are coherent once the first-order aberrations are taken out; laid wrongly, sidebands mix with what
is none. A turn by 180° swaps the sidebands and conjugates the phases, which aberrations of the
opposite sign undo: it cannot be told from coherence, but from the sign of the atoms.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np

from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.focus.search import (
    Candidate,
    best_of_few,
    climbed,
    first_order_candidates,
    gains_at,
    slope_maps,
)
from recon.orientation.disc_entries import DiscEntries, disc_entries
from recon.scan.events import ElectronEvents

FREQUENCIES = 120
"""The scan's strongest frequencies, which judge."""

STEP_DEG = 6.0
"""Distance of the angles that are tried first; sidebands overlap by half at several times this."""

COARSE = 2
"""How much finer than a tile's resolution slopes are tabulated in the first trials."""

FINALISTS = 3
"""Angles of each state of the transpose that are refined."""

ALIKE = 12.0
"""Log-likelihood by which two states of the transpose must differ to be compared by it."""

SCATTER = 2.5
"""How much more the angles of simulated scans scatter than their likelihood says: the best of many
trials, looked up on a grid, with nothing free beyond the first order."""

NEAR_DEG = 3.0
"""Distance from the best angle at which the likelihood is compared for its error."""

CLEAR = 16.0
"""Score up to which the best angle may be a chance neighbour of the true one, a step or two off."""

SIGNIFICANT = 8.0
"""Standard deviations of chance by which the best orientation must stand out."""


@dataclass(frozen=True)
class OrientationScore:
    """How well one way of laying the scan on the detector explains the tiles.

    Attributes
    ----------
    rotation_deg : float
        0 <= rotation < 180; the same score holds 180° further.
    transpose : bool
    score : float
        Log-likelihood ratio of flat tiles against noise, in units of its scatter by chance.
    C10 : float
        Defocus term that goes with it [Å]; of the opposite sign 180° further.
    C12a, C12b : float
        Twofold astigmatism that goes with it [Å], likewise.
    likelihood : float
        That log-likelihood ratio itself.
    error_deg : float
        Standard error of the angle; the distance of the angles tried where it was not refined.
    """

    rotation_deg: float
    transpose: bool
    score: float
    C10: float
    C12a: float = 0.0
    C12b: float = 0.0
    likelihood: float = 0.0
    error_deg: float = STEP_DEG


def sideband_orientations(
    events: ElectronEvents, calibration: Calibration, *, pixels_across: int = 12, progress=None
) -> list[OrientationScore]:
    """Ways of laying the scan on the detector, best first.

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
    list of OrientationScore
        Angles in steps of 6° with both states of the transpose; the best few of each refined to
        a fraction of a degree.

    Raises
    ------
    Unfitted
        If no orientation makes the tiles more coherent than chance does.
    """
    tell = progress or (lambda fraction: None)
    entries = disc_entries(events, calibration, pixels_across, lambda part: tell(0.5 * part))
    return rank_orientations(entries, lambda part: tell(0.5 + 0.5 * part))


def rank_orientations(entries: DiscEntries, progress=None) -> list[OrientationScore]:
    """As `sideband_orientations`, of entries that are there already."""
    tell = progress or (lambda fraction: None)
    trials = []
    angles = np.arange(0, 180, STEP_DEG)
    for number, angle in enumerate(angles):
        trials += [_trial(entries, float(angle), transpose) for transpose in (False, True)]
        tell(0.6 * (number + 1) / len(angles))
    trials.sort(key=lambda trial: -trial.score)
    refined: dict[bool, list] = {False: [], True: []}
    rest = []
    for trial in trials:
        done = refined[trial.transpose]
        # Neighbours of a better one climb to the same place.
        near = min((_apart(trial.rotation_deg, f.rotation_deg) for f in done), default=180)
        if len(done) < FINALISTS and near > 2 * STEP_DEG:
            done.append(_refined(entries, trial))
            tell(0.6 + 0.4 * sum(map(len, refined.values())) / (2 * FINALISTS))
        else:
            rest.append(trial)
    found = sorted([*refined[False], *refined[True]], key=_likelihood, reverse=True)
    # Of a scan laid with the wrong transpose, a defocus looks like an astigmatism of its size, and
    # only what lies in a sideband tells them apart: where that tells little, astigmatism is small.
    alike = [one for one in found if one.likelihood > found[0].likelihood - ALIKE]
    likely = min(alike, key=lambda one: np.hypot(one.C12a, one.C12b))
    if likely.transpose != found[0].transpose:
        found.remove(likely)
        found.insert(0, likely)
    if not found[0].score > SIGNIFICANT:
        raise Unfitted(
            "No rotation of the scan makes the tiles more coherent than chance does "
            f"({found[0].score:.1f} standard deviations; {SIGNIFICANT:g} are needed): enter the "
            "rotation by hand, or use the centre of mass."
        )
    tell(1.0)
    return [found[0], *sorted(found[1:] + rest, key=lambda trial: -trial.score)]


def score_at(entries: DiscEntries, rotation_deg: float, transpose: bool) -> OrientationScore:
    """The score of one orientation, all first-order aberrations free; -180..180 as it is given."""
    overlaps = entries.laid(rotation_deg, transpose, FREQUENCIES)
    found = first_order_candidates(overlaps)
    return _scored(overlaps, found[0]) if found else _nothing(rotation_deg, transpose)


def _apart(first, second):
    """Distance of two angles of lines [°]."""
    return abs((first - second + 90) % 180 - 90)


def _nothing(rotation_deg, transpose):
    return OrientationScore(rotation_deg, transpose, 0.0, 0.0)


def _scored(overlaps, found: Candidate) -> OrientationScore:
    coefficients = found.C10, found.C12a, found.C12b
    score, how = float(found.score / np.sqrt(overlaps.size)), (overlaps.rotation_deg,)
    return OrientationScore(*how, overlaps.transpose, score, *coefficients, found.score)


def _trial(entries, rotation_deg, transpose) -> OrientationScore:
    """The best first-order aberrations for one orientation, coarsely."""
    overlaps = entries.laid(rotation_deg, transpose, FREQUENCIES)
    if overlaps.size < 3:
        return _nothing(rotation_deg, transpose)
    return _scored(overlaps, best_of_few(slope_maps(overlaps, COARSE), overlaps))


def _refined(entries, trial: OrientationScore) -> OrientationScore:
    """The best angle nearby, all first-order aberrations free."""
    best, reach = score_at(entries, trial.rotation_deg, trial.transpose), STEP_DEG
    tried = [best]
    while reach > 0.2:
        start = Candidate(best.C10, best.C12a, best.C12b, best.likelihood)
        for turn in (-reach, reach):
            overlaps = entries.laid(best.rotation_deg + turn, trial.transpose, FREQUENCIES)
            if overlaps.size >= 3:
                tried.append(_scored(overlaps, climbed(overlaps, start)))
        best = max(tried, key=_likelihood)
        reach /= 2
    # Half a turn takes the sign of the aberrations along.
    half_turns, rest = divmod(best.rotation_deg, 180)
    sign = (-1) ** half_turns
    coefficients = (sign * c for c in (best.C10, best.C12a, best.C12b))
    figures = best.likelihood, _angle_error(entries, best)
    return OrientationScore(rest, best.transpose, best.score, *coefficients, *figures)


def _angle_error(entries, best: OrientationScore) -> float:
    """Standard error of the best angle.

    How the frequencies' slopes scatter about their common zero, over the curvature of their sum
    (White, Econometrica 48, 817 (1980)): at few electrons the curvature alone promises too much.
    """
    gains, places = [], []
    for turn in (-NEAR_DEG, 0.0, NEAR_DEG):
        overlaps = entries.laid(best.rotation_deg + turn, best.transpose, FREQUENCIES)
        if overlaps.size < 3:
            return STEP_DEG
        start = Candidate(best.C10, best.C12a, best.C12b, best.likelihood)
        gains.append(gains_at(overlaps, climbed(overlaps, start) if turn else start))
        places.append(overlaps.q[0] + 1j * overlaps.q[1])
    # Few pixels of a sideband come and go with the angle, and a frequency with them.
    common = reduce(np.intersect1d, places)
    behind, here, ahead = (g[np.isin(p, common)] for g, p in zip(gains, places, strict=True))
    curvature = (2 * here - behind - ahead).sum() / NEAR_DEG**2
    slopes = (ahead - behind) / (2 * NEAR_DEG)
    if not curvature > 0:
        return STEP_DEG
    scatter = np.sqrt(np.sum(slopes**2)) / curvature
    if best.score < CLEAR:
        return STEP_DEG
    return float(min(SCATTER * max(scatter, 1 / np.sqrt(curvature)), STEP_DEG))


def _likelihood(one: OrientationScore) -> float:
    return one.likelihood
