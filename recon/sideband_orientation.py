"""Rotation and transpose of the scan found from G: a second opinion beside the centre of mass.

Where the scan is laid on the detector as it truly lies, the entries of each frequency's sidebands
are coherent once the first-order aberrations are taken out; laid wrongly, sidebands mix with what
is none. A turn by 180° swaps the sidebands and conjugates the phases, which aberrations of the
opposite sign undo: it cannot be told from coherence, but from the sign of the atoms.
"""

from dataclasses import dataclass

import numpy as np

from recon.backend import on_host
from recon.calibration import Calibration
from recon.datacube import bright_field, plane_counts
from recon.defocus_search import climbed, first_order_candidates, score_defocus, slope_maps
from recon.errors import Unfitted
from recon.events import ElectronEvents
from recon.overlaps import FARTHEST, FEWEST, NEAREST, Overlaps, margin, terms_at

FREQUENCIES = 120
"""The scan's strongest frequencies, which judge."""

STEP_DEG = 6.0
"""Distance of the angles that are tried first; sidebands overlap by half at several times this."""

FINALISTS = 4
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
    """

    rotation_deg: float
    transpose: bool
    score: float
    C10: float


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
        Angles in steps of 6° with both states of the transpose; the best few of them refined to
        a fraction of a degree.

    Raises
    ------
    Unfitted
        If no orientation makes the tiles more coherent than chance does.
    """
    tell = progress or (lambda fraction: None)
    disc = bright_field(calibration, events.frame_shape, pixels_across, events.excluded)
    values, q, weights = _strongest(events, disc, calibration, tell)
    tiles = values, q, weights, disc, calibration
    trials = []
    angles = np.arange(0, 180, STEP_DEG)
    for number, angle in enumerate(angles):
        for transpose in (False, True):
            trials.append(_trial(tiles, float(angle), transpose))
        tell(0.6 + 0.3 * (number + 1) / len(angles))
    trials.sort(key=lambda trial: -trial.score)
    found = []
    for trial in trials:
        # Neighbours of a better one climb to the same place.
        near = [
            abs((trial.rotation_deg - f.rotation_deg + 90) % 180 - 90) for f in found[:FINALISTS]
        ]
        if len(found) < FINALISTS and min(near, default=180) > 2 * STEP_DEG:
            trial = _refined(tiles, trial)
        found.append(trial)
    found.sort(key=lambda trial: -trial.score)
    tell(1.0)
    if not found[0].score > SIGNIFICANT:
        raise Unfitted(
            "No rotation of the scan makes the tiles more coherent than chance does "
            f"({found[0].score:.1f} standard deviations; {SIGNIFICANT:g} are needed): enter the "
            "rotation by hand, or use the centre of mass."
        )
    return found


def _strongest(events, disc, calibration, tell):
    """G at the strongest frequencies on all pixels (M, K), these q (2, M), and N P (K,)."""
    rows, columns = events.scan_shape
    steps = [1 / (n * s) for n, s in zip(events.scan_shape, calibration.scan_sampling, strict=True)]
    device = events.device
    power = device.xp.zeros((rows, columns // 2 + 1), np.float32)
    weights = np.zeros(disc.size)
    batch = max(1, (1 << 25) // (rows * columns))

    def transforms():
        for start in range(0, disc.size, batch):
            stop = min(start + batch, disc.size)
            planes = plane_counts(events, disc.lookup, start, stop).astype(np.float32)
            planes /= device.xp.asarray(disc.kept[start:stop, None, None].astype(np.float32))
            yield start, stop, device.fft.rfft2(planes, **device.fft_options)

    for start, stop, part in transforms():
        weights[start:stop] = on_host(part[:, 0, 0].real)
        power += (part.real**2 + part.imag**2).sum(axis=0)
        tell(0.3 * stop / disc.size)
    offset_y = np.fft.fftfreq(rows, 1 / rows).astype(int)
    offset_x = np.arange(columns // 2 + 1)
    radius = np.hypot(offset_y[:, None] * steps[0], offset_x * steps[1]) / calibration.k0
    allowed = (abs(offset_y)[:, None] > 1) & (offset_x > 1)
    allowed &= (radius > NEAREST) & (radius < FARTHEST)
    ranked = np.where(allowed, on_host(power), 0).ravel()
    best = np.argsort(-ranked)[:FREQUENCIES]
    best = np.sort(best[ranked[best] > 0])
    y, x = np.unravel_index(best, power.shape)
    values = np.empty((len(best), disc.size), complex)
    for start, stop, part in transforms():
        values[:, start:stop] = on_host(part[:, y, x]).T
        tell(0.3 + 0.3 * stop / disc.size)
    q = np.stack([offset_y[y] * steps[0], offset_x[x] * steps[1]])
    return values, q, np.maximum(weights, 1)


def _laid(tiles, rotation_deg, transpose) -> Overlaps:
    """The sidebands as they would be for one rotation and transpose."""
    values, q, weights, disc, calibration = tiles
    empty = np.empty(0)
    frame = calibration.k0, disc.width, calibration.wavelength, rotation_deg, transpose
    nothing = empty, np.empty((2, 0)), empty, empty, empty
    laid = Overlaps(*nothing, np.zeros(1, int), q, *frame)
    # Entries are judged in the detector's frame.
    axes = disc.k[:, None], laid.q_on_detector()[..., None]
    right, left = terms_at(*axes, calibration.k0, margin(disc.width))
    kept = (right | left) & ((right | left).sum(axis=1) >= FEWEST)[:, None]
    frequency, plane = np.nonzero(kept)
    used = np.flatnonzero(kept.any(axis=1))
    starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1)[used])])
    return Overlaps(
        values[frequency, plane],
        disc.k[:, plane],
        right[kept].astype(float),
        left[kept].astype(float),
        weights[plane],
        starts,
        q[:, used],
        *frame,
    )


def _trial(tiles, rotation_deg, transpose) -> OrientationScore:
    """The best defocus for one orientation."""
    overlaps = _laid(tiles, rotation_deg, transpose)
    if overlaps.size < 3:
        return OrientationScore(rotation_deg, transpose, 0.0, 0.0)
    defocus, score = score_defocus(slope_maps(overlaps), overlaps)
    return OrientationScore(
        rotation_deg, transpose, float(score / np.sqrt(overlaps.size)), float(defocus)
    )


def _refined(tiles, trial: OrientationScore) -> OrientationScore:
    """The best angle nearby, all first-order aberrations free."""

    def scored(angle, candidate):
        overlaps = _laid(tiles, angle, trial.transpose)
        if candidate is None:
            best = first_order_candidates(overlaps)[0]
        else:
            best = climbed(overlaps, candidate)
        return float(best.score / np.sqrt(overlaps.size)), float(angle), best

    best, reach = scored(trial.rotation_deg, None), STEP_DEG
    while reach > 0.2:
        tried = [scored(best[1] + turn, best[2]) for turn in (-reach, reach)]
        best = max(best, *tried, key=lambda one: one[0])
        reach /= 2
    score, angle, candidate = best
    # Half a turn takes the sign of the aberrations along.
    half_turns, rest = divmod(angle, 180)
    return OrientationScore(rest, trial.transpose, score, candidate.C10 * (-1) ** half_turns)
