"""The patterns of a scan put straight: descan and the disc's ellipticity taken out of the events.

Each electron goes to where it would have been, before anything is binned or summed:
k → c + M (k - shift(R) - c), with M that of an `Ellipse` about its centre c, and the shift that of
a `Descan` at the scan position R.
"""

from dataclasses import replace
from itertools import product

import numpy as np
from scipy import sparse

from recon.device.backend import CPU
from recon.geometry.descan import Descan
from recon.geometry.ellipse import Ellipse
from recon.kernels.host import straighten as kernels
from recon.scan import spill as room
from recon.scan.events import ElectronEvents
from recon.scan.frames import DenseFrames
from recon.sums.com import row_divider
from recon.treatment.mask import without

SUBPOINTS = 4
"""Along each edge of a pixel, over which a frame is interpolated."""
BATCH = 1 << 26
"""Electrons in one launch of a kernel: a fraction of a second."""


def straighten(
    events: ElectronEvents,
    descan: Descan | None = None,
    ellipse: Ellipse | None = None,
    progress=None,
    seed: int = 0,
) -> ElectronEvents:
    """The scan without its descan and with a round disc, electron by electron.

    Parameters
    ----------
    events : ElectronEvents
        The scan as recorded, before crops: a descan is one over the whole scan, and an ellipse's
        centre one on the whole detector. May be memory-mapped.
    descan, ellipse
        What to take out; None leaves it.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.
    seed : int
        Of the places in pixels, where they are drawn.

    Returns
    -------
    ElectronEvents
        On the device of `events`. Places in pixels are kept in `subpixel`, to a sixteenth. A centre
        in the metadata moves along; a radius stays, as the ellipse keeps its area. Electrons that
        leave the detector are dropped, and a note in the source says how many. What an excluded
        pixel passes over in any frame is excluded whole: part of the time it would be dim. Without
        descan and ellipse, `events` itself.

    Raises
    ------
    ValueError
        If the seed is negative, an electron lies outside the detector, or the descan is larger
        than that.
    UnreadableFile
        If there is no room for the electrons, in memory or for temporary files.

    Notes
    -----
    Where a source does not say where in its pixel an electron was, its place is drawn from the
    pixel's area, the same in each call with the same seed. Of the shift that is then not whole
    pixels, each electron takes what its place makes of it: expected counts are the old ones
    averaged over the area of the moved pixel, and counts stay Poisson. Moved from the middle of
    its pixel instead, every electron of a frame would jump at once where the shift passes half a
    pixel, and a stretched pattern would have rows that are empty or doubled.

    Done on the host, in two passes over the electrons, and taken back to the device.
    """
    if descan is None and ellipse is None:
        return events
    if int(seed) != seed or not 0 <= seed < 1 << 63:
        raise ValueError(f"The seed is a whole number from 0 to 2⁶³ - 1, not {seed}.")
    tell = progress or (lambda fraction: None)
    _check_reach(descan, events)
    events.check_pixels()
    matrix, centre = np.eye(2), np.zeros(2)
    if ellipse is not None:
        matrix, centre = ellipse.matrix, np.array(ellipse.centre)
    origin = centre - matrix @ centre
    powers = np.zeros((2, 6)) if descan is None else descan.polynomial(events.scan_shape)
    places = np.empty(0, np.uint8) if events.subpixel is None else events.subpixel
    electrons = events.pixels, places, events.offsets
    shapes = np.array([events.scan_shape, events.frame_shape], np.int64)
    divider = tuple(np.uint64(number) for number in row_divider(*events.frame_shape))
    how = shapes, divider, (matrix, origin, powers), np.uint64(seed)
    safe = _safe(events.frame_shape, matrix, origin, powers)

    kept = np.zeros(events.positions, np.int64)
    for first, last in events.batches(BATCH):
        kernels.count_moved(electrons, first, last, safe, *how, kept)
        tell(0.3 * last / events.positions)
    offsets = np.zeros(events.positions + 1, np.int64)
    np.cumsum(kept, out=offsets[1:])
    pixels, left = (room.array(int(offsets[-1]), dtype) for dtype in (np.uint32, np.uint8))
    for first, last in events.batches(BATCH):
        kernels.move(electrons, first, last, *how, offsets, pixels, left)
        tell(0.3 + 0.7 * last / events.positions)

    metadata = dict(events.metadata)
    if "centre" in metadata:
        moved = centre + matrix @ (np.array(metadata["centre"], float) - centre)
        metadata["centre"] = tuple(float(value) for value in moved)
    source = events.source
    if lost := events.electrons - int(offsets[-1]):
        note = (
            f"{lost} of {events.electrons} electrons left the detector when the patterns were put "
            "straight."
        )
        source = replace(source, notes=(*source.notes, note))
    straight = replace(
        events,
        pixels=pixels,
        offsets=offsets,
        subpixel=left,
        metadata=metadata,
        source=source,
        excluded=None,
        device=CPU,
    )
    holes = _passed_over(events, matrix, origin, descan)
    return without(straight, holes).to_device(events.device)


def _check_reach(descan, scan):
    if descan is None:
        return
    largest = float(np.hypot(*descan.shift(scan.scan_shape)).max())
    if largest > max(scan.frame_shape):
        raise ValueError(
            f"The descan moves the pattern by up to {largest:.3g} px, further than the detector of "
            "{} × {} pixels is wide: its coefficients are pixels.".format(*scan.frame_shape)
        )


def _safe(frame_shape, matrix, origin, powers):
    """(Ky Kx,) bool: pixels whose electrons stay on the detector in every frame."""
    # No polynomial of arguments up to 1 exceeds the sum of its coefficients.
    reach = np.abs(matrix) @ (np.abs(powers).sum(axis=1) + 1)
    y, x = np.ogrid[: frame_shape[0], : frame_shape[1]]
    inside = True
    for row, start, size, most in zip(matrix, origin, frame_shape, reach, strict=True):
        place = row[0] * y + row[1] * x + start
        inside = inside & (place > most) & (place < size - 1 - most)
    return inside.ravel()


def straighten_frames(
    frames: DenseFrames, descan: Descan | None = None, ellipse: Ellipse | None = None
) -> DenseFrames:
    """The scan without its descan and with a round disc, frame by frame as they are read.

    Parameters
    ----------
    frames : DenseFrames
        The scan as recorded.
    descan : Descan, optional
        Taken out by whole pixels: half a pixel of it may remain.
    ellipse : Ellipse, optional
        Taken out by interpolation: each pixel is the mean, over its area, of what lies where it
        came from, linear between pixels. An even pattern stays even; its noise gets smoother.

    Returns
    -------
    DenseFrames
        Pixels that come in from outside are zero. With an ellipse, of real numbers; a centre in
        the metadata moves along.

    Raises
    ------
    ValueError
        For a descan larger than the detector.
    """
    if ellipse is not None:
        return _made_round(straighten_frames(frames, descan), ellipse)
    if descan is None:
        return frames
    _check_reach(descan, frames)
    powers = descan.polynomial(frames.scan_shape)

    def load(first, last):
        moved = np.zeros((last - first, *frames.frame_shape), frames.dtype)
        for out, frame, position in zip(
            moved, frames.read(first, last), range(first, last), strict=True
        ):
            row, column = divmod(position, frames.scan_shape[1])
            shift = (kernels.polynomial(c, row, column, *frames.scan_shape) for c in powers)
            target, source = zip(
                *(_overlap(round(s), n) for s, n in zip(shift, frame.shape, strict=True)),
                strict=True,
            )
            out[target] = frame[source]
        return moved

    holes = _passed_over(frames, np.eye(2), np.zeros(2), descan)
    return replace(frames, load=load, excluded=holes)


def _made_round(frames, ellipse):
    matrix, centre = ellipse.matrix, np.array(ellipse.centre)
    origin = centre - matrix @ centre
    weights = _interpolation(frames.frame_shape, matrix, origin)
    dtype = np.promote_types(frames.dtype, np.float32)

    def load(first, last):
        found = frames.read(first, last).reshape(last - first, -1)
        return (weights @ found.T.astype(dtype)).T.reshape(-1, *frames.frame_shape)

    holes = _passed_over(frames, matrix, origin, None)
    metadata = dict(frames.metadata)
    if "centre" in metadata:
        metadata["centre"] = tuple(
            map(float, origin + matrix @ np.array(metadata["centre"], float))
        )
    return replace(frames, load=load, dtype=dtype, excluded=holes, metadata=metadata)


def _interpolation(frame_shape, matrix, origin):
    """(P, P) sparse: what each pixel of a stretched frame takes of those of the recorded one."""
    pixels, inverse = frame_shape[0] * frame_shape[1], np.linalg.inv(matrix)
    y, x = np.indices(frame_shape).reshape(2, -1)
    total = sparse.csr_array((pixels, pixels), dtype=np.float32)
    parts = (np.arange(SUBPOINTS) + 0.5) / SUBPOINTS - 0.5
    for off_y, off_x in product(parts, parts):
        place = inverse @ (np.stack([y + off_y, x + off_x]) - origin[:, None])
        corner = np.floor(place).astype(np.int64)
        share = place - corner
        for step in product((0, 1), (0, 1)):
            row, column = corner + np.array(step)[:, None]
            weight = np.prod([s if n else 1 - s for s, n in zip(share, step, strict=True)], axis=0)
            inside = (row >= 0) & (row < frame_shape[0]) & (column >= 0) & (column < frame_shape[1])
            source = row[inside] * frame_shape[1] + column[inside]
            values = (weight[inside] / SUBPOINTS**2).astype(np.float32)
            total += sparse.csr_array(
                (values, (np.flatnonzero(inside), source)), shape=(pixels, pixels)
            )
    return total


def _passed_over(scan, matrix, origin, descan):
    """(Ky, Kx) bool: pixels that an excluded one touches in some frame; None for no such pixel."""
    if scan.excluded is None:
        return None
    shift = np.zeros((2, 1)) if descan is None else descan.shift(scan.scan_shape).reshape(2, -1)
    # To the nearest half pixel, which is a quarter off at most.
    halves = np.unique(np.round(2 * shift), axis=1).T / 2
    reach = np.abs(matrix) @ np.array([0.75, 0.75])
    k = np.stack(np.nonzero(scan.excluded))
    holes = np.zeros(scan.frame_shape, bool)
    for each in halves:
        place = matrix @ (k - each[:, None]) + origin[:, None]
        first = np.floor(place - reach[:, None] + 0.5).astype(int)
        last = np.floor(place + reach[:, None] + 0.5).astype(int)
        for step in np.ndindex(*(last - first).max(axis=1) + 1):
            y, x = np.minimum(first + np.array(step)[:, None], last)
            inside = (y >= 0) & (y < holes.shape[0]) & (x >= 0) & (x < holes.shape[1])
            holes[y[inside], x[inside]] = True
    return holes


def _overlap(shift, size):
    """Where of an axis what comes from where, when it moves back by `shift` pixels."""
    reach = max(size - abs(shift), 0)
    to, from_ = max(-shift, 0), max(shift, 0)
    return slice(min(to, size), min(to, size) + reach), slice(from_, from_ + reach)
