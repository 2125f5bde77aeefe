"""How a file's frames fill a scan, for formats that list frames and say nothing of rows."""

from dataclasses import replace
from math import isqrt

import numpy as np

from recon.errors import ScanUnknown, UnreadableFile
from recon.scan import spill as room
from recon.scan.events import ElectronEvents

CANDIDATES = 4
"""Shapes that a question offers."""
TRIES = 1 << 16
"""Heights that are tried: all of them for any real scan, few enough for an absurd number."""


def candidates(frames: int, most: int = CANDIDATES) -> list[tuple[int, int]]:
    """Scan shapes (Sy, Sx) that `frames` fill without rest, the squarest first.

    Of two that are equally square, the wider one comes first. A single row is offered only if
    nothing else was found.
    """
    found = []
    root = isqrt(frames)
    for height in range(root, max(1, root - TRIES), -1):
        if frames % height == 0:
            wide = (height, frames // height)
            found += [wide] if wide[0] == wide[1] else [wide, wide[::-1]]
            if len(found) >= most:
                break
    return found[:most] or [(1, frames)]


def fill(frames: int, asked=None) -> tuple[int, int]:
    """The scan shape (Sy, Sx) that was asked for, checked against the number of frames.

    Raises
    ------
    UnreadableFile
        If nothing was asked for (the sentence then asks, and offers shapes that fit), or if the
        frames do not fill the shape.
    """
    if frames < 1:
        raise UnreadableFile("the file holds no frames")
    shapes = candidates(frames)
    offered = " or ".join(f"{height} × {width}" for height, width in shapes)
    if asked is None:
        raise ScanUnknown(
            f"the file holds {frames} frames and does not say how they fill the scan: "
            f"is it {offered}? Give the scan shape as (rows, columns).",
            shapes,
        )
    height, width = pair(asked, "scan")
    if height * width != frames:
        raise ScanUnknown(
            f"{frames} frames do not fill a scan of {height} × {width} positions "
            f"({height * width}): is it {offered}?",
            shapes,
        )
    return height, width


def contradicted(stated, asked) -> tuple[str, ...]:
    """A sentence if the scan shape that was asked for is not what the file states."""
    if asked is None or stated is None or len(stated) != 2:
        return ()
    if tuple(stated) == tuple(int(n) for n in asked):
        return ()
    text = " × ".join(str(length)[:20] for length in stated)
    return (
        f"The file states a scan of {text} positions; it was asked for as "
        "{} × {}, which is taken.".format(*asked),
    )


def pair(shape, of: str) -> tuple[int, int]:
    """Two whole numbers of at least one, as given by a caller.

    Raises
    ------
    UnreadableFile
        If they are anything else.
    """
    try:
        height, width = shape
        result = int(height), int(width)
        exact = result == (height, width)
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or min(result) < 1:
        raise UnreadableFile(
            f"the {of}'s shape must be two whole numbers (rows, columns) of at least 1, "
            f"not {str(shape)[:60]}"
        )
    return result


def without_last_column(events: ElectronEvents) -> ElectronEvents:
    """The scan without its last column, which holds the flyback of the beam.

    Raises
    ------
    UnreadableFile
        If there is no other column.
    """
    height, width = events.scan_shape
    if width == 1:
        raise UnreadableFile("the scan has a single column; without flyback nothing is left")
    first, last = events.offsets[:-1:width], events.offsets[width - 1 :: width]
    kept = [slice(a, b) for a, b in zip(first, last, strict=True)]
    offsets = np.concatenate([[0], np.cumsum(events.counts[:, :-1])])

    def left_of(values):
        if values is None:
            return None
        out = room.array(int(offsets[-1]), values.dtype)
        return np.concatenate([values[part] for part in kept], out=out)

    return replace(
        events,
        pixels=left_of(events.pixels),
        subpixel=left_of(events.subpixel),
        offsets=offsets,
        scan_shape=(height, width - 1),
        source=replace(events.source, flyback="dropped"),
    )
