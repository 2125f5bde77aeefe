"""What the stages of the pipeline give, one class a parameter.

Arrays are C-contiguous, read by the views and never written. `scan_sampling` is (y, x) [Å] of the
array's own pixels, or None where the step is unknown (draw in scan positions then).
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from app.pipeline.chart import Chart
from recon.calibration import Calibration
from recon.optics import Aberrations

Sampling = tuple[float, float] | None

WIENER, UNWEIGHTED = "Wiener", "not weighted"
"""Words on a phase whose frequencies were to be weighted."""


@dataclass(frozen=True)
class Refused:
    """In place of a result that could not be made."""

    sentence: str
    """Why."""


@dataclass(frozen=True, eq=False, kw_only=True)
class OverScan:
    """Something over the scan."""

    rows: np.ndarray | None = None
    """(n,) bool: rows that have been scanned, while a scan is made; None for all of them."""

    @property
    def came(self) -> str:
        """How many these are, in words; empty for all."""
        rows = self.rows
        return "" if rows is None else f"{int(rows.sum())} of {rows.size} rows"


def over_scan(result, rows):
    """The same result with the `rows` that it is made of; itself, if it lies over no scan."""
    if rows is None or not isinstance(result, OverScan):
        return result
    return replace(result, rows=rows)


@dataclass(frozen=True, eq=False)
class ScanSummary:
    """The scan that has been opened."""

    dataset: str
    """Catalogue name."""
    title: str
    """Short name for the page's head, such as "virus_4dcamera_v3"."""
    format: str
    scan_shape: tuple[int, int]
    """(Sy, Sx) positions in use, after crop and binning."""
    full_scan_shape: tuple[int, int]
    """(Sy, Sx) positions in the file."""
    frame_shape: tuple[int, int]
    """(Ky, Kx) detector pixels in use."""
    electrons: int | None
    """None where frames hold no electrons one by one."""
    flyback: str
    """"none", "dropped" or "kept"."""
    frames_per_position: int
    dose: float | None
    """Electrons for each Å² [e/Å²]; None where the step is unknown."""
    dose_share: float = 1.0
    """Share of the electrons that is left of the file's."""
    sources: dict[str, str] = field(default_factory=dict)
    """Where each of `ScanState.CALIBRATION` came from: "file", "entered", "link", "fit",
    "estimated from the data", or "unknown"."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """The file's own, with a simulation's truth under "aberrations" (Å)."""
    missing: tuple[str, ...] = ()
    """What has to be entered before a phase can be computed, in words."""
    statements: tuple[str, ...] = ()
    """Sentences on the disc and the orientation that were found, and what else the file says."""
    found: str = ""
    """What was found in the file, in a sentence."""
    notes: tuple[str, ...] = ()
    """Sentences of doubt about the file, and on what contradicts it."""
    origins: dict[str, str] = field(default_factory=dict)
    """Where in the file each of `ScanState.CALIBRATION` stands, as far as it is known."""
    corrections: dict[str, str] = field(default_factory=dict)
    """What each step found that was done to the electrons, by `TreatmentState`'s names."""
    corrected: tuple[str, ...] = ()
    """The same in sentences."""
    places: bool = False
    """Whether the source tells where in its pixel an electron was."""
    growing: bool = False
    """Whether more rows are to come: what changes with each of them, the card *Live* says."""

    @property
    def line(self) -> str:
        """Title, size, and electrons or the frames' size, in one line."""
        held = "{} × {} px".format(*self.frame_shape)
        if self.electrons is not None:
            held = f"{short_count(self.electrons)} e⁻"
        if self.dose_share < 1:
            held += f" ({100 * self.dose_share:.3g} % of the dose)"
        if self.growing:
            held = "under way"
        return "{} · {} × {} · ".format(self.title, *self.scan_shape) + held


@dataclass(frozen=True, eq=False)
class Pacbed:
    """Position-averaged pattern and the disc drawn on it."""

    array: np.ndarray
    """(Ky, Kx) counts, summed over the positions in use."""
    centre: tuple[float, float] | None
    """(y, x) in pixel-index coordinates of `array`; None where no disc is known."""
    radius: float | None
    """[px]"""
    fitted: bool
    statement: str
    """What the fit says, or why there is no disc."""
    calibration: Calibration | None
    """In the frame of `array`; None while values are missing."""


@dataclass(frozen=True, eq=False)
class PhaseImage(OverScan):
    """Single-sideband phase."""

    array: np.ndarray
    """(Sy, Sx) float32 [rad]"""
    mode: str
    """"draft" or "exact"."""
    ms: float
    """Time that the reconstruction took [ms]."""
    scan_sampling: Sampling
    sequence: int = 0
    """Number of the frame, for `Drawing.acknowledge`."""
    weighting: str = ""
    """What it says beside the picture where frequencies were to be weighted; empty for plain least
    squares."""
    prior: str = ""
    """The spectrum that the weights expect, or why there are none, in a sentence."""

    @property
    def label(self) -> str:
        """What the picture is, in two words."""
        return " · ".join(filter(None, [self.weighting, self.mode, self.came]))

    @property
    def unit(self) -> str:
        """Of its values; weighted ones are no radians to be read off."""
        return f"rad, {self.weighting}" if self.weighting == WIENER else "rad"


@dataclass(frozen=True, eq=False)
class AmplitudeImage(OverScan):
    """Modulus of the object's transmission."""

    array: np.ndarray
    """(Sy, Sx) float32"""
    scan_sampling: Sampling


@dataclass(frozen=True, eq=False)
class LabelledImage(OverScan):
    """An image over the scan that is no plain phase, and says what it is."""

    array: np.ndarray
    """(H, W) float32"""
    unit: str
    scan_sampling: Sampling
    label: str


@dataclass(frozen=True, eq=False)
class Tiles:
    """conj(gamma) G at some object frequencies, on the binned detector."""

    array: np.ndarray
    """(n, By, Bx) complex64, 0 outside the overlaps."""
    frequencies: np.ndarray
    """(n, 2) int (row, column) from DC."""
    labels: tuple[str, ...]
    """The period of each frequency, such as "2.46 Å"."""
    automatic: bool
    """Whether the frequencies are the strongest, not picked by hand."""


@dataclass(frozen=True, eq=False)
class Flatness:
    """How flat the tiles are."""

    value: float
    """Share of the strongest tiles' power above noise that is flat, 0 to 1."""
    aberrations: Aberrations
    """That it was judged with."""
    frequencies: np.ndarray
    """(n, 2) int (row, column) from DC of the tiles shown."""
    residual: np.ndarray
    """(n,) standard deviation of the phase left in each of them [rad]; NaN where there is none."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Signal power of each object frequency, DC in the middle."""

    array: np.ndarray
    """(Sy, Sx) float32, 0 beyond 2 k0."""
    sampling: tuple[float, float]
    """(y, x) of its pixels [1/Å]."""
    frequencies: np.ndarray
    """(n, 2) int (row, column) from DC of the tiles."""
    limit: float
    """2 k0 [1/Å]."""


@dataclass(frozen=True, eq=False)
class ComField(OverScan):
    """Centre of mass of the frames."""

    array: np.ndarray
    """(2, Sy, Sx) float32 (y, x), its mean subtracted."""
    unit: str
    """"mrad" in the scan's frame, or "px" in the detector's while the calibration is missing."""
    curl: np.ndarray | None
    """(Sy, Sx) float32; None while the unit is "px"."""
    divergence: np.ndarray | None
    scan_sampling: Sampling


@dataclass(frozen=True, eq=False)
class DpcImage(OverScan):
    """Phase integrated from the centre of mass."""

    array: np.ndarray
    """(Sy, Sx) float32 [rad]"""
    errors: np.ndarray
    """(n,) error after each iteration."""
    spectrum: np.ndarray | None
    """Filtered power spectrum, as `recon.dpc.integrate` gives it."""
    method: str
    scan_sampling: Sampling

    def error_chart(self) -> Chart | None:
        """The error after each iteration; None where there are no iterations to compare."""
        if len(self.errors) < 2:
            return None
        number = np.arange(1, len(self.errors) + 1)
        return Chart(number, {"error": self.errors}, "iteration", "error", logy=True)


@dataclass(frozen=True, eq=False)
class VirtualImages(OverScan):
    """Counts on virtual detectors."""

    images: dict[str, np.ndarray]
    """"bf", "abf", "adf", "annulus" -> (Sy, Sx) counts. While no disc is known only "sum", all
    electrons of each position."""
    scan_sampling: Sampling


@dataclass(frozen=True)
class Progress:
    """Long work that can be cancelled."""

    task: str
    """Such as "Reading virus_4dcamera_v3"."""
    fraction: float
    """0 to 1."""
    remaining_s: float | None
    """None while it cannot be told."""
    running: bool
    """False once, when the work has ended in whatever way."""


@dataclass(frozen=True)
class Status:
    """The line at the foot of the page."""

    mode: str
    """"draft", "exact" or "" before the first phase."""
    redraw_ms: float | None
    entries: int | None
    """Entries of G that lie in a sideband."""

    @property
    def line(self) -> str:
        """The same in words."""
        parts = [self.mode or "no phase yet"]
        if self.redraw_ms is not None:
            # A GPU's redraw is a fraction of a millisecond.
            digits = 0 if self.redraw_ms >= 10 else 1
            parts.append(f"redraw {self.redraw_ms:.{digits}f} ms")
        if self.entries is not None:
            parts.append(f"{short_count(self.entries)} entries")
        return " · ".join(parts)


def short_count(count: int) -> str:
    """A large count in three digits, such as "14.7 M"."""
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= scale:
            return f"{count / scale:.3g} {letter}"
    return str(count)
