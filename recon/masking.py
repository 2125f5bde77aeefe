"""A scan without the electrons of some detector pixels."""

from dataclasses import replace

import numpy as np
from numba import njit, prange

from recon.backend import CPU


def without(events, excluded):
    """The scan without the electrons on `excluded` pixels, on the device of the events.

    Parameters
    ----------
    events : ElectronEvents
    excluded : (Ky, Kx) bool array

    Raises
    ------
    ValueError
        If the mask is not the detector's, or an electron lies outside the detector.

    Notes
    -----
    The electrons go, once, and every sum after it has the mask: none can forget it. An even pattern
    loses a little on one side, a constant for all frames, which COM's mean takes away again. The
    sideband sum knows each binned pixel's coverage, so there the same mask belongs in
    `bright_field(excluded=...)`: a plane that lost electrons would be weighted as if it had them.
    """
    excluded = np.asarray(excluded, bool)
    if excluded.shape != events.frame_shape:
        raise ValueError(
            f"The mask has {' × '.join(map(str, excluded.shape))} pixels, "
            "the detector {} × {}.".format(*events.frame_shape)
        )
    events.check_pixels()
    if not excluded.any():
        return events
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
    masked = replace(events, pixels=pixels, offsets=offsets, subpixel=places, device=CPU)
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
