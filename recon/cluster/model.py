"""How long a redraw and the making of G take on so many workers: a model with measured rates."""

from dataclasses import dataclass

ENTRY_BYTES = 8
"""Of a frequency of the half plane on its way, and of an entry of G."""


@dataclass(frozen=True)
class Rates:
    """What one worker does, and what lies between the workers.

    Attributes
    ----------
    entries : float
        Entries that a worker sums [1/s].
    ask : float
        Time from a question to an answer without contents [s].
    link : float
        What comes to the one who asks, or from one worker to another [bytes/s].
    inverse : float
        Positions that the one who asks transforms to an image [1/s].
    transforms : float
        Positions of planes that a worker sums, transforms and packs [1/s].
    """

    entries: float
    ask: float
    link: float
    inverse: float
    transforms: float


@dataclass(frozen=True)
class Work:
    """A G: entries, positions of the scan, planes, and bytes of the half plane."""

    entries: int
    positions: int
    planes: int
    spectrum: int


def redraw_s(work: Work, workers: int, rates: Rates) -> float:
    """Seconds of a redraw.

    Slabs are summed at one time; all of their rows come over the one link of whoever asks, as
    many bytes for any number of workers; the last transform is made there.
    """
    summing = work.entries / (workers * rates.entries)
    return rates.ask + summing + work.spectrum / rates.link + work.positions / rates.inverse


def building_s(work: Work, workers: int, rates: Rates) -> float:
    """Seconds of the making of G, once the workers have read their rows.

    Each plane is exchanged twice: as counts of a byte, and as the half plane of its transform. Of
    both, all but the share of a worker's own goes over its link, which takes and gives at a time.
    """
    summing = work.positions * work.planes / (workers * rates.transforms)
    moved = (work.positions + work.spectrum) * work.planes * (workers - 1) / workers
    return summing + moved / (workers * rates.link)


def rates_of(work: Work, ask: float, empty: float, redraw: float, inverse: float, building: float):
    """Rates from what was measured with one worker.

    Parameters
    ----------
    ask, empty : float
        Times to ask for nothing, and for rows that nothing is summed for [s].
    redraw, inverse, building : float
        Times of a redraw, its last transform, and the making of G [s].

    Raises
    ------
    ValueError
        If the parts take longer than the whole.
    """
    carried, summing = empty - ask, redraw - empty - inverse
    if min(ask, carried, summing, inverse, building) <= 0:
        raise ValueError("The parts of a redraw were measured to take longer than all of it.")
    return Rates(
        work.entries / summing,
        ask,
        work.spectrum / carried,
        work.positions / inverse,
        work.positions * work.planes / building,
    )
