"""First-order aberrations found from nothing: defocus of either sign, and twofold astigmatism.

To first order χ(k) = πλ k·M k with M = [[C10 - C12a, C12b], [C12b, C10 + C12a]] on (y, x). Both
terms of γ(k, q) then are plane waves, exp(2πi s·(k ∓ q/2)) with the same slope s = λ M q: the
image of every detector pixel is displaced by λ M k. One Fourier transform of each
tile holds the signal for every slope; any M is scored by looking its slopes up, so that the whole
range that the pixels can sample is searched, and no local maximum can be mistaken for the best.
"""

from dataclasses import dataclass

import numpy as np

from recon.focus.overlaps import Overlaps
from recon.kernels.host.search import Entries, score_matrices, slope_gains

BANDS = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 1.9)
"""Ends of bands of frequencies [k0]: low ones reach far, high ones measure finely."""

ASTIGMATIC = 2
"""Band from which coarse trials look for astigmatism too."""

STEPS = 12
"""Steps of each coefficient to either side in the search of one band."""

KEPT = 12
"""Candidates of each band that go on to be compared over all frequencies."""

OVERSAMPLING = 3
"""How much finer than the tile's own resolution slopes are tabulated."""


@dataclass(frozen=True)
class Candidate:
    """First-order coefficients [Å] and their score: the log-likelihood ratio of the tiles."""

    C10: float
    C12a: float
    C12b: float
    score: float


def slope_maps(overlaps: Overlaps, oversampling: int = OVERSAMPLING) -> np.ndarray:
    """(M, S, S) float32 log-likelihood gain of each frequency for each slope of its phase.

    Slopes s = i / (S width) [Å] along (y, x), in FFT order. The gain is -n log(1 - ρ), with ρ the
    coherence of the n entries after the plane wave is taken out, and the noise of each frequency
    taken as unknown: a strong frequency that fits badly cannot outvote the others. By chance ρ
    has the density (n - 1) (1 - ρ)^(n - 2): the mean gain that comes of it is taken off, so that
    a slope which no pixel samples is as good as one that does not fit.
    """
    width = overlaps.width
    origin = overlaps.k.min(axis=1)
    place = np.ascontiguousarray(np.rint((overlaps.k - origin[:, None]) / width), np.int64)
    side = int(place.max()) + 1 if place.size else 1
    size = 1 << int(np.ceil(np.log2(oversampling * side)))
    maps = np.empty((overlaps.size, size, size), np.float32)
    q = np.ascontiguousarray(overlaps.q_on_detector()) / width
    o = overlaps
    entries = Entries(o.values, o.weights, o.right, o.left, place, o.starts)
    slope_gains(entries, *o.judged, side, origin / width, q, maps)
    return maps


def first_order_candidates(overlaps: Overlaps) -> list[Candidate]:
    """The best first-order coefficients over all that the pixels can sample, best first."""
    if not overlaps.size:
        return []
    maps = slope_maps(overlaps)
    q = overlaps.q_on_detector()
    radius = np.hypot(*q) / overlaps.k0
    found = [(0.0, 0.0, 0.0)]
    for band, end in enumerate(BANDS):
        inside = np.flatnonzero(radius < end)
        if len(inside) < 3:
            continue
        reach = 1 / (2 * overlaps.wavelength * end * overlaps.k0 * overlaps.width)
        axis = np.linspace(-reach, reach, 2 * STEPS + 1)
        grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij")).reshape(3, -1)
        # Astigmatism beyond the defocus' own range is no probe that anyone works with.
        grid = grid[:, np.hypot(grid[1], grid[2]) <= reach]
        tried = np.concatenate([grid, _about(found, reach / STEPS)], axis=1)
        scores = _scores(maps[inside], q[:, inside], tried, overlaps)
        best = _apart(tried, scores, reach / STEPS)
        found = [tuple(tried[:, i]) for i in best]
        if band + 1 < len(BANDS):
            found = _climb(maps, q, radius, BANDS[band + 1], found, reach / STEPS, overlaps)
    every = np.array(found).T
    scores = _scores(maps, q, every, overlaps)
    order = np.argsort(-scores)
    return [Candidate(*map(float, every[:, i]), float(scores[i])) for i in order]


def best_of_few(maps, overlaps: Overlaps) -> Candidate:
    """The best of all defoci, and of defoci with astigmatism in coarse steps."""
    reach = [1 / (2 * overlaps.wavelength * end * overlaps.k0 * overlaps.width) for end in BANDS]
    defoci = np.zeros((3, (16 * STEPS + 1) * len(reach)))
    defoci[0] = np.outer(reach, np.linspace(-1, 1, 16 * STEPS + 1)).ravel()
    axis = np.linspace(-1, 1, STEPS + 1)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij")).reshape(3, -1)
    grid = grid[:, np.hypot(grid[1], grid[2]) <= 1]
    tried = np.concatenate([defoci, *(grid * size for size in reach[ASTIGMATIC:])], axis=1)
    scores = _scores(maps, overlaps.q_on_detector(), tried, overlaps)
    best = int(np.argmax(scores))
    return Candidate(*map(float, tried[:, best]), float(scores[best]))


def gains_at(overlaps: Overlaps, candidate: Candidate) -> np.ndarray:
    """(M,) log-likelihood that each frequency adds to the score of a candidate."""
    maps, q = slope_maps(overlaps), overlaps.q_on_detector()
    at = np.array([[candidate.C10], [candidate.C12a], [candidate.C12b]])
    return np.array(
        [_scores(maps[m : m + 1], q[:, m : m + 1], at, overlaps)[0] for m in range(len(maps))]
    )


def climbed(overlaps: Overlaps, start: Candidate) -> Candidate:
    """The best first-order coefficients near others, such as those of a slightly other geometry."""
    maps, q = slope_maps(overlaps), overlaps.q_on_detector()
    best = np.array([start.C10, start.C12a, start.C12b])
    step = 1 / (2 * overlaps.wavelength * BANDS[-1] * overlaps.k0 * overlaps.width) / STEPS
    for reach in (4, 2, 1, 0.5, 0.25):
        tried = _about([best], reach * step)
        scores = _scores(maps, q, tried, overlaps)
        best = tried[:, np.argmax(scores)]
    return Candidate(*map(float, best), float(scores.max()))


def _scores(maps, q, tried, overlaps):
    """Score of each (C10, C12a, C12b) in (3, n), by looking up its slopes."""
    scale = overlaps.wavelength * overlaps.width * maps.shape[1]
    return score_matrices(maps, np.ascontiguousarray(q * scale), np.ascontiguousarray(tried))


def _about(found, step):
    """Candidates and their neighbours half a step away, (3, n)."""
    offsets = np.stack(np.meshgrid(*[(-0.5, 0.0, 0.5)] * 3, indexing="ij")).reshape(3, -1) * step
    return np.concatenate([np.array(c)[:, None] + offsets for c in found], axis=1)


def _climb(maps, q, radius, end, found, step, overlaps):
    """The candidates moved to the best place nearby, judged by a band that measures finer."""
    inside = np.flatnonzero(radius < end)
    moved = []
    for candidate in found:
        best, reach = np.array(candidate), step
        for _ in range(4):
            tried = _about([best], reach)
            best = tried[:, np.argmax(_scores(maps[inside], q[:, inside], tried, overlaps))]
            reach /= 2
        moved.append(tuple(best))
    return moved


def _apart(tried, scores, distance):
    """Indices of the best, no two of them neighbours."""
    chosen = []
    for index in np.argsort(-scores)[: 40 * KEPT]:
        moves = [np.abs(tried[:, index] - tried[:, other]).max() for other in chosen]
        if min(moves, default=np.inf) >= 1.5 * distance:
            chosen.append(index)
        if len(chosen) == KEPT:
            break
    return chosen
