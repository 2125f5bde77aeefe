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
    """(Ky, Kx) sum of the frames."""
    return by_kind(scan, virtual, frames_sums).pacbed(scan, progress=progress)


def centre_of_mass(scan: ScanData, mask=None, progress=None):
    """(2, Sy, Sx) float32 centre of mass (y, x) of each frame [px]."""
    return by_kind(scan, com, frames_sums).centre_of_mass(scan, mask, progress=progress)


def annuli(scan: ScanData, centre, radii, progress=None) -> dict[str, np.ndarray]:
    """(Sy, Sx) image of each annular detector, in one pass.

    Parameters
    ----------
    centre : (float, float)
        (y, x) [px].
    radii : mapping of name to (inner, outer)
        [px]; `outer` may be infinite.
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
