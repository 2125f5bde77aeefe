"""Counts that stand out from their neighbours by more than counting statistics allow."""

from functools import wraps

import numpy as np
from scipy import ndimage, special

FALSE_ALARMS = 0.05
"""Expected number of false alarms of a map without faults, whatever its size, at most."""

RANK = 2
"""Neighbours, of 24, that may be at fault as well: the third from the end is the reference."""

MARGIN = 1.25
"""Gain differs from pixel to pixel; a fault stands out by more."""

ROUNDS = 8

CHI_SQUARE = 0.455
"""Median of a χ² of one degree of freedom."""

RIM = 1
"""Pixels within a disc's radius in which it begins to fall off."""
REACH = 5 * ROUNDS
"""Rows beyond which what a map holds has no say: half a window of 11 × 11 in each round."""

STRIP = 1 << 22
"""Values of a map that are judged at a time, so that the largest scan takes little memory."""

_RING = np.ones((5, 5), bool)
_RING[2, 2] = False


def _in_strips(judge):
    """Have `judge(counts, dispersion, floor, size)` look at so many rows of a map at a time."""

    @wraps(judge)
    def whole(counts, dispersion: float = 1.0, floor: float = 0.0):
        counts = np.asarray(counts)
        found = np.zeros(counts.shape, bool)
        step = max(REACH, STRIP // counts.shape[1])
        for top in range(0, len(counts), step):
            first = max(0, top - REACH)
            part = counts[first : top + step + REACH]
            if part.any():
                judged = judge(part, dispersion, floor, counts.size)
                found[top : top + step] = judged[top - first : top - first + step]
        return found

    return whole


@_in_strips
def too_many(counts, dispersion, floor, size) -> np.ndarray:
    """(H, W) bool: where counts exceed all but two of their 24 neighbours beyond chance.

    Parameters
    ----------
    counts : (H, W) array
        Poisson, apart from `dispersion`.
    dispersion : float
        Variance over mean.
    floor : float
        Part of each count that the gain of a pixel does not scale.
    size : int
        Values of the whole map.

    Notes
    -----
    P(n >= counts | level) < 0.05 / (H W), with the level the larger of the third largest of 24
    neighbours and an upper limit of the mean of 11 × 11, (sum + 3 √sum + 5) / number: both lie
    above the expectation where it is smooth, so 0.05 false alarms a map is an upper limit. At a
    disc's rim the third neighbour lies in the disc. What is found is replaced by its level, and
    the rest judged again, for what stood in its shadow.
    """
    work = np.asarray(counts, float) / dispersion
    found = np.zeros(work.shape, bool)
    window = ndimage.uniform_filter(np.ones(work.shape), 11, mode="constant") * 121
    for _ in range(ROUNDS):
        third = ndimage.rank_filter(work, -1 - RANK, footprint=_RING, mode="reflect")
        total = ndimage.uniform_filter(work, 11, mode="constant") * 121 - work
        total = np.maximum(total, 0)
        mean = (total + 3 * np.sqrt(total) + 5) / np.maximum(window - 1, 1)
        level = np.maximum(MARGIN * third - (MARGIN - 1) * floor / dispersion, mean)
        new = (special.gammainc(np.maximum(work, 1e-9), level) < FALSE_ALARMS / size) & (
            work > level
        )
        if not new.any():
            break
        found |= new
        work = np.where(new, third, work)
    return found


@_in_strips
def too_few(counts, dispersion, floor, size) -> np.ndarray:
    """(H, W) bool: where counts fall below half of all but two of 24 neighbours, beyond chance.

    The other side of `too_many`: P(n <= counts | half the third smallest neighbour)
    < 0.05 / (H W), or no count at all where the map's median makes that as unlikely.
    """
    work = np.asarray(counts, float) / dispersion
    third = ndimage.rank_filter(work, RANK, footprint=_RING, mode="reflect")
    floor = floor / dispersion
    half = (third + floor) / 2
    # Noise without a beam has longer tails below than counts have: nothing is told from it.
    lit = third > floor + 5 * np.sqrt(floor)
    return (
        (special.gammaincc(np.maximum(work, 0) + 1, half) < FALSE_ALARMS / size)
        & (work < half)
        & lit
    )


def empty(counts, nothing, dispersion: float = 1.0) -> np.ndarray:
    """(H, W) bool: where there is nothing, and chance does not explain it.

    Parameters
    ----------
    counts : (H, W) array
    nothing : (H, W) bool array
        Where nothing at all was recorded.
    dispersion : float
        Variance over mean.

    Notes
    -----
    Frames are empty if of those that are not 19 in 20 hold so much that chance empties none of the
    map; else whole rows and columns may be, of which the same is asked.
    """
    found = np.zeros(nothing.shape, bool)
    for sums, none in (
        (counts, nothing),
        (counts.sum(1, keepdims=True), nothing.all(1, keepdims=True)),
        (counts.sum(0, keepdims=True), nothing.all(0, keepdims=True)),
    ):
        if none.any() and not none.all():
            least = typical(sums, ~none, 5) / dispersion
            if sums.size * np.exp(-max(least, 0.0)) < FALSE_ALARMS:
                found |= none
    return found


def typical(counts, keep, percentile: float = 50) -> float:
    """Median of a map, or another percentile, where it is kept (bool); of large ones of a part."""
    every = max(1, counts.size // STRIP)
    some = counts.reshape(-1)[::every][keep.reshape(-1)[::every]]
    return float(np.percentile(some, percentile)) if some.size else 0.0


def dispersion_of(counts, counted: bool = True, nothing=None) -> float:
    """Variance over mean of a map, from neighbours along its rows; robust.

    Of what was counted one by one it is at least 1, and 1 where counts are too few for a median.
    Pairs of which one is `nothing` (H, W) bool do not count.
    """
    every = max(1, counts.size // STRIP)
    a, b = (np.asarray(part, float) for part in (counts[::every, :-1], counts[::every, 1:]))
    if nothing is not None:
        both = ~(nothing[::every, :-1] | nothing[::every, 1:])
        a, b = a[both], b[both]
    if a.size < 2 or (counted and np.median(a + b) < 10):
        return 1.0
    if not counted:
        mean = max(float(np.median(a + b)), 1e-300)
        return max(float(np.median((a - b) ** 2)) / mean / CHI_SQUARE, 1e-9 * mean)
    ratio = (a - b) ** 2 / np.maximum(a + b, 1)
    return max(1.0, float(np.median(ratio)) / CHI_SQUARE)


def dark_blocks(pattern, centre) -> np.ndarray:
    """(Ky, Kx) bool: blocks of the detector with less than a tenth of what their radius has.

    Pixels are binned until the brighter half of them has 30 counts a block; a block is compared
    with the smallest of three medians, over its ring and both neighbouring ones, so that nothing is
    expected outside a disc's rim. One block alone is not yet a sector: four connected ones are.
    """
    pattern = np.asarray(pattern, float)
    dark = np.zeros(pattern.shape, bool)
    lit = pattern[pattern > 0.2 * np.percentile(pattern, 98)]
    if not lit.size or pattern.sum() < 1000:
        return dark
    b = int(np.clip(np.ceil(np.sqrt(30 / max(np.median(lit), 0.1))), 1, 8))
    h, w = (n // b for n in pattern.shape)
    if min(h, w) < 6:
        return dark
    blocks = pattern[: h * b, : w * b].reshape(h, b, w, b).sum((1, 3))
    y, x = ((np.arange(n) + 0.5) * b - 0.5 - c for n, c in zip((h, w), centre, strict=True))
    ring = (np.hypot(y[:, None], x) / b).astype(int)
    medians = ndimage.median(blocks, ring, np.arange(ring.max() + 1))
    expected = ndimage.minimum_filter1d(medians, 5, mode="nearest")[ring]
    few = (blocks < 0.1 * expected) & (expected >= 30)
    labels, number = ndimage.label(few)
    sizes = np.bincount(labels.ravel(), minlength=number + 1)
    big = np.isin(labels, 1 + np.flatnonzero(sizes[1:] >= 4))
    dark[: h * b, : w * b] = np.kron(big, np.ones((b, b), bool))
    return dark


def shadow(pattern, centre, radius) -> np.ndarray:
    """(Ky, Kx) bool: patches of the bright-field disc with less than a tenth of what it has.

    In the mean over a scan the disc is lit all over: a patch of four pixels or more that is dark
    is covered, by a beam stop, or dead. The level of the disc is that of its brightest tenth, so
    that most of it may be covered; at the rim, where it falls off, the median of the ring.

    Parameters
    ----------
    pattern : (Ky, Kx) array
        Counts, Poisson.
    centre : (float, float)
        Of the disc (y, x) [px].
    radius : float
        Its radius [px].
    """
    pattern = np.asarray(pattern, float)
    y, x = (np.arange(n) - c for n, c in zip(pattern.shape, centre, strict=True))
    r = np.hypot(y[:, None], x)
    inside = r < radius - RIM
    if not inside.any():
        return inside
    expected = np.where(inside, np.percentile(pattern[inside], 90), 0)
    ring = np.floor(2 * (r - radius + RIM)).astype(int)
    for number in range(2 * RIM):
        here = ring == number
        if here.any():
            expected[here] = np.median(pattern[here])
    few = special.gammaincc(pattern + 1, expected / 2) < FALSE_ALARMS / pattern.size
    labels, number = ndimage.label(few & (pattern < 0.1 * expected), np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=number + 1)
    return np.isin(labels, 1 + np.flatnonzero(sizes[1:] >= 4))
