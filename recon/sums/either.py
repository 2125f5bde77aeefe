"""Sums and G of a scan, whether it is electron events or dense frames.

Passes over events run where the events are; those over dense frames, which come from a file slab
by slab, on the CPU. G lies on the device either way.
"""

import numpy as np

from recon.scan.kinds import ScanData, by_kind
from recon.sums import com
from recon.sums import dense as frames_sums
from recon.sums import detectors as virtual
from recon.sums.detectors import PRESETS


def pacbed(scan: ScanData, progress=None):
    """Sum of the frames: the position-averaged pattern, times the number of positions.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (Ky, Kx) array
        Of events int64 electrons, on their device; of dense frames float64, in their unit.

    Raises
    ------
    ValueError
        If an electron lies outside the detector.
    """
    return by_kind(scan, virtual, frames_sums).pacbed(scan, progress=progress)


def centre_of_mass(scan: ScanData, mask=None, progress=None):
    """Centre of mass of each frame.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
    mask : (Ky, Kx) bool array, optional
        Detector pixels to take; all of them by default.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (2, Sy, Sx) float32 array
        (y, x) [detector pixels]; (0, 0) is the middle of the first pixel. A frame without electrons
        gets the mean of the others.

    Raises
    ------
    ValueError
        If the mask's shape is not the detector's.
    """
    return by_kind(scan, com, frames_sums).centre_of_mass(scan, mask, progress=progress)


def annuli(scan: ScanData, centre, radii, progress=None) -> dict[str, np.ndarray]:
    """Images of annular detectors, in one pass.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
    centre : (float, float)
        (y, x) [px].
    radii : mapping of name to (inner, outer)
        [px]; `outer` may be infinite. A pixel belongs to a detector if its middle lies at
        inner <= r < outer.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    dict of str to (Sy, Sx) array
        What each detector recorded at each position: electrons, or the unit of dense frames.

    Raises
    ------
    ValueError
        If radii are negative or not in order, or the centre is not finite.
    """
    masks = {n: virtual.annulus(scan.frame_shape, centre, *pair) for n, pair in radii.items()}
    return by_kind(scan, virtual, frames_sums).sum_masks(scan, masks, progress)


def presets(scan: ScanData, centre, radius, progress=None) -> dict[str, np.ndarray]:
    """Bright field, annular bright field and annular dark field by name."""
    radii = {name: (inner * radius, outer * radius) for name, (inner, outer) in PRESETS.items()}
    return annuli(scan, centre, radii, progress)


def intensity(scan: ScanData, progress=None) -> np.ndarray:
    """(Sy, Sx) all that was recorded at each position."""
    return by_kind(scan, _counted, _summed)(scan, progress)


def _counted(events, progress):
    return events.counts


def _summed(frames, progress):
    everything = {"all": np.ones(frames.frame_shape, bool)}
    return frames_sums.sum_masks(frames, everything, progress)["all"]
