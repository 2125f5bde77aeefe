"""A scan without what some detector pixels saw."""

from dataclasses import replace

import numpy as np
from numba import njit, prange

from recon.backend import CPU
from recon.events import ElectronEvents, checked_mask
from recon.frames import DenseFrames


def without(scan, excluded):
    """The scan without the `excluded` pixels, on the device of the scan.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
    excluded : (Ky, Kx) bool array, or None
        Joined to what the scan leaves out already.

    Returns
    -------
    ElectronEvents or DenseFrames
        Whose `excluded` says what is left out.

    Raises
    ------
    ValueError
        If the mask is not the detector's, or an electron lies outside the detector.

    Notes
    -----
    The electrons go, once, and every sum after it has the mask; frames read zero there. An even
    pattern loses a little on one side, a constant for all frames, which COM's mean takes away
    again. The sideband sum looks at `excluded`, for the share of a binned pixel that is left: see
    `recon.datacube.bright_field`.
    """
    excluded = checked_mask(excluded, scan.frame_shape)
    if excluded is None:
        return scan
    if scan.excluded is not None:
        excluded = excluded | scan.excluded
    if isinstance(scan, DenseFrames):
        return replace(scan, excluded=excluded)
    return _fewer_electrons(scan, excluded)


def _fewer_electrons(events: ElectronEvents, excluded) -> ElectronEvents:
    events.check_pixels()
    keep = ~excluded.ravel()
    kept = np.zeros(events.positions + 1, np.int64)
    _count(events.pixels, events.offsets, keep, kept[1:])
    offsets = np.cumsum(kept)
    pixels = np.empty(offsets[-1], np.uint32)
    _keep(events.pixels, events.pixels, events.offsets, keep, offsets, pixels)
    places = None
    if events.subpixel is not None:
        places = np.empty(offsets[-1], np.uint8)
        _keep(events.subpixel, events.pixels, events.offsets, keep, offsets, places)
    parts = {"pixels": pixels, "offsets": offsets, "subpixel": places, "excluded": excluded}
    masked = replace(events, device=CPU, **parts)
    return masked.to_device(events.device)


@njit(parallel=True, cache=True)
def _count(pixels, offsets, keep, out):
    for frame in prange(out.size):
        for i in range(offsets[frame], offsets[frame + 1]):
            out[frame] += keep[pixels[i]]


@njit(parallel=True, cache=True)
def _keep(values, pixels, offsets, keep, starts, out):
    for frame in prange(offsets.size - 1):
        at = starts[frame]
        for i in range(offsets[frame], offsets[frame + 1]):
            if keep[pixels[i]]:
                out[at] = values[i]
                at += 1
