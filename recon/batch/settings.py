"""What decides a reconstruction, cut where its steps are cut, for the page and the command line.

Each part is hashable, so that what is made can be remembered by exactly what it depends on. Units
are `recon`'s.
"""

from dataclasses import dataclass, replace

from recon.dpc import integrate as defaults
from recon.geometry.descan import Descan

AUTO = "auto"

BAND_LIMIT = 0.9
"""Share of 2 k0 up to which frequencies are kept: beyond, the sidebands hold little but noise."""


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
    descan: bool | Descan = False
    """Whether the disc's movement over the scan is taken out, as measured; or that movement."""
    round_disc: bool | tuple[float, float] = False
    """Whether an elliptical disc is made round, as measured; or its (ratio, angle [degrees])."""
    shear: float = 0.0
    """Steps along x by which each row of the scan lies further right than the one above."""
    disc: tuple[tuple[float, float], float] | None = None
    """Centre (y, x) and radius [px] of the disc by whose rim both are measured; None fits it."""
    refine: int | str = 1
    """Finer detector pixels along each axis, where the source tells places within a pixel; "auto"
    makes as many as the binned pixels can use."""
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


USUAL_DPC = {
    "iterative": Dpc(),
    "direct": Dpc("direct", defaults.DIRECT_HIGHPASS, defaults.DIRECT_LOWPASS),
}
"""Regularisation that suits each method."""
