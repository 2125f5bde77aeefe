"""One word for both kinds of scan: electron events or dense frames."""

from recon.device.backend import CPU, Device, amount
from recon.scan.events import ElectronEvents
from recon.scan.frames import DenseFrames

ScanData = ElectronEvents | DenseFrames


def is_dense(scan: ScanData) -> bool:
    """Whether a scan consists of frames, not of electrons one by one."""
    return isinstance(scan, DenseFrames)


def electrons(scan: ScanData) -> int | None:
    """Number of electrons; None where they were not counted."""
    return None if is_dense(scan) else scan.electrons


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
