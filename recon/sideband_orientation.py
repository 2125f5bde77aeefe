"""Rotation and transpose of the scan found from G: a second opinion beside the centre of mass.

Where the scan is laid on the detector as it truly lies, the entries of each frequency's sidebands
are coherent once the first-order aberrations are taken out; laid wrongly, sidebands mix with what
is none. A turn by 180° swaps the sidebands and conjugates the phases, which aberrations of the
opposite sign undo: it cannot be told from coherence, but from the sign of the atoms.
"""

from dataclasses import dataclass

import numpy as np

from recon.calibration import Calibration
from recon.defocus_search import (
    Candidate,
    climbed,
    first_order_candidates,
    score_defocus,
    slope_maps,
)
from recon.disc_entries import DiscEntries, disc_entries
from recon.errors import Unfitted
from recon.events import ElectronEvents

FREQUENCIES = 120
"""The scan's strongest frequencies, which judge."""

STEP_DEG = 6.0
"""Distance of the angles that are tried first; sidebands overlap by half at several times this."""

COARSE = 2
"""How much finer than a tile's resolution slopes are tabulated in the first trials."""

FINALISTS = 2
"""Angles of each state of the transpose that are refined."""

ALIKE = 0.9
"""Share of the best score from which a score is as good."""

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
        Twofold astigmatism that goes with it [Å], likewise; 0 where it was not looked for.
    """

    rotation_deg: float
    transpose: bool
    score: float
    C10: float
    C12a: float = 0.0
    C12b: float = 0.0


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
    found = sorted([*refined[False], *refined[True]], key=lambda trial: -trial.score)
    # Of a scan laid with the wrong transpose, a defocus looks like an astigmatism of its size, and
    # only what lies in a sideband tells them apart: where that tells little, astigmatism is small.
    alike = [one for one in found if one.score > ALIKE * found[0].score]
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
    score = float(found.score / np.sqrt(overlaps.size))
    return OrientationScore(overlaps.rotation_deg, overlaps.transpose, score, *coefficients)


def _trial(entries, rotation_deg, transpose) -> OrientationScore:
    """The best defocus for one orientation."""
    overlaps = entries.laid(rotation_deg, transpose, FREQUENCIES)
    if overlaps.size < 3:
        return _nothing(rotation_deg, transpose)
    defocus, score = score_defocus(slope_maps(overlaps, COARSE), overlaps)
    return _scored(overlaps, Candidate(defocus, 0.0, 0.0, score))


def _refined(entries, trial: OrientationScore) -> OrientationScore:
    """The best angle nearby, all first-order aberrations free."""
    best, reach = score_at(entries, trial.rotation_deg, trial.transpose), STEP_DEG
    while reach > 0.2:
        start = Candidate(best.C10, best.C12a, best.C12b, best.score)
        for turn in (-reach, reach):
            overlaps = entries.laid(best.rotation_deg + turn, trial.transpose, FREQUENCIES)
            if overlaps.size >= 3:
                best = max(best, _scored(overlaps, climbed(overlaps, start)), key=_score)
        reach /= 2
    # Half a turn takes the sign of the aberrations along.
    half_turns, rest = divmod(best.rotation_deg, 180)
    sign = (-1) ** half_turns
    coefficients = (sign * c for c in (best.C10, best.C12a, best.C12b))
    return OrientationScore(rest, best.transpose, best.score, *coefficients)


def _score(one: OrientationScore) -> float:
    return one.score
