"""Smaller, coarser or turned scans, from events to events.

The work is done on the host, where files and exports want the events; a scan on a device gives
one on that device.
"""

from dataclasses import asdict, replace
from math import cos, isfinite, radians, sin

import numpy as np

from recon.device.backend import CPU
from recon.kernels.cpu import events as kernels
from recon.kernels.host import masking
from recon.optics import Aberrations
from recon.scan import spill as room
from recon.scan.events import ElectronEvents

BATCH = 1 << 27
"""Electrons in one launch of a kernel: a fraction of a second."""


def crop_scan(events: ElectronEvents, rows, columns, progress=None) -> ElectronEvents:
    """The scan positions rows[0] <= y < rows[1], columns[0] <= x < columns[1].

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    rows, columns : (int, int)
        First position, and the one after the last.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If the region is empty or leaves the scan.
    """
    shape = _region(rows, columns, events.scan_shape, "scan", "positions")
    frames = np.arange(events.positions).reshape(events.scan_shape)
    order = frames[rows[0] : rows[1], columns[0] : columns[1]].ravel()
    offsets = _offsets(events.counts.ravel()[order])
    pixels, subpixel = _gather(events, order, offsets, progress)
    return _replaced(events, pixels=pixels, offsets=offsets, subpixel=subpixel, scan_shape=shape)


def bin_scan(events: ElectronEvents, factor, progress=None) -> ElectronEvents:
    """Neighbouring scan positions joined: the frames of `factor` × `factor` positions summed.

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    factor : int or (int, int)
        Positions to join along (y, x). Rows and columns at the end that do not fill a bin are
        left out, so that every position keeps the same dose.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If a factor is less than one, or larger than the scan.
    """
    fy, fx = _factors(factor, events.scan_shape, "scan", "positions")
    ny, nx = events.scan_shape[0] // fy, events.scan_shape[1] // fx
    frames = np.arange(events.positions).reshape(events.scan_shape)[: ny * fy, : nx * fx]
    order = frames.reshape(ny, fy, nx, fx).transpose(0, 2, 1, 3).ravel()
    targets = _offsets(events.counts.ravel()[order])
    pixels, subpixel = _gather(events, order, targets, progress)
    metadata = dict(events.metadata)
    if "scan_sampling" in metadata:
        y, x = metadata["scan_sampling"]
        metadata["scan_sampling"] = (y * fy, x * fx)
    return _replaced(
        events,
        pixels=pixels,
        offsets=targets[:: fy * fx].copy(),
        subpixel=subpixel,
        scan_shape=(ny, nx),
        metadata=metadata,
    )


def crop_detector(events: ElectronEvents, rows, columns, progress=None) -> ElectronEvents:
    """The detector pixels rows[0] <= y < rows[1], columns[0] <= x < columns[1].

    Electrons outside are dropped; a centre in the metadata moves along.

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    rows, columns : (int, int)
        First pixel, and the one after the last.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If the region is empty or leaves the detector.
    """
    shape = _region(rows, columns, events.frame_shape, "detector", "pixels")
    table = np.full(events.frame_shape, kernels.DROPPED)
    table[rows[0] : rows[1], columns[0] : columns[1]] = _indices(shape)
    metadata = dict(events.metadata)
    if "centre" in metadata:
        y, x = metadata["centre"]
        metadata["centre"] = (y - rows[0], x - columns[0])
    # Whole pixels are moved: places in them stay.
    return _move(events, table, shape, metadata, progress, events.subpixel)


def bin_detector(events: ElectronEvents, factor, progress=None) -> ElectronEvents:
    """Neighbouring detector pixels joined: each electron moves to the bin that holds it.

    Two electrons may then share a pixel of a frame; they stay two events. Where in its pixel
    each was is not kept.

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    factor : int or (int, int)
        Pixels to join along (y, x). Pixels at the end that do not fill a bin are dropped, so
        that every bin has the same area. A centre c in the metadata becomes
        (c - (factor - 1) / 2) / factor; a radius needs equal factors, and is otherwise left out.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If a factor is less than one, or larger than the detector.
    """
    fy, fx = _factors(factor, events.frame_shape, "detector", "pixels")
    ny, nx = shape = (events.frame_shape[0] // fy, events.frame_shape[1] // fx)
    table = np.full(events.frame_shape, kernels.DROPPED)
    table[: ny * fy, : nx * fx] = _indices(shape).repeat(fy, axis=0).repeat(fx, axis=1)
    metadata = dict(events.metadata)
    if "centre" in metadata:
        y, x = metadata["centre"]
        metadata["centre"] = ((y - (fy - 1) / 2) / fy, (x - (fx - 1) / 2) / fx)
    radius = metadata.pop("radius", None)
    if radius is not None and fy == fx:
        metadata["radius"] = radius / fy
    return _move(events, table, shape, metadata, progress)


def rotate_detector(events: ElectronEvents, angle_deg, centre, progress=None) -> ElectronEvents:
    """The patterns turned about a point, each electron to the nearest pixel.

    Where in its pixel each was is not kept.

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    angle_deg : float
        Angle [degrees]; positive looks clockwise on the screen, as in `Calibration`.
    centre : (float, float)
        Fixed point (y, x) in pixel-index coordinates.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    ElectronEvents
        Electrons that leave the detector are dropped. Rotation, centre and aberrations in the
        metadata turn along, so that they still describe the scan. Turning by other than
        multiples of 90° leaves some pixels empty and doubles others, as nearest pixels do.

    Raises
    ------
    ValueError
        If the angle or the centre is not finite.
    """
    if not isfinite(angle_deg):
        raise ValueError(f"The angle must be a finite number of degrees, not {angle_deg}.")
    if not all(isfinite(value) for value in centre):
        raise ValueError("The centre ({}, {}) is not a position in pixels.".format(*centre))
    height, width = events.frame_shape
    y, x = _turn(*np.ogrid[:height, :width], angle_deg, centre)
    y, x = np.floor(y + 0.5), np.floor(x + 0.5)
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    table = np.where(inside, y * width + x, kernels.DROPPED).astype(np.uint32)
    metadata = dict(events.metadata)
    if "centre" in metadata:
        metadata["centre"] = tuple(float(v) for v in _turn(*metadata["centre"], angle_deg, centre))
    if "rotation_deg" in metadata:
        # R(a) S R(θ) is S R(θ + a), but S R(θ - a) if S swaps the axes.
        sense = -1 if metadata.get("transpose", False) else 1
        turned = metadata["rotation_deg"] + sense * angle_deg
        metadata["rotation_deg"] = (turned + 180) % 360 - 180
    if "aberrations" in metadata:
        turned = Aberrations(**metadata["aberrations"]).in_scan_frame(-angle_deg, False)
        metadata["aberrations"] = {
            name: value for name, value in asdict(turned).items() if value != 0
        }
    return _move(events, table, events.frame_shape, metadata, progress)


def _turn(y, x, angle_deg, centre):
    c, s = cos(radians(angle_deg)), sin(radians(angle_deg))
    y, x = y - centre[0], x - centre[1]
    return centre[0] + s * x + c * y, centre[1] + c * x - s * y


def _region(rows, columns, shape, what, unit):
    for (start, stop), size, axis in zip((rows, columns), shape, ("rows", "columns"), strict=True):
        if not 0 <= start < stop <= size:
            raise ValueError(
                f"The {axis} {start} to {stop} do not lie in the {what} "
                f"of {shape[0]} × {shape[1]} {unit}."
            )
    return rows[1] - rows[0], columns[1] - columns[0]


def _factors(factor, shape, what, unit):
    factors = (factor, factor) if np.ndim(factor) == 0 else tuple(factor)
    for value, size, axis in zip(factors, shape, "yx", strict=True):
        if value != int(value) or not 1 <= value <= size:
            raise ValueError(
                f"The {what} of {shape[0]} × {shape[1]} {unit} cannot be binned by {value} along "
                f"{axis}: the factor must be a whole number from 1 to {size}."
            )
    return tuple(int(value) for value in factors)


def _indices(shape):
    return np.arange(shape[0] * shape[1], dtype=np.uint32).reshape(shape)


def _replaced(events, **parts):
    """Events with other electrons, on the device of the first."""
    return replace(events, device=CPU, **parts).to_device(events.device)


def _offsets(counts):
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _gather(events, order, targets, progress):
    """Pixels, and places in them, of the frames `order`; frame i starts at `targets[i]`."""
    pixels = room.array(int(targets[-1]))
    places = None if events.subpixel is None else room.array(int(targets[-1]), np.uint8)
    step = max(1, BATCH * order.size // max(1, pixels.size))
    for first in range(0, order.size, step):
        last = min(first + step, order.size)
        kernels.gather_frames(events.pixels, events.offsets, first, last, order, targets, pixels)
        if places is not None:
            kernels.gather_frames(
                events.subpixel, events.offsets, first, last, order, targets, places
            )
        if progress is not None:
            progress(last / order.size)
    return pixels, places


def _move(events, table, frame_shape, metadata, progress, places=None):
    """Events with each electron at `table[pixel]`, on a detector of `frame_shape` pixels.

    `places` are those in the pixels, None where they are not kept. A pixel to which an excluded
    one moves is excluded whole: half a pixel would pass for a dim one.
    """
    events.check_pixels()
    table = table.ravel()
    holes = None
    if events.excluded is not None:
        holes = np.zeros(int(np.prod(frame_shape)) + 1, bool)
        moved = table[events.excluded.ravel()]
        holes[moved[moved != kernels.DROPPED]] = True
        table = np.where(holes[np.minimum(table, holes.size - 1)], kernels.DROPPED, table)
        holes = holes[:-1].reshape(frame_shape)
    # Label 0 is kept, label 1 dropped.
    shifts = np.where(table == kernels.DROPPED, 8, 0).astype(np.uint8)
    counts = np.zeros((2, events.positions), np.int32)
    batches = list(events.batches(BATCH))
    for step, (first, last) in enumerate(batches):
        kernels.count_few_labels(events.pixels, events.offsets, first, last, shifts, counts)
        if progress is not None:
            progress((step + 1) / len(batches) / 2)
    offsets = _offsets(counts[0])
    pixels, keep = room.array(int(offsets[-1])), table != kernels.DROPPED
    left = None if places is None else room.array(int(offsets[-1]), np.uint8)
    for step, (first, last) in enumerate(batches):
        kernels.move_pixels(events.pixels, events.offsets, first, last, table, offsets, pixels)
        if left is not None:
            masking.keep_values(
                places, events.pixels, events.offsets, first, last, keep, offsets, left
            )
        if progress is not None:
            progress((step + 1 + len(batches)) / len(batches) / 2)
    return _replaced(
        events,
        pixels=pixels,
        offsets=offsets,
        subpixel=left,
        excluded=holes,
        frame_shape=tuple(frame_shape),
        metadata=metadata,
    )
