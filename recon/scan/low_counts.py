"""Frames of low counts as electron events, exactly."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from recon.kernels.host import frames as kernels
from recon.scan.events import ElectronEvents
from recon.scan.frames import DenseFrames
from recon.scan.growing import Growing
from recon.scan.kinds import ScanData, is_dense

SAMPLE = 64
"""Frames that are looked at to judge whether a scan is sparse."""

EVENT_BYTES = 4
"""Of one electron in memory."""

LARGEST = 1 << 30
"""Count of a pixel; what is beyond it is a mark, or a sum of something else."""


class NoCounts(ValueError):
    """Frames hold something that no electrons one by one can stand for; the message says what."""


def takes_less_as_events(scan: ScanData) -> bool:
    """Whether a scan consists of frames with counts so low that events take no more memory.

    Judged by frames from all over the scan. Counts are whole numbers from zero on, of whatever
    type; whether all frames hold such is known once they are read.
    """
    return is_dense(scan) and reason_against(scan) is None


def reason_against(frames: DenseFrames) -> str | None:
    """Why a sample of the frames is better left dense, in words; None where it is not."""
    every = np.unique(
        np.linspace(0, frames.positions - 1, min(SAMPLE, frames.positions)).round().astype(int)
    )
    electrons = 0.0
    for index in every:
        try:
            slab = _counts_of(frames.read(index, index + 1).reshape(1, -1), index)
        except NoCounts as refusal:
            return str(refusal)
        electrons += float(slab.sum(dtype=np.float64))
    if EVENT_BYTES * electrons > every.size * frames.frame_bytes:
        return (
            f"Frames hold {electrons / every.size:.4g} counts each, so many that events would take "
            "more room than they do."
        )
    return None


def events_from_frames(
    frames: DenseFrames, progress=None, most: int | None = None
) -> ElectronEvents:
    """Events that hold the same counts: a pixel with two counts is two electrons.

    Parameters
    ----------
    frames : DenseFrames
        Of whole numbers from zero on; read in slabs. See `takes_less_as_events`.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.
    most : int, optional
        Electrons that there may be.

    Raises
    ------
    NoCounts
        If a frame holds a fraction, a number below zero, or one too large for a count; or if there
        are more electrons than that.
    UnreadableFile
        If frames cannot be read.
    """
    sums, electrons = np.empty(frames.positions, np.int64), Growing(np.uint32)
    total = 0
    for first, counts, pixels in electrons_of(frames):
        sums[first : first + len(counts)] = counts
        total += len(pixels)
        if most is not None and total > most:
            raise NoCounts(
                f"Frames up to scan position {first + len(counts) - 1} hold {total} counts, so "
                "many that events would take more room than they do."
            )
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
    NoCounts, UnreadableFile
        As for `events_from_frames`.
    """
    for first, slab in frames.slabs(start=start):
        yield first, *electrons_in(slab, first)


def electrons_in(slab, first: int = 0):
    """(n,) int64 electrons of each of some frames, and (E,) uint32 their pixels.

    Parameters
    ----------
    slab : (n, Ky, Kx) array
    first : int
        Scan position of the first one, for what is said.

    Raises
    ------
    NoCounts
        As for `events_from_frames`.
    """
    slab = _counts_of(slab.reshape(len(slab), -1), first)
    counts, lowest = np.empty(len(slab), np.int64), np.empty(len(slab), slab.dtype)
    kernels.totals(slab, counts, lowest)
    starts = np.concatenate([[0], np.cumsum(counts)])
    pixels = np.empty(int(starts[-1]), np.uint32)
    kernels.unpack(slab, np.zeros(slab.shape[1], slab.dtype), starts, pixels)
    return counts, pixels


def _counts_of(slab, first):
    """(n, P) whole numbers from zero on, of frames that begin at a scan position.

    Raises
    ------
    NoCounts
        If one of them is no count.
    """
    if slab.dtype == bool:
        return slab.view(np.uint8)
    whole = slab
    if slab.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            # What does not fit becomes the lowest number, which differs.
            whole = slab.astype(np.int32)
        if not np.array_equal(whole, slab):
            raise _no_count(slab, whole != slab, first, "counts are whole numbers")
    if whole.dtype.kind == "i" and whole.min() < 0:
        raise _no_count(slab, whole < 0, first, "counts are not below zero")
    if whole.dtype.itemsize > 2 and whole.max() > LARGEST:
        raise _no_count(slab, whole > LARGEST, first, "no pixel counts so many electrons")
    return whole


def _no_count(slab, bad, first, why):
    frame, pixel = np.unravel_index(np.argmax(bad), bad.shape)
    return NoCounts(
        f"The frame at scan position {first + frame} holds {slab[frame, pixel]}: {why}, so these "
        "are no electrons one by one."
    )
