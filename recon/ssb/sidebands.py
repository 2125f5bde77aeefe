"""G on its sidebands: the entries that are kept, their tables, and what they were built with."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import frexp

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import CPU, Device, guarded, model, on_host
from recon.kernels.arguments import Depth
from recon.kernels.cpu.simd import LANES
from recon.specimen import THIN, Specimen
from recon.ssb.bright_field import BrightField
from recon.sums.current import BeamCurrent

LARGEST_HALF = 15
"""No entry in half precision reaches two to this power: a factor of two from its largest number."""


class Plane:
    """What follows from the calibration and the shape of G, wherever its entries lie."""

    calibration: Calibration
    bright_field: BrightField
    scan_shape: tuple[int, int]
    pacbed: np.ndarray
    rows: np.ndarray | None = None
    lines: tuple[int, int] | None = None

    specimen: Specimen = THIN
    device: Device = CPU

    def through(self, specimen: Specimen):
        """The same G as that of a specimen so thick and tilted, with a focus so spread.

        What is made of it then has γ with that specimen's weights: phases, tiles, flatness. The
        arrays are the same ones; what is thin stays as it is.
        """
        specimen = specimen.effective()
        # Not a copy of what is remembered: its keys say the specimen where it matters.
        return self if specimen == self.specimen else replace(self, specimen=specimen)

    @property
    def depth(self) -> Depth | None:
        """The specimen as kernels take it, in units of k0; None for a thin one."""
        if self.specimen.thin:
            return None
        s, k0 = self.specimen, self.calibration.k0
        half = self.calibration.wavelength * k0**2 / 2
        lean_y, lean_x = (s.thickness * k0 * 1e-3 * tilt for tilt in s.tilt)
        numbers = s.thickness * half, lean_y, lean_x, s.focal_spread * half
        return Depth(*map(np.float32, numbers))

    @property
    def made_on(self) -> dict[str, str]:
        """Which kind of device holds it, "used", and its "name"."""
        return {"used": self.device.name, "name": model(self.device)}

    @property
    def scanned(self) -> float:
        """Share of the scan's rows that G holds."""
        return 1.0 if self.rows is None else float(self.rows.mean())

    @property
    def q_shape(self) -> tuple[int, int]:
        """(Sy, Qx) frequencies of the half plane; of a slab those that it holds."""
        begin, end = self.lines or (0, self.scan_shape[0])
        return end - begin, self.scan_shape[1] // 2 + 1

    @property
    def q_y(self) -> np.ndarray:
        """(Sy,) float64 row frequencies in FFT order [1/Å]; of a slab those that it holds."""
        whole = np.fft.fftfreq(self.scan_shape[0], self.calibration.scan_sampling[0])
        return whole if self.lines is None else whole[slice(*self.lines)]

    @property
    def q_x(self) -> np.ndarray:
        """(Qx,) float64 column frequencies [1/Å]."""
        return np.fft.rfftfreq(self.scan_shape[1], self.calibration.scan_sampling[1])

    @property
    def mean_counts(self) -> float:
        """I0: mean counts at one position of a pixel wholly inside the disc."""
        return float(self.pacbed.sum() / self.bright_field.coverage.sum())


@dataclass(frozen=True, eq=False)
class Sidebands(Plane):
    """G(k, q) = Σ_R I(k, R) exp(-2πi q·R) on the sidebands, for half of the q.

    I is real, so that G(k, -q) is the conjugate of G(k, q) and the half plane of a real FFT
    holds all. Entries lie as runs of neighbouring qx for one row qy and one pixel k.

    Attributes
    ----------
    calibration, bright_field, scan_shape
        What it was built with.
    full : bool
        Whether the triple overlap is kept as well.
    re, im : (E + 32,) float32 or float16 arrays
        Entries times `scale`, with a margin of 16 at either end.
    first, runs, hard, hard_at, masks
        Tables of `kernels.sideband_geometry.find_runs`.
    k : (2, K) float64 array
        Pixels (ky, kx) in the scan's frame [1/Å].
    pacbed : (K,) float64 array
        Mean counts of each binned pixel at one position that was scanned, P(k).
    electrons : float
        All electrons that were scanned, inside the disc or not.
    current : BeamCurrent or None
        What was taken out for empty frames and noise of the current.
    """

    calibration: Calibration
    bright_field: BrightField
    scan_shape: tuple[int, int]
    full: bool
    re: np.ndarray
    im: np.ndarray
    first: np.ndarray
    runs: np.ndarray
    hard: np.ndarray
    hard_at: np.ndarray
    masks: np.ndarray
    k: np.ndarray
    pacbed: np.ndarray
    electrons: float
    current: BeamCurrent | None = None
    spare: list = field(default_factory=list)
    """Workspaces not in use, so that a redraw need not touch fresh memory."""
    derived: dict = field(default_factory=dict)
    """What follows from G alone and is wanted at every redraw."""
    device: Device = CPU
    """Where `re`, `im` and the tables are; what is made of them is made there."""
    scale: float = 1.0
    """Power of two by which entries in half precision were multiplied to fit its range."""
    rows: np.ndarray | None = None
    """(Sy,) bool: rows of the scan that G holds, while it is made; None for all of them."""
    specimen: Specimen = THIN
    """What it is taken to be a scan of: see `through`."""
    lines: tuple[int, int] | None = None
    """Of a slab, the rows of q that it holds, the last excluded; None for all of them."""

    def by_rows(self, function: Callable, *arguments):
        """`function(self, *arguments)`: (..., rows, Qx) numbers of the rows of q.

        G that lies in slabs asks each of them for its rows.
        """
        return function(self, *arguments)

    def gathered(self, function: Callable, places):
        """`function(self, places)`: two arrays with an item for each (row, column) of q."""
        return function(self, places)

    def fill(self, work, function: Callable, *arguments) -> None:
        """Fill the spectrum of a workspace: `function(self, work, *arguments)`."""
        function(self, work, *arguments)

    @guarded
    def to_device(self, device: Device) -> "Sidebands":
        """The same G with its entries and tables on `device`; itself, if it is there.

        The CPU reads single precision: entries in half precision are widened on their way.
        """
        if device is self.device:
            return self
        names = "re", "im", "first", "runs", "hard", "hard_at", "masks"
        arrays = {name: on_host(getattr(self, name)) for name in names}
        scale = self.scale
        if device is CPU and self.half:
            for name in ("re", "im"):
                arrays[name] = arrays[name].astype(np.float32) / np.float32(scale)
            scale = 1.0
        moved = {name: device.xp.asarray(array) for name, array in arrays.items()}
        return replace(self, device=device, scale=scale, spare=[], derived={}, **moved)

    @guarded
    def to_half(self) -> "Sidebands":
        """The same G with its entries in half precision: half the memory, and half the reading.

        Each entry is rounded to 11 bits; of their sums, far less is noticed. The power of two in
        `scale` keeps the largest entry, which no pixel's counts exceed, below 2^15.

        Raises
        ------
        ValueError
            On the CPU, which has no arithmetic for it.
        """
        if self.half:
            return self
        check_half(self.device)
        scale = half_scale(self.pacbed.max() * self.scan_shape[0] * self.scan_shape[1])
        re, im = ((part * np.float32(scale)).astype(np.float16) for part in (self.re, self.im))
        return replace(self, re=re, im=im, scale=scale, spare=[], derived={})

    @property
    def half(self) -> bool:
        """Whether entries are kept in half precision."""
        return self.re.dtype == np.float16

    @property
    def entries(self) -> int:
        """Number of entries kept."""
        return self.re.size - 2 * LANES

    @property
    def hard_entries(self) -> int:
        """Number of entries whose pixel's centre lies in a sideband: what a draft reads."""
        return int(self.hard[:, 2].sum(dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes it takes in memory."""
        tables = (self.first, self.runs, self.hard, self.hard_at, self.masks)
        return sum(a.nbytes for a in (self.re, self.im, *tables))


def pixel_edges(calibration: Calibration) -> np.ndarray:
    """(2, 2) float64: unit vectors (y, x) along a detector pixel's x and y edge, scan frame."""
    return calibration.detector_to_scan[:, ::-1].T


def check_half(device: Device) -> None:
    """Refuse half precision on the CPU."""
    if device is CPU:
        raise ValueError(
            "Half precision is for G on a GPU: the CPU's kernels read single precision only."
        )


def half_scale(largest: float) -> float:
    """The power of two that brings a number up to `largest` below 2^15.

    G's noise is about the square root of a pixel's counts, and half precision keeps its 11 bits
    down to 2^-29 of that: for any dose there is.
    """
    return 2.0 ** (LARGEST_HALF - frexp(largest)[1])
