"""Frames of low counts as electron events, exactly."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from recon.events import ElectronEvents
from recon.frames import DenseFrames
from recon.growing import Growing
from recon.kernels import frames as kernels

SAMPLE = 64
"""Frames that are looked at to judge whether a scan is sparse."""

EVENT_BYTES = 4
"""Of one electron in memory."""


def takes_less_as_events(frames: DenseFrames) -> bool:
    """Whether frames hold counts so low that events take no more memory than the frames.

    Judged by frames from all over the scan. Real numbers and numbers below zero are no counts.
    """
    if frames.dtype.kind not in "bui":
        return False
    every = np.unique(
        np.linspace(0, frames.positions - 1, min(SAMPLE, frames.positions)).round().astype(int)
    )
    electrons = 0
    for index in every:
        frame = frames.read(index, index + 1)
        if frame.min() < 0:
            return False
        electrons += int(frame.sum(dtype=np.uint64))
    return EVENT_BYTES * electrons <= every.size * frames.frame_bytes


def events_from_frames(frames: DenseFrames, progress=None) -> ElectronEvents:
    """Events that hold the same counts: a pixel with two counts is two electrons.

    Parameters
    ----------
    frames : DenseFrames
        Of whole numbers; read in slabs. See `takes_less_as_events`.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If frames hold real numbers, or a number below zero.
    UnreadableFile
        If frames cannot be read.
    """
    sums, electrons = np.empty(frames.positions, np.int64), Growing(np.uint32)
    for first, counts, pixels in electrons_of(frames):
        sums[first : first + len(counts)] = counts
        electrons.append(pixels)
        if progress is not None:
            progress((first + len(counts)) / frames.positions)
    source = replace(frames.source, format=f"{frames.source.format}, low counts as events")
    return ElectronEvents(
        electrons.taken(),
        np.concatenate([[0], np.cumsum(sums)]),
        frames.scan_shape,
        frames.frame_shape,
        frames.metadata,
        source,
        excluded=frames.excluded,
    )


def electrons_of(frames: DenseFrames, start: int = 0) -> Iterator:
    """(first, counts, pixels) of one slab after the other.

    Parameters
    ----------
    frames : DenseFrames
        Of whole numbers.
    start : int
        Frame to begin with.

    Yields
    ------
    first : int
        Frame with which the slab begins.
    counts : (n,) int64 array
        Electrons of each of its frames.
    pixels : (E,) uint32 array
        Their pixels, frame after frame.

    Raises
    ------
    ValueError, UnreadableFile
        As for `events_from_frames`.
    """
    if frames.dtype.kind not in "bui":
        raise ValueError(
            f"Frames of {frames.dtype} hold no counts, so they are no electrons one by one: "
            "count them first (`livestem count`), or use them as they are."
        )
    for first, slab in frames.slabs(start=start):
        slab = slab.reshape(len(slab), -1)
        if slab.dtype == bool:
            slab = slab.view(np.uint8)
        counts, lowest = np.empty(len(slab), np.int64), np.empty(len(slab), slab.dtype)
        kernels.totals(slab, counts, lowest)
        if lowest.min() < 0:
            bad = int(np.argmin(lowest))
            raise ValueError(
                f"The frame at scan position {first + bad} holds {lowest[bad]}: counts are not "
                "below zero, so these are no electrons one by one."
            )
        starts = np.concatenate([[0], np.cumsum(counts)])
        pixels = np.empty(int(starts[-1]), np.uint32)
        kernels.unpack(slab, np.zeros(slab.shape[1], slab.dtype), starts, pixels)
        yield first, counts, pixels
