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
    task : float
        What the one scheduler takes for a task [s].
    """

    entries: float
    ask: float
    link: float
    inverse: float
    transforms: float
    task: float = 0.0


@dataclass(frozen=True)
class Work:
    """A G: entries, positions of the scan, planes, bytes of the half plane, planes to a batch."""

    entries: int
    positions: int
    planes: int
    spectrum: int
    batch: int = 1


def redraw_s(work: Work, workers: int, rates: Rates, at_once: int | None = None) -> float:
    """Seconds of a redraw.

    Slabs are summed at one time, or `at_once` of them where workers share fewer cores; all of
    their rows come over the one link of whoever asks, as many bytes for any number of workers; the
    last transform is made there.
    """
    summing = work.entries / (min(workers, at_once or workers) * rates.entries)
    return rates.ask + summing + work.spectrum / rates.link + work.positions / rates.inverse


def building_s(work: Work, workers: int, rates: Rates, at_once: int | None = None) -> float:
    """Seconds of the making of G, once the workers have read their rows.

    The scheduler, which is one for all, hands out what each batch of planes needs: its counts from
    each worker, a transform and its sums, and for each slab a part to fetch and to pack.

    Each plane is exchanged twice: as counts of a byte, and as the half plane of its transform. Of
    both, all but the share of a worker's own goes over its link, which takes and gives at a time.
    """
    at_once = min(workers, at_once or workers)
    summing = work.positions * work.planes / (at_once * rates.transforms)
    moved = (work.positions + work.spectrum) * work.planes * (workers - 1) / workers
    return summing + moved / (at_once * rates.link) + tasks(work, workers) * rates.task


def tasks(work: Work, workers: int) -> int:
    """Tasks that the making of G takes."""
    return -(-work.planes // work.batch) * (3 * workers + 2)


def rates_of(
    work: Work,
    ask: float,
    empty: float,
    redraw: float,
    inverse: float,
    building: float,
    task: float = 0.0,
):
    """Rates from what was measured with one worker.

    Parameters
    ----------
    ask, empty : float
        Times to ask for nothing, and for rows that nothing is summed for [s].
    redraw, inverse, building : float
        Times of a redraw, its last transform, and the making of G [s].
    task : float
        Time that a task with nothing to do takes of the scheduler [s].

    Raises
    ------
    ValueError
        If the parts take longer than the whole.
    """
    carried, summing = empty - ask, redraw - empty - inverse
    making = building - tasks(work, 1) * task
    if min(ask, carried, summing, inverse, making) <= 0:
        raise ValueError("The parts of a redraw were measured to take longer than all of it.")
    return Rates(
        work.entries / summing,
        ask,
        work.spectrum / carried,
        work.positions / inverse,
        work.positions * work.planes / making,
        task,
    )
