"""Distortion of a scan: rows that do not lie where they should, and the frames moved there.

What is corrected is the place of a row along itself (shear, drift, jitter) and the distance of
rows (drift across them). The fast axis, along which a row is over too soon for drift to show, is
taken as true.
"""

from dataclasses import dataclass, replace
from math import ceil, floor, isfinite

import numpy as np

from recon.device.backend import CPU
from recon.errors import Unfitted
from recon.geometry.lattice import LatticeCalibration
from recon.kernels.host import regrid as kernels
from recon.scan import spill as room
from recon.scan.events import ElectronEvents

BATCH = 1 << 26
"""Electrons in one launch of a kernel: a fraction of a second."""

LEAST_COLUMNS = 4

SIGNIFICANT = 3.0
"""Standard errors that a shear must have to be one."""


@dataclass(frozen=True)
class ScanDistortion:
    """Where the rows of a scan really lie.

    Position j of row i lies at (1 + drift[0]) i along y, and along x at
    j + (shear + drift[1]) (i - middle) + row_shifts[i], in nominal steps.

    Parameters
    ----------
    shear : float
        Steps along x by which each row lies further right than the one above: axes that are not
        orthogonal, or a flyback that comes late.
    drift : (float, float)
        Movement of the beam over the specimen (y, x) in the time of one row [steps].
    row_shifts : tuple of float
        Jitter: further steps along x of each row; empty for none.

    Raises
    ------
    ValueError
        If a number is not finite, or the drift turns the scan back.
    """

    shear: float = 0.0
    drift: tuple[float, float] = (0.0, 0.0)
    row_shifts: tuple[float, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "drift", tuple(float(value) for value in self.drift))
        object.__setattr__(self, "row_shifts", tuple(float(value) for value in self.row_shifts))
        if not all(isfinite(value) for value in (self.shear, *self.drift, *self.row_shifts)):
            raise ValueError("Shear, drift and shifts of rows must be finite numbers of steps.")
        if self.drift[0] <= -1:
            raise ValueError(
                f"A drift of {self.drift[0]:g} steps a row along y would turn the scan back."
            )

    @property
    def row_spacing(self) -> float:
        """Distance of rows, in nominal steps along y: the true step is the nominal times this."""
        return 1 + self.drift[0]

    def shifts(self, rows: int) -> np.ndarray:
        """(rows,) float64 steps along x by which each row lies further right.

        Raises
        ------
        ValueError
            If there are shifts for another number of rows.
        """
        if self.row_shifts and len(self.row_shifts) != rows:
            raise ValueError(
                f"There are shifts of {len(self.row_shifts)} rows, but the scan has {rows}."
            )
        along = (self.shear + self.drift[1]) * (np.arange(rows) - (rows - 1) / 2)
        return along + np.array(self.row_shifts) if self.row_shifts else along


def distortion_of_lattice(calibration: LatticeCalibration) -> ScanDistortion:
    """The shear that a lattice of known angle shows; drift along x is part of it.

    The distance of rows is in the calibration's scan step already.

    Raises
    ------
    Unfitted
        If the angle was not given, or the shear is none beyond three standard errors.
    """
    if calibration.shear is None:
        raise Unfitted("The shear of a scan follows from two peaks and the angle between them.")
    if abs(calibration.shear) < SIGNIFICANT * calibration.shear_error:
        raise Unfitted(
            f"The rows are sheared by {calibration.shear:+.2g} ± {calibration.shear_error:.2g} "
            "steps each: none that is certain."
        )
    return ScanDistortion(shear=calibration.shear)


def regrid(
    events: ElectronEvents, distortion: ScanDistortion, progress=None, seed: int = 0
) -> ElectronEvents:
    """The scan on the rectangular grid that it should have been.

    Parameters
    ----------
    events : ElectronEvents
        The scan as recorded; may be memory-mapped.
    distortion : ScanDistortion
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.
    seed : int
        Of the draw; the same seed shares the electrons in the same way.

    Returns
    -------
    ElectronEvents
        On the device of `events`, with as many rows, and the columns that every row covers: so no
        position is without its frames. Where rows lie further apart, the scan step along y in the
        metadata says so. A note in the source says how many columns were lost.

    Raises
    ------
    ValueError
        If hardly a column is covered by all rows, or there are shifts for another number of rows.
    UnreadableFile
        If there is no room for the electrons, in memory or for temporary files.

    Notes
    -----
    A frame between two positions gives each of its electrons to one of them, at random, with the
    odds of linear interpolation. Expected counts are the frames interpolated linearly, with
    weights that sum to one at every position; counts stay Poisson, and no electron is used twice.

    Interpolation costs resolution along x: a wave of f cycles per step keeps sinc²(f) of its
    amplitude on average, 0.97 at 10 steps a period and 0.81 at 4; what it loses comes as weak
    copies that repeat with the shear. Rows moved by whole steps are exact. Where shear is to be
    taken out, scan finer than the aperture needs.

    Drift within a row is left: it moves the end of a row by no more than `drift`.
    """
    if int(seed) != seed or not 0 <= seed < 1 << 63:
        raise ValueError(f"The seed is a whole number from 0 to 2⁶³ - 1, not {seed}.")
    tell = progress or (lambda fraction: None)
    rows, width = events.scan_shape
    shifts = distortion.shifts(rows)
    begin, end = ceil(shifts.max()), floor(shifts.min()) + width
    columns = end - begin
    if columns < min(LEAST_COLUMNS, width):
        raise ValueError(
            f"Rows lie up to {np.ptp(shifts):.1f} steps apart along x: of {width} columns, only "
            f"{max(columns, 0)} are covered by all of them."
        )
    bases = np.floor(shifts).astype(np.int64)
    shares = np.round((shifts - bases) * 2.0**32).astype(np.uint64)
    shift = kernels.Shift(columns, begin, bases, shares, width, np.uint64(seed))
    # Whole rows at a time: their electrons lie together, also in a file.
    at_once = max(1, int(BATCH * rows // max(1, events.electrons)))
    ranges = [
        (row * columns, min(row + at_once, rows) * columns) for row in range(0, rows, at_once)
    ]
    counts = np.zeros(rows * columns, np.int64)
    for first, last in ranges:
        kernels.count_shared(events.offsets, first, last, shift, counts)
        tell(0.5 * last / counts.size)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    pixels = room.array(int(offsets[-1]))
    places = None if events.subpixel is None else room.array(int(offsets[-1]), np.uint8)
    for first, last in ranges:
        kernels.share_electrons(events.pixels, events.offsets, first, last, shift, offsets, pixels)
        if places is not None:
            kernels.share_electrons(
                events.subpixel, events.offsets, first, last, shift, offsets, places
            )
        tell(0.5 + 0.5 * last / counts.size)

    metadata = dict(events.metadata)
    if "scan_sampling" in metadata:
        y, x = metadata["scan_sampling"]
        metadata["scan_sampling"] = (y * distortion.row_spacing, x)
    source = events.source
    if columns < width:
        note = f"{width - columns} of {width} columns were cut off when the rows were put straight."
        source = replace(source, notes=(*source.notes, note))
    straight = replace(
        events,
        pixels=pixels,
        offsets=offsets,
        subpixel=places,
        scan_shape=(rows, columns),
        metadata=metadata,
        source=source,
        device=CPU,
    )
    return straight.to_device(events.device)
