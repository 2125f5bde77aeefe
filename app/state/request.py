"""The frozen snapshot that a computation works from, cut where the stages are cut.

Each part is hashable and keys the results that depend on it, so that moving the defocus cannot
make anything stale but the images made with it. Units are `recon`'s.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from recon.dpc import integrate as defaults
from recon.optics import Aberrations


@dataclass(frozen=True)
class Reading:
    """Which scan, as it comes from the file."""

    dataset: str
    keep_flyback: str = "auto"
    """"auto", "keep" or "drop"."""
    scan_shape: tuple[int, int] | None = None
    """(rows, columns) of positions, for a file that does not say, or not rightly."""
    dwell_time: float | None = None
    """Time at each position [s], for a recording that knows no positions."""
    trigger: str | None = None
    """Edge that begins a line of such a recording."""
    array: str | None = None
    """Name of an array in a file of several."""

    def options(self) -> dict[str, Any]:
        """What the reader of the file is to be told."""
        told = {"dwell_time": self.dwell_time, "trigger": self.trigger, "dataset": self.array}
        keep = {"auto": None, "keep": True, "drop": False}[self.keep_flyback]
        told = {name: value for name, value in told.items() if value is not None}
        return {"keep_flyback": keep, "scan_shape": self.scan_shape} | told


@dataclass(frozen=True)
class Region:
    """The part of the scan and of the detector in use; margins are (top, bottom, left, right)."""

    scan: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Scan positions left out."""
    detector: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Detector pixels left out."""
    scan_bin: int = 1


@dataclass(frozen=True)
class Treatment:
    """What is done to the electrons before anything is summed."""

    mask_faulty: bool = False
    """Whether hot and dead detector pixels are left out."""
    descan: bool = False
    """Whether the disc's movement over the scan is taken out."""
    round_disc: bool = False
    """Whether an elliptical disc is made round."""
    shear: float = 0.0
    """Steps along x by which each row of the scan lies further right than the one above."""
    refine: int = 1
    """Finer detector pixels along each axis, where the source tells places within a pixel."""
    dose_share: float = 1.0
    """Share of the electrons that is kept."""
    draw: int = 0
    """Seed of what is kept."""

    def at_full_dose(self) -> "Treatment":
        """The same with all electrons: where disc and orientation are looked for."""
        return replace(self, dose_share=1.0, draw=0)


@dataclass(frozen=True)
class Geometry:
    """What is known for a `Calibration`; None is unknown."""

    energy: float | None = None
    """[eV]"""
    semiangle_cutoff: float | None = None
    """[mrad]"""
    scan_sampling: tuple[float | None, float | None] = (None, None)
    """(y, x) of the file's scan positions [Å], before binning."""
    auto_orientation: bool = False
    rotation_deg: float = 0.0
    transpose: bool = False
    fit_disc: bool = True
    centre: tuple[float, float] | None = None
    """(y, x) on the full detector [px], used where the disc is not fitted."""
    radius: float | None = None
    """[px]"""

    def missing(self) -> tuple[str, ...]:
        """Names of what has to be entered before a phase can be computed."""
        values = {
            "beam energy": self.energy,
            "convergence semi-angle": self.semiangle_cutoff,
            "scan step along y": self.scan_sampling[0],
            "scan step along x": self.scan_sampling[1],
        }
        return tuple(name for name, value in values.items() if value is None)


@dataclass(frozen=True)
class Annulus:
    """The chosen virtual detector, in radii of the bright-field disc."""

    inner: float = 0.5
    outer: float = 1.0


@dataclass(frozen=True)
class Dpc:
    """Regularisation of the phase from the centre of mass; names as in `recon.dpc.integrate`."""

    method: str = "iterative"
    highpass: float = defaults.HIGHPASS
    lowpass: float = defaults.LOWPASS
    step: float = defaults.STEP
    iterations: int = defaults.ITERATIONS
    padding: float = defaults.PADDING


@dataclass(frozen=True)
class Noise:
    """What is done about noise in what is shown, and never in what is saved."""

    wiener: bool = False
    """Whether the phase is weighted by what each frequency tells."""
    method: str = "total variation"
    """Of denoising, one of `recon.quality.denoise.METHODS`."""
    strength: float = 1.0
    """Of denoising, in units of the counting noise."""
    upsample: int = 1
    """Pixels of the tilt-corrected bright field to a scan step."""


@dataclass(frozen=True)
class TileChoice:
    """How many G tiles, and which; empty `frequencies` are the strongest."""

    count: int = 9
    frequencies: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Request:
    """Everything that decides what is computed."""

    reading: Reading
    region: Region = Region()
    treatment: Treatment = Treatment()
    geometry: Geometry = Geometry()
    bright_field_pixels: int = 18
    aberrations: Aberrations = field(default_factory=Aberrations)
    sideband: str = "both"
    band_limit: float = 1.0
    """Share of 2 k0 up to which frequencies are shown."""
    annulus: Annulus = Annulus()
    dpc: Dpc = Dpc()
    tiles: TileChoice = TileChoice()
    noise: Noise = Noise()
