"""Sums over dense frames, slab by slab: twins of those over events in `detectors` and `com`.

Each is one pass over the frames; nothing larger than a slab of them is in memory.
"""

from collections.abc import Mapping

import numpy as np

from recon.calibration import Calibration
from recon.kernels.host import frames as kernels
from recon.scan.events import fitting_mask
from recon.scan.frames import DenseFrames
from recon.sums.current import BeamCurrent, beam_current


def pacbed(frames: DenseFrames, mask=None, progress=None) -> np.ndarray:
    """Sum of the frames.

    Parameters
    ----------
    frames : DenseFrames
    mask : (Sy, Sx) bool array, optional
        Scan positions to sum; all of them by default.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (Ky, Kx) float64 array

    Raises
    ------
    ValueError
        If the mask's shape is not the scan's.
    """
    keep = (
        np.ones(frames.positions, bool)
        if mask is None
        else fitting_mask(mask, "scan", frames.scan_shape).ravel()
    )
    total = np.zeros(frames.frame_shape[0] * frames.frame_shape[1])
    for first, slab in _flat(frames, progress):
        kernels.add(slab, keep[first : first + len(slab)], total)
    return total.reshape(frames.frame_shape)


def sum_masks(frames: DenseFrames, masks: Mapping[str, np.ndarray], progress=None):
    """Sums over each of several detectors of any shape, in one pass.

    Parameters
    ----------
    frames : DenseFrames
    masks : mapping of name to (Ky, Kx) bool array
        At most 64 detectors, which may overlap.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    dict of name to (Sy, Sx) float64 array

    Raises
    ------
    ValueError
        If a mask's shape is not the detector's, or there are too many masks.
    """
    if len(masks) > 64:
        raise ValueError(f"{len(masks)} detectors are more than the 64 of one pass.")
    # One bit a detector; pixels with the same bits are one label, and are summed once.
    bits = np.zeros(frames.frame_shape[0] * frames.frame_shape[1], np.uint64)
    for number, (name, mask) in enumerate(masks.items()):
        mask = fitting_mask(mask, "detector", frames.frame_shape, name).ravel()
        bits |= mask.astype(np.uint64) << np.uint64(number)
    kinds, labels = np.unique(bits, return_inverse=True)
    sums = np.empty((kinds.size, frames.positions))
    runs = _runs(labels.ravel())
    for first, slab in _flat(frames, progress):
        kernels.sum_runs(slab, runs, sums[:, first : first + len(slab)])
    images = {}
    for number, name in enumerate(masks):
        member = (kinds >> np.uint64(number)) & np.uint64(1) > 0
        images[name] = sums[member].sum(axis=0).reshape(frames.scan_shape)
    return images


def centre_of_mass(frames: DenseFrames, mask=None, progress=None) -> np.ndarray:
    """Centre of mass of each frame.

    Parameters
    ----------
    frames : DenseFrames
    mask : (Ky, Kx) bool array, optional
        Detector pixels to take; all of them by default.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (2, Sy, Sx) float32 array
        (y, x) in pixel-index coordinates; as for events, a frame whose sum is not positive gets
        the mean over the others, or the detector's centre where there are none.

    Raises
    ------
    ValueError
        If the mask's shape is not the detector's.
    """
    return filled(frame_centres(frames, mask, progress), frames)


def frame_centres(frames: DenseFrames, mask=None, progress=None) -> np.ndarray:
    """(2, F) float64 centre of mass (y, x) of each frame, NaN where its sum is not positive.

    Parameters, and what is raised, are those of `centre_of_mass`.
    """
    height, width = frames.frame_shape
    keep = (
        np.ones(height * width, bool)
        if mask is None
        else fitting_mask(mask, "detector", frames.frame_shape).ravel()
    )
    field = np.empty((2, frames.positions))
    for first, slab in _flat(frames, progress):
        kernels.centres(slab, keep, width, field[:, first : first + len(slab)])
    return field


def sums_and_centres(frames: DenseFrames, mask, progress=None):
    """Sum and centre of mass of each frame in one pass.

    Parameters
    ----------
    frames : DenseFrames
    mask : (Ky, Kx) bool array
        Detector pixels to take.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (Sy, Sx) float64 array
    (2, Sy, Sx) float32 array
        As from `centre_of_mass`.

    Raises
    ------
    ValueError
        If the mask's shape is not the detector's.
    """
    keep = fitting_mask(mask, "detector", frames.frame_shape).ravel()
    runs = _runs(keep.astype(np.int64))
    sums, field = np.empty((2, frames.positions)), np.empty((2, frames.positions))
    for first, slab in _flat(frames, progress):
        part = slice(first, first + len(slab))
        kernels.sum_runs(slab, runs, sums[:, part])
        kernels.centres(slab, keep, frames.frame_shape[1], field[:, part])
    return sums[1].reshape(frames.scan_shape), filled(field, frames)


def filled(field, frames):
    """(2, Sy, Sx) float32 of (2, F) centres, with a value for frames that have none."""
    empty = np.isnan(field[0])
    if empty.all():
        field[:] = np.array([[(n - 1) / 2] for n in frames.frame_shape])
    elif empty.any():
        field[:, empty] = field[:, ~empty].mean(axis=1, keepdims=True)
    return field.astype(np.float32).reshape(2, *frames.scan_shape)


def binned_planes(frames: DenseFrames, lookup, planes: int, progress=None):
    """Sums over binned detector pixels, one image a pixel; and the sum of everything.

    Parameters
    ----------
    frames : DenseFrames
    lookup : (Ky * Kx,) int array
        Plane of each detector pixel, -1 outside.
    planes : int
        Their number.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (planes, Sy, Sx) float32 array
        4 bytes for each plane and position: 1 GB for 232 planes of 1024 × 1024.
    float
        Sum of all frames.
    """
    # What lies in no plane is one more, so that nothing is missing from the sum.
    runs = _runs(np.where(lookup < 0, planes, lookup))
    images = np.empty((planes, frames.positions), np.float32)
    total = 0.0
    for first, slab in _flat(frames, progress):
        sums = np.empty((planes + 1, len(slab)))
        kernels.sum_runs(slab, runs, sums)
        images[:, first : first + len(slab)] = sums[:-1]
        total += float(sums.sum())
    return images.reshape(planes, *frames.scan_shape), total


def current_of_planes(planes, scan_shape, calibration: Calibration) -> BeamCurrent | None:
    """What is wrong with the beam's current, by the (K, Sy, Sx) planes of the disc.

    A background that no beam makes lies on all of the detector: the disc alone tells how the beam
    changes beside it. Counts have no known noise here, but two halves of the disc share none.
    """
    middle = len(planes) // 2
    halves = np.stack([planes[:middle].sum(axis=0), planes[middle:].sum(axis=0)])
    halves = halves.reshape(2, *scan_shape)
    return beam_current(halves.sum(axis=0), calibration, halves=halves)


def _flat(frames, progress):
    """(first, (n, P) frames) slab after slab."""
    for first, slab in frames.slabs():
        slab = slab.reshape(len(slab), -1)
        yield first, slab.view(np.uint8) if slab.dtype == bool else slab
        if progress is not None:
            progress((first + len(slab)) / frames.positions)


def _runs(labels):
    """(R, 3) int64: start, stop and label of each stretch of pixels with one label."""
    starts = np.concatenate([[0], 1 + np.flatnonzero(labels[1:] != labels[:-1])])
    stops = np.append(starts[1:], labels.size)
    return np.stack([starts, stops, labels[starts]], axis=1).astype(np.int64)
