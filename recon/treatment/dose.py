"""The same scan at a lower dose: electrons left out at random, and a scan split in two.

Every electron has a number between 0 and 1 that follows from the seed and its place in the scan
alone. Those below the wanted share are kept: what is kept at a low dose is kept at any higher one,
on any number of cores, so that a slider takes electrons away and brings the same ones back.
"""

from dataclasses import replace

import numpy as np

from recon.device.backend import CPU
from recon.kernels.host import thinning
from recon.scan import spill as room
from recon.scan.events import ElectronEvents

NUMBERS = 1 << 32


def thin_events(events: ElectronEvents, share: float, seed: int = 0, progress=None):
    """A scan with about a share of its electrons, drawn binomially.

    Parameters
    ----------
    events : ElectronEvents
    share : float
        Probability with which each electron is kept, 0 to 1.
    seed : int
        The same seed keeps the same electrons, and at a larger share more besides.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    ElectronEvents
        A dose in its metadata is the share of the original one.

    Raises
    ------
    ValueError
        If the share is not between 0 and 1, or the seed is negative.
    UnreadableFile
        If there is no room for the electrons, in memory or for temporary files.

    Notes
    -----
    Binomial thinning of Poisson counts is Poisson again: the scan is one of that dose.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"The share of electrons to keep lies between 0 and 1, not {share:g}.")
    return _drawn(events, 0, round(share * NUMBERS), _checked(seed), progress)


def split_events(events: ElectronEvents, seed: int = 0, progress=None):
    """Two scans of half the dose, every electron in one of them: independent of one another.

    Parameters
    ----------
    events : ElectronEvents
    seed : int
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (ElectronEvents, ElectronEvents)
    """
    tell = progress or (lambda fraction: None)
    return tuple(
        half_of_events(events, which, seed, lambda fraction, n=which: tell((n + fraction) / 2))
        for which in (0, 1)
    )


def half_of_events(events: ElectronEvents, which: int, seed: int = 0, progress=None):
    """One of the two scans of `split_events`, number 0 or 1, where memory shall hold one alone.

    Parameters
    ----------
    which : {0, 1}

    Others, and what is raised, as for `split_events`.
    """
    middle = NUMBERS // 2
    ends = ((0, middle), (middle, NUMBERS))[which]
    return _drawn(events, *ends, _checked(seed), progress)


def _checked(seed):
    if int(seed) != seed or not 0 <= seed < 1 << 63:
        raise ValueError(f"The seed is a whole number from 0 to 2⁶³ - 1, not {seed}.")
    return int(seed)


def _drawn(events, low, high, seed, progress):
    """The electrons whose number lies between `low` and `high`, of 2³²."""
    # Made on the host, where the electrons are; a scan on a device gives one on that device.
    tell = progress or (lambda fraction: None)
    kept = np.zeros(events.positions, np.int64)
    drawn = np.uint64(seed), np.uint64(low), np.uint64(high)
    for first, last in events.batches():
        thinning.count_kept(events.offsets, first, last, *drawn, kept)
        tell(0.5 * last / events.positions)
    offsets = np.zeros(events.positions + 1, np.int64)
    np.cumsum(kept, out=offsets[1:])
    pixels = room.array(int(offsets[-1]))
    places = None if events.subpixel is None else room.array(int(offsets[-1]), np.uint8)
    for first, last in events.batches():
        thinning.keep(events.pixels, events.offsets, first, last, *drawn, offsets, pixels)
        if places is not None:
            thinning.keep(events.subpixel, events.offsets, first, last, *drawn, offsets, places)
        tell(0.5 + 0.5 * last / events.positions)
    metadata = dict(events.metadata)
    if "dose" in metadata:
        metadata["dose"] = metadata["dose"] * (high - low) / NUMBERS
    parts = {"pixels": pixels, "offsets": offsets, "subpixel": places, "metadata": metadata}
    return replace(events, device=CPU, **parts).to_device(events.device)
