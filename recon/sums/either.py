"""Sums and G of a scan, whether it is electron events or dense frames.

Passes over events run where the events are; those over dense frames, which come from a file slab
by slab, on the CPU. G lies on the device either way.
"""

import numpy as np

from recon.scan.kinds import ScanData, is_dense
from recon.sums import com
from recon.sums import dense as frames_sums
from recon.sums import detectors as virtual
from recon.sums.dense import sum_masks
from recon.sums.detectors import PRESETS


def pacbed(scan: ScanData, progress=None):
    """(Ky, Kx) sum of the frames."""
    return (frames_sums if is_dense(scan) else virtual).pacbed(scan, progress=progress)


def centre_of_mass(scan: ScanData, mask=None, progress=None):
    """(2, Sy, Sx) float32 centre of mass (y, x) of each frame [px]."""
    module = frames_sums if is_dense(scan) else com
    return module.centre_of_mass(scan, mask, progress=progress)


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
    module = frames_sums if is_dense(scan) else virtual
    return module.sum_masks(scan, masks, progress)


def presets(scan: ScanData, centre, radius, progress=None) -> dict[str, np.ndarray]:
    """Bright field, annular bright field and annular dark field by name."""
    radii = {name: (inner * radius, outer * radius) for name, (inner, outer) in PRESETS.items()}
    return annuli(scan, centre, radii, progress)


def intensity(scan: ScanData, progress=None) -> np.ndarray:
    """(Sy, Sx) all that was recorded at each position."""
    if not is_dense(scan):
        return scan.counts
    return sum_masks(scan, {"all": np.ones(scan.frame_shape, bool)}, progress)["all"]
