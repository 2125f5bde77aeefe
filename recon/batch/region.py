"""The part of a scan in use: margins left out, positions binned."""

import numpy as np

from recon.batch.settings import Geometry, Region
from recon.scan.kinds import ScanData
from recon.treatment.either import bin_scan, crop_detector, crop_scan


def cut(events: ScanData, region: Region, progress=None) -> ScanData:
    """The events of a region, binned over the scan as it says.

    Raises
    ------
    ValueError
        If the margins leave nothing.
    """
    for margins, shape, crop, what in (
        (region.scan, events.scan_shape, crop_scan, "scan positions"),
        (region.detector, events.frame_shape, crop_detector, "detector pixels"),
    ):
        if any(margins):
            events = crop(events, *_kept(margins, shape, what), progress=progress)
    if region.scan_bin > 1:
        smallest = min(events.scan_shape)
        if region.scan_bin > smallest:
            raise ValueError(
                f"A scan of {events.scan_shape[0]} × {events.scan_shape[1]} positions "
                f"cannot be binned by {region.scan_bin}: choose at most {smallest}."
            )
        events = bin_scan(events, region.scan_bin, progress=progress)
    return events


def _kept(margins, shape, what) -> tuple[tuple[int, int], tuple[int, int]]:
    top, bottom, left, right = margins
    rows, columns = (top, shape[0] - bottom), (left, shape[1] - right)
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        raise ValueError(
            f"The crop leaves nothing of {shape[0]} × {shape[1]} {what}: "
            f"{top} + {bottom} rows and {left} + {right} columns are left out."
        )
    return rows, columns


def binned_sampling(geometry: Geometry, region: Region):
    """(y, x) distance of the positions in use [Å]; None where it is unknown."""
    return tuple(
        None if step is None else step * region.scan_bin for step in geometry.scan_sampling
    )


def rows_in_use(rows: np.ndarray, region: Region) -> np.ndarray:
    """(rows in use,) bool: which of them are whole, if only the `rows` of the scan have come.

    Parameters
    ----------
    rows : (Sy,) bool array
    region : Region
    """
    top, bottom, _, _ = region.scan
    kept = rows[top : rows.size - bottom]
    number = kept.size // region.scan_bin
    return kept[: number * region.scan_bin].reshape(number, region.scan_bin).all(axis=1)
