"""Centre of mass, virtual detectors and mean pattern of the rows that have come."""

from collections.abc import Mapping
from threading import Lock

import numpy as np

from recon.device.backend import CPU, Device, guarded
from recon.live.rows import ScanRows
from recon.scan.events import ElectronEvents
from recon.sums.com import filled, frame_centres
from recon.sums.detectors import Detectors, pacbed


class GrowingSums:
    """Sums over the detector that rows are added to, in any order; to be used from any thread.

    What is asked for is a copy, and stays as it is.

    Parameters
    ----------
    scan_shape : (Sy, Sx)
        Positions of the whole scan.
    frame_shape : (Ky, Kx)
        Detector pixels.
    detectors : mapping of name to (Ky, Kx) bool array, optional
        As for `recon.sums.detectors.sum_masks`.
    mask : (Ky, Kx) bool array, optional
        Detector pixels that the centre of mass takes; all of them by default.
    device : Device
        Where passes run, and sums are.

    Raises
    ------
    ValueError
        If a detector's shape is not that of the frames.
    """

    def __init__(
        self,
        scan_shape,
        frame_shape,
        detectors: Mapping[str, np.ndarray] | None = None,
        mask=None,
        device: Device = CPU,
    ):
        self.rows = ScanRows(scan_shape, frame_shape)
        self.device, self._mask = device, mask
        shape, frame_shape, xp = self.rows.scan_shape, self.rows.frame_shape, device.xp
        self._detectors = Detectors.of(detectors or {}, frame_shape)
        self._images = {name: xp.zeros(shape, np.int32) for name in detectors or {}}
        self._centres = xp.full((2, *shape), np.nan, np.float32)
        self._moments = np.zeros(3)
        self._pacbed = xp.zeros(frame_shape, np.int64)
        self._counts = np.zeros(shape, np.int64)
        self._lock = Lock()

    @guarded
    def add(self, first_row: int, events: ElectronEvents) -> None:
        """Take whole rows of the scan, from row `first_row` on.

        Raises
        ------
        ValueError
            If the block is no part of the scan, or a row of it has come before (the first one
            stands).
        DeviceError
            If the device fails.
        """
        with self._lock:
            block = self.rows.place(first_row, events)
            events = events.to_device(self.device)
            centres, moments = frame_centres(events, self._mask)
            images = self._detectors.images(events) if self._images else {}
            self._pacbed += pacbed(events)
            for name, image in images.items():
                self._images[name][block] = image
            self._centres[:, block] = centres.reshape(2, *events.scan_shape)
            self._moments += moments
            self._counts[block] = events.counts
            self.rows.came(block)

    @guarded
    def centre_of_mass(self) -> np.ndarray:
        """(2, Sy, Sx) float32 centre of mass (y, x) of each frame [px], on the device.

        Frames that have none, or have not come, get the mean over those that have one: they deflect
        nothing. Without any, the centre of the detector.
        """
        with self._lock:
            return filled(self._centres.copy(), self._moments, self.rows.frame_shape)

    def images(self) -> dict[str, np.ndarray]:
        """(Sy, Sx) int32 image of each detector by name, on the device; zero where no row came."""
        with self._lock:
            return {name: image.copy() for name, image in self._images.items()}

    def pacbed(self) -> np.ndarray:
        """(Ky, Kx) int64 sum of the frames that have come, on the device."""
        with self._lock:
            return self._pacbed.copy()

    def counts(self) -> np.ndarray:
        """(Sy, Sx) int64 electrons at each position, on the host."""
        with self._lock:
            return self._counts.copy()
