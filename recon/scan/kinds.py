"""One word for both kinds of scan: electron events or dense frames.

Which of the two a scan is, is asked here and nowhere else: others name what they have for each
kind, and take what `by_kind` gives.
"""

from typing import Any

from recon.device.backend import CPU, Device, amount
from recon.scan.events import ElectronEvents
from recon.scan.frames import DenseFrames

ScanData = ElectronEvents | DenseFrames


def by_kind(scan: ScanData, of_events: Any, of_frames: Any) -> Any:
    """The one of two functions, modules or values that is made for the scan's kind."""
    return of_frames if is_dense(scan) else of_events


def is_dense(scan: ScanData) -> bool:
    """Whether a scan consists of frames, not of electrons one by one."""
    return isinstance(scan, DenseFrames)


def is_scan_data(found: Any) -> bool:
    """Whether anything is a scan of either kind."""
    return isinstance(found, ScanData)


def electrons(scan: ScanData) -> int | None:
    """Number of electrons; None where they were not counted."""
    return None if is_dense(scan) else scan.electrons


def tells_places(scan: ScanData) -> bool:
    """Whether the source says where in its pixel each electron was."""
    return not is_dense(scan) and scan.subpixel is not None


def copied_to(scan: ScanData, device: Device) -> bool:
    """Whether passes on a device want a copy of the scan there."""
    return device is not CPU and not is_dense(scan)


def where_it_lies(scan: ScanData) -> str:
    """What the scan takes and where, such as "Events: 40 MB, 10,000,000 electrons"."""
    if is_dense(scan):
        return f"Frames in the file: {amount(scan.nbytes)}"
    return f"Events: {amount(scan.nbytes)}, {scan.electrons:,} electrons"


def checked(scan: ScanData) -> ScanData:
    """The scan, of which no electron lies outside the detector; frames have none there.

    Raises
    ------
    ValueError
        With the position of one that does.
    """
    if not is_dense(scan):
        scan.check_pixels()
    return scan


def on_device(scan: ScanData, device: Device, progress=None, copy: bool = True) -> ScanData:
    """The scan where passes over it run: frames, which are read slab by slab, stay as they are.

    Without a `copy` the electrons are streamed.
    """
    return scan if is_dense(scan) else scan.to_device(device, progress, copy)
