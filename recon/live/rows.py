"""Which rows of a scan have come."""

from math import ceil

import numpy as np

from recon.calibration import Calibration
from recon.optics import Aberrations
from recon.scan.events import ElectronEvents

DIFFRACTION = 2.0
"""λ / α around a point within which an unaberrated probe has nearly all of its current: its third
dark ring is at 1.6."""

RIM = np.linspace(0, 2 * np.pi, 72, endpoint=False)


class ScanRows:
    """Rows of a scan that have come, in any order, each once.

    Attributes
    ----------
    scan_shape : (int, int)
        Positions of the whole scan, (Sy, Sx).
    frame_shape : (int, int)
        Detector pixels.
    scanned : (Sy,) bool array
        True for each row that has come.
    """

    def __init__(self, scan_shape, frame_shape):
        self.scan_shape, self.frame_shape = tuple(scan_shape), tuple(frame_shape)
        self.scanned = np.zeros(self.scan_shape[0], bool)

    @property
    def share(self) -> float:
        """Share of the scan's rows that have come."""
        return float(self.scanned.mean())

    @property
    def complete(self) -> bool:
        """Whether all have."""
        return bool(self.scanned.all())

    def place(self, first_row: int, events: ElectronEvents) -> slice:
        """The rows of a block that comes now; `came` notes them once they are taken.

        Parameters
        ----------
        first_row : int
        events : ElectronEvents
            Whole rows: as many positions along x as the scan has.

        Raises
        ------
        ValueError
            If the block does not fit the scan or the detector, or a row of it has come before: a
            row counts once, and the first one stands.
        """
        rows, columns = events.scan_shape
        last = first_row + rows
        if columns != self.scan_shape[1] or events.frame_shape != self.frame_shape:
            raise ValueError(
                f"A block of {rows} × {columns} positions on a detector of "
                "{} × {} pixels is no part of a scan of ".format(*events.frame_shape)
                + "{} × {} positions on one of {} × {}.".format(*self.scan_shape, *self.frame_shape)
            )
        if first_row < 0 or last > self.scan_shape[0]:
            raise ValueError(
                f"Rows {first_row} to {last - 1} do not lie in a scan of {self.scan_shape[0]} rows "
                f"(0 to {self.scan_shape[0] - 1})."
            )
        block = slice(first_row, last)
        if self.scanned[block].any():
            twice = first_row + int(np.argmax(self.scanned[block]))
            raise ValueError(
                f"Row {twice} has come before: the first one stands. If a new scan has begun, "
                "begin a new one here as well."
            )
        events.check_pixels()
        return block

    def came(self, rows) -> None:
        """Note rows, a slice or a number, as come."""
        self.scanned[rows] = True


def final_rows(scanned, reach: int) -> np.ndarray:
    """(Sy,) bool: rows that have come together with all within `reach` rows of them.

    Transforms join the scan's last row to its first, in the finished image as well: near the first
    row nothing is final before the last rows have come.

    Parameters
    ----------
    scanned : (Sy,) bool array
        Such as `ScanRows.scanned`, or `Sidebands.rows`.
    reach : int
        As from `reach_in_rows`.
    """
    missing = np.flatnonzero(~scanned)
    final = scanned.copy()
    near = missing[:, None] + np.arange(-reach, reach + 1)
    final[near.ravel() % final.size] = False
    return final


def reach_in_rows(aberrations: Aberrations, calibration: Calibration) -> int:
    """How far from a row that is missing the phase still changes when it comes, in rows.

    The probe's radius: where its aberrations send rays, max |∇χ| / 2π over the aperture, and its
    diffraction about that, `DIFFRACTION` λ / α. From there on a row's electrons change the phase by
    about a tenth of its contrast, and by more where electrons are few: a least-squares phase
    amplifies frequencies that are transferred badly, and these reach farther than the probe.
    """
    radii = np.linspace(0, calibration.k0, 12)[:, None]
    step = 1e-4 * calibration.k0

    def chi(y, x):
        return aberrations.chi(y, x, calibration.wavelength)

    y, x = radii * np.sin(RIM), radii * np.cos(RIM)
    slopes = (
        (chi(y + step, x) - chi(y - step, x)) / (2 * step),
        (chi(y, x + step) - chi(y, x - step)) / (2 * step),
    )
    geometric = float(np.hypot(*slopes).max()) / (2 * np.pi)
    return ceil((geometric + DIFFRACTION / calibration.k0) / calibration.scan_sampling[0])
