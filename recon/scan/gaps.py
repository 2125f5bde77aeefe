"""Values of dense frames that are no numbers: NaN where there is none, and infinity."""

from dataclasses import replace

import numpy as np

from recon.errors import UnreadableFile
from recon.scan.frames import DenseFrames

SAMPLE = 16
"""Frames that are looked at for pixels with a mark in place of a count."""

FEW = 0.01
"""Share of 16-bit pixels that may have the largest number in all frames before it is taken for a
camera that is saturated."""

MOST = 0.05
"""Share of the frames that may lack a pixel's value; beyond it the pixel is left out of all."""


def without_gaps(frames: DenseFrames, progress=None) -> DenseFrames:
    """The scan without values that are no finite numbers, which its notes say.

    Parameters
    ----------
    frames : DenseFrames
        Real numbers are read once, and once more if something is missing. Of unsigned integers
        some are read, for pixels that have the largest number of their type in all of them: they
        are saturated, or it is a mark.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    DenseFrames
        `frames` itself where nothing is missing. Else pixels that lack more than `MOST` of their
        values are `excluded`, frames that lack more than half of theirs are empty, and other
        values that are missing read zero.

    Raises
    ------
    UnreadableFile
        If no number is left, or frames cannot be read.
    """
    if frames.dtype.kind != "f":
        return _without_marks(frames) if frames.dtype.kind == "u" else frames
    tell = progress or (lambda fraction: None)
    size = frames.frame_shape[0] * frames.frame_shape[1]
    lacking = np.zeros(frames.positions, np.int64)
    for part, missing in _missing(frames, tell):
        lacking[part] = missing.sum(axis=1)
    if not lacking.any():
        return frames
    # What nearly every frame lacks are pixels, not frames.
    usual = int(np.median(lacking[lacking < size])) if (lacking < size).any() else 0
    empty = lacking - usual > (size - usual) / 2
    pixels = np.zeros(size, np.int64)
    for part, missing in _missing(frames, tell):
        pixels += missing[~empty[part]].sum(axis=0)
    kept = int(np.count_nonzero(~empty))
    bad = pixels > MOST * kept
    if not kept or bad.all():
        raise UnreadableFile("its frames hold no numbers: every value is NaN or infinite")

    def load(first, last):
        found = np.array(frames.load(first, last), frames.dtype)
        found[~np.isfinite(found)] = 0
        found[empty[first:last]] = 0
        return found

    notes = *frames.source.notes, *_said(bad, empty, pixels)
    excluded = bad.reshape(frames.frame_shape)
    if frames.excluded is not None:
        excluded = excluded | frames.excluded
    source = replace(frames.source, notes=notes)
    return replace(frames, load=load, excluded=excluded, source=source)


def _without_marks(frames):
    if frames.dtype.itemsize < 2 or frames.positions < SAMPLE:
        return frames
    mark, bad = np.iinfo(frames.dtype).max, np.ones(frames.frame_shape, bool)
    for index in np.linspace(0, frames.positions - 1, SAMPLE).astype(int):
        bad &= frames.read(index, index + 1)[0] == mark
        if not bad.any():
            return frames
    if bad.all() or (frames.dtype.itemsize == 2 and bad.mean() > FEW):
        return frames
    number = int(bad.sum())
    verb = "holds" if number == 1 else "hold"
    note = (
        f"{number} of {bad.size} detector pixels {verb} {mark} in all frames, no count but a mark: "
        "left out of every sum."
    )
    excluded = bad if frames.excluded is None else bad | frames.excluded
    source = replace(frames.source, notes=(*frames.source.notes, note))
    return replace(frames, excluded=excluded, source=source)


def _missing(frames, tell):
    """(slice of the positions, (n, P) bool where values are missing) slab after slab."""
    for first, slab in frames.slabs():
        part = slice(first, first + len(slab))
        yield part, ~np.isfinite(slab.reshape(len(slab), -1))
        tell(part.stop / frames.positions)


def _said(bad, empty, pixels):
    """What is left out, in sentences."""
    nothing = "no number (NaN or infinite)"
    if number := int(bad.sum()):
        verb = "holds" if number == 1 else "hold"
        yield f"{number} of {bad.size} detector pixels {verb} {nothing}: left out of every sum."
    if number := int(empty.sum()):
        verb = "holds" if number == 1 else "hold"
        yield f"{number} of {empty.size} frames {verb} {nothing}: taken as empty."
    if number := int(pixels[~bad].sum()):
        verb = "holds" if number == 1 else "hold"
        yield (
            f"In single frames {number} more pixel{'' if number == 1 else 's'} {verb} {nothing}: "
            "left out of the sums of those frames."
        )
