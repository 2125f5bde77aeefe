"""Sums and G of a scan, whether it is electron events or dense frames.

Passes over events run where the events are; those over dense frames, which come from a file slab
by slab, on the CPU. G lies on the device either way.
"""

from functools import cache

import numpy as np

from recon.scan.events import ElectronEvents
from recon.scan.frames import DenseFrames

ScanData = ElectronEvents | DenseFrames


def is_dense(scan: ScanData) -> bool:
    """Whether a scan consists of frames, not of electrons one by one."""
    return isinstance(scan, DenseFrames)


def electrons(scan: ScanData) -> int | None:
    """Number of electrons; None where they were not counted."""
    return None if is_dense(scan) else scan.electrons


def stated(scan: ScanData) -> str:
    """What was found in a file, in one sentence."""
    from recon.io import statement

    return statement(scan)


def pacbed(scan: ScanData, progress=None):
    """(Ky, Kx) sum of the frames."""
    from recon.sums import dense as frames_sums
    from recon.sums import detectors as virtual

    return (frames_sums if is_dense(scan) else virtual).pacbed(scan, progress=progress)


def centre_of_mass(scan: ScanData, mask=None, progress=None):
    """(2, Sy, Sx) float32 centre of mass (y, x) of each frame [px]."""
    from recon.sums import com
    from recon.sums import dense as frames_sums

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
    from recon.sums import dense as frames_sums
    from recon.sums import detectors as virtual

    masks = {n: virtual.annulus(scan.frame_shape, centre, *pair) for n, pair in radii.items()}
    module = frames_sums if is_dense(scan) else virtual
    return module.sum_masks(scan, masks, progress)


def presets(scan: ScanData, centre, radius, progress=None) -> dict[str, np.ndarray]:
    """Bright field, annular bright field and annular dark field by name."""
    from recon.sums.detectors import PRESETS

    radii = {name: (inner * radius, outer * radius) for name, (inner, outer) in PRESETS.items()}
    return annuli(scan, centre, radii, progress)


def intensity(scan: ScanData, progress=None) -> np.ndarray:
    """(Sy, Sx) all that was recorded at each position."""
    if not is_dense(scan):
        return scan.counts
    from recon.sums.dense import sum_masks

    return sum_masks(scan, {"all": np.ones(scan.frame_shape, bool)}, progress)["all"]


def orientation(scan: ScanData, sampling, centre, radius):
    """The surer of the orientations that all pixels and those of the disc show.

    As `recon.orientation.by_curl.find_orientation`, which says why.

    Raises
    ------
    ValueError
        If neither shows one.
    """
    from recon.orientation.by_curl import DARK_FROM, estimate_orientation, find_orientation
    from recon.sums.detectors import annulus

    if not is_dense(scan):
        return find_orientation(scan, sampling, centre, radius)
    found, refusals = [], []

    @cache
    def dark():
        return annuli(scan, centre, {"dark": (DARK_FROM * radius, np.inf)})["dark"]

    for mask in (None, annulus(scan.frame_shape, centre, 0, radius)):
        try:
            found.append(estimate_orientation(centre_of_mass(scan, mask), sampling, dark))
        except ValueError as error:
            refusals.append(str(error))
    if not found:
        raise ValueError(refusals[-1])
    return min(found, key=lambda each: each.rotation_error)


def orientations(scan: ScanData, calibration, progress=None):
    """The eight ways the scan can lie, with what curl and sidebands say of each.

    Raises
    ------
    Unfitted
        If neither tells any.
    """
    from recon.orientation.disc_entries import entries_of_planes
    from recon.orientation.eight_ways import PIXELS_ACROSS, orientation_sheet, sheet_of
    from recon.ssb.bright_field import bright_field
    from recon.sums.dense import binned_planes, current_of_planes

    if not is_dense(scan):
        return orientation_sheet(scan, calibration, progress=progress)
    tell = progress or (lambda fraction: None)
    c = calibration
    try:
        by_curl, refusal = orientation(scan, c.scan_sampling, c.centre, c.radius), ""
    except ValueError as error:
        by_curl, refusal = None, str(error)
    disc = bright_field(calibration, scan.frame_shape, PIXELS_ACROSS, scan.excluded)
    planes, _ = binned_planes(scan, disc.lookup, disc.size, lambda part: tell(0.5 * part))
    current = current_of_planes(planes, scan.scan_shape, calibration)
    shape = scan.scan_shape
    entries = entries_of_planes(lambda a, b: planes[a:b], shape, disc, calibration, current=current)
    return sheet_of(entries, by_curl, refusal, lambda part: tell(0.5 + 0.5 * part))


def build_g(scan: ScanData, calibration, pixels: int, device, **options):
    """G on its sidebands, on the device: of events on theirs, of frames on the one named."""
    if is_dense(scan):
        from recon.sums.dense import build_sidebands_dense

        return build_sidebands_dense(scan, calibration, pixels, device=device, **options)
    from recon.ssb.gfunction import build_sidebands

    return build_sidebands(scan, calibration, pixels, **options)


def tilt_corrected(scan: ScanData, calibration, aberrations, pixels: int, device, **options):
    """Tilt-corrected bright field: of events on their device, of frames on the one named."""
    if is_dense(scan):
        from recon.sums.dense import tilt_corrected_dense

        return tilt_corrected_dense(
            scan, calibration, aberrations, pixels, device=device, **options
        )
    from recon.ssb import parallax

    return parallax.tilt_corrected(scan, calibration, aberrations, pixels, **options)
