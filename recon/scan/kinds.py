"""One word for both kinds of scan: electron events or dense frames."""

from recon.scan.events import ElectronEvents
from recon.scan.frames import DenseFrames

ScanData = ElectronEvents | DenseFrames


def is_dense(scan: ScanData) -> bool:
    """Whether a scan consists of frames, not of electrons one by one."""
    return isinstance(scan, DenseFrames)


def electrons(scan: ScanData) -> int | None:
    """Number of electrons; None where they were not counted."""
    return None if is_dense(scan) else scan.electrons
