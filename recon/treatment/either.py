"""What is done to a scan, whether it is electron events or dense frames.

Events are treated at once, with `progress` told; frames as they are read.
"""

from functools import partial

from recon.scan.kinds import ScanData, by_kind, electrons
from recon.treatment import crop, crop_frames
from recon.treatment import straighten as straight


def crop_scan(scan: ScanData, rows, columns, progress=None) -> ScanData:
    """The scan positions rows[0] <= y < rows[1], columns[0] <= x < columns[1]."""
    told = partial(crop.crop_scan, progress=progress)
    return by_kind(scan, told, crop_frames.crop_scan)(scan, rows, columns)


def crop_detector(scan: ScanData, rows, columns, progress=None) -> ScanData:
    """The detector pixels of these rows and columns; a centre in the metadata moves along."""
    told = partial(crop.crop_detector, progress=progress)
    return by_kind(scan, told, crop_frames.crop_detector)(scan, rows, columns)


def bin_scan(scan: ScanData, factor: int, progress=None) -> ScanData:
    """Neighbouring scan positions joined: the frames of `factor` × `factor` positions summed."""
    told = partial(crop.bin_scan, progress=progress)
    return by_kind(scan, told, crop_frames.bin_scan)(scan, factor)


def straighten(scan: ScanData, descan=None, ellipse=None, progress=None) -> ScanData:
    """The scan without its descan and with a round disc; itself where both are None."""
    told = partial(straight.straighten, progress=progress)
    return by_kind(scan, told, straight.straighten_frames)(scan, descan, ellipse)


def needs_electrons(scan: ScanData, what: str, otherwise: str = "") -> None:
    """Refuse frames, which have no electrons one by one that could be `what`, in a sentence.

    Raises
    ------
    ValueError
    """
    if electrons(scan) is None:
        raise ValueError(
            f"The frames hold no electrons one by one that could be {what}: count them first "
            f"(`livestem count`){otherwise}."
        )
