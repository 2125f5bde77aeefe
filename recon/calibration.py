"""What has to be known of an experiment before a phase can be put on a scale."""

from dataclasses import dataclass
from math import cos, isfinite, radians, sin

import numpy as np

from recon.optics import electron_wavelength

LARGEST_DETECTOR = 1e6
"""Pixels along a side; no camera has as many."""

UNDERSAMPLED = 1.05
"""Scan step over Nyquist's from which it is told: below, hardly a frequency is folded."""


@dataclass(frozen=True)
class Calibration:
    """Beam, scan and detector geometry.

    Parameters
    ----------
    energy : float
        Beam energy [eV].
    semiangle_cutoff : float
        Convergence semi-angle [mrad].
    scan_sampling : (float, float)
        Distance of scan positions along (y, x) [Å].
    centre : (float, float)
        Centre (y, x) of the bright-field disc in pixel-index coordinates of the detector.
    radius : float
        Radius of the bright-field disc [detector pixels].
    rotation_deg : float
        Scan against detector: K_det = S R(rotation) K_scan; positive looks clockwise on the screen.
    transpose : bool
        Whether S swaps the detector's axes.

    Raises
    ------
    ValueError
        If a quantity is missing, zero, negative or not finite, or the disc lies on no detector.
    """

    energy: float
    semiangle_cutoff: float
    scan_sampling: tuple[float, float]
    centre: tuple[float, float]
    radius: float
    rotation_deg: float = 0.0
    transpose: bool = False

    def __post_init__(self):
        positive = {
            "beam energy": (self.energy, "eV"),
            "convergence semi-angle": (self.semiangle_cutoff, "mrad"),
            "scan step along y": (self.scan_sampling[0], "Å"),
            "scan step along x": (self.scan_sampling[1], "Å"),
            "radius of the bright-field disc": (self.radius, "pixels"),
        }
        for name, (value, unit) in positive.items():
            if value is None or not isfinite(value) or value <= 0:
                given = "is missing" if value is None else f"must be positive, not {value} {unit}"
                raise ValueError(f"The {name} {given}.")
        for name, value in (
            ("rotation", self.rotation_deg),
            ("disc centre along y", self.centre[0]),
            ("disc centre along x", self.centre[1]),
        ):
            if not isfinite(value):
                raise ValueError(f"The {name} must be a finite number, not {value}.")
        if max(self.radius, *map(abs, self.centre)) > LARGEST_DETECTOR:
            raise ValueError(
                f"A bright-field disc of radius {self.radius:g} pixels around ({self.centre[0]:g}, "
                f"{self.centre[1]:g}) lies on no detector: none has {LARGEST_DETECTOR:g} pixels "
                "along a side."
            )

    @property
    def wavelength(self) -> float:
        """Electron wavelength [Å]."""
        return electron_wavelength(self.energy)

    @property
    def k0(self) -> float:
        """Radius of the aperture, semi-angle / wavelength [1/Å]."""
        return self.semiangle_cutoff * 1e-3 / self.wavelength

    @property
    def undersampling(self) -> float:
        """Coarser scan step over Nyquist's of this aperture, 1 / 4 k0.

        Intensities hold frequencies up to 2 k0.
        """
        return 4 * self.k0 * max(self.scan_sampling)

    @property
    def undersampled(self) -> str:
        """A sentence where the scan folds frequencies back; else empty."""
        if self.undersampling < UNDERSAMPLED:
            return ""
        return (
            f"The scan undersamples: its step of {max(self.scan_sampling):.3g} Å is "
            f"{self.undersampling:.2g} × above Nyquist of this aperture, {0.25 / self.k0:.3g} Å, "
            "and what is finer is folded onto coarser waves."
        )

    @property
    def angular_sampling(self) -> float:
        """Angle of one detector pixel [mrad]."""
        return self.semiangle_cutoff / self.radius

    @property
    def reciprocal_sampling(self) -> float:
        """Spatial frequency of one detector pixel [1/Å]."""
        return self.k0 / self.radius

    @property
    def detector_to_scan(self) -> np.ndarray:
        """(2, 2) float64 matrix R(-θ) S on (y, x) vectors: from detector to scan axes."""
        c, s = cos(radians(self.rotation_deg)), sin(radians(self.rotation_deg))
        # On (x, y): [[c, s], [-s, c]]; written here for (y, x).
        matrix = np.array([[c, -s], [s, c]])
        return matrix[:, ::-1].copy() if self.transpose else matrix
