"""How a scan of either kind lies on the detector."""

from functools import cache

import numpy as np

from recon.orientation.by_curl import DARK_FROM, estimate_orientation, find_orientation
from recon.orientation.disc_entries import entries_of_planes
from recon.orientation.eight_ways import PIXELS_ACROSS, orientation_sheet, sheet_of
from recon.scan.kinds import ScanData, is_dense
from recon.ssb.bright_field import bright_field
from recon.sums import annuli, centre_of_mass
from recon.sums.dense import binned_planes, current_of_planes
from recon.sums.detectors import annulus


def orientation(scan: ScanData, sampling, centre, radius):
    """The surer of the orientations that all pixels and those of the disc show.

    As `recon.orientation.by_curl.find_orientation`, which says why.

    Raises
    ------
    ValueError
        If neither shows one.
    """
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
