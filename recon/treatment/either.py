"""What is done to a scan, whether it is electron events or dense frames.

Events are treated at once, with `progress` told; frames as they are read.
"""

from recon.scan.kinds import ScanData, is_dense
from recon.treatment import crop, crop_frames
from recon.treatment import straighten as straight
from recon.treatment.subpixel import factor_for


def crop_scan(scan: ScanData, rows, columns, progress=None) -> ScanData:
    """The scan positions rows[0] <= y < rows[1], columns[0] <= x < columns[1]."""
    if is_dense(scan):
        return crop_frames.crop_scan(scan, rows, columns)
    return crop.crop_scan(scan, rows, columns, progress)


def crop_detector(scan: ScanData, rows, columns, progress=None) -> ScanData:
    """The detector pixels of these rows and columns; a centre in the metadata moves along."""
    if is_dense(scan):
        return crop_frames.crop_detector(scan, rows, columns)
    return crop.crop_detector(scan, rows, columns, progress)


def bin_scan(scan: ScanData, factor: int, progress=None) -> ScanData:
    """Neighbouring scan positions joined: the frames of `factor` × `factor` positions summed."""
    if is_dense(scan):
        return crop_frames.bin_scan(scan, factor)
    return crop.bin_scan(scan, factor, progress)


def straighten(scan: ScanData, descan=None, ellipse=None, progress=None) -> ScanData:
    """The scan without its descan and with a round disc; itself where both are None."""
    if is_dense(scan):
        return straight.straighten_frames(scan, descan, ellipse)
    return straight.straighten(scan, descan, ellipse, progress)


def useful_factor(scan: ScanData, radius: float, pixels_across: int) -> int:
    """Finer pixels along each axis that the source tells and binned pixels can use; 1 of frames."""
    return 1 if is_dense(scan) else factor_for(scan, radius, pixels_across)


def tells_places(scan: ScanData) -> bool:
    """Whether the source says where in its pixel each electron was."""
    return not is_dense(scan) and scan.subpixel is not None


def needs_electrons(scan: ScanData, what: str, otherwise: str = "") -> None:
    """Refuse frames, which have no electrons one by one that could be `what`, in a sentence.

    Raises
    ------
    ValueError
    """
    if is_dense(scan):
        raise ValueError(
            f"The frames hold no electrons one by one that could be {what}: count them first "
            f"(`livestem count`){otherwise}."
        )
