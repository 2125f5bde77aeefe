"""What a phase's spectrum is expected to be before it is measured: the prior of a Wiener filter."""

from dataclasses import dataclass
from math import isfinite

import numpy as np

from recon.ssb.sidebands import Sidebands


@dataclass(frozen=True)
class Prior:
    """Power spectral density that is expected of a phase, level / (1 + (q / corner)²)².

    That of screened atoms at random places: a Yukawa potential's transform falls as
    1 / (q² + corner²). Smooth, and falling without end, it also holds for what is larger (q⁻⁴ is
    Porod's law of sharp interfaces). A crystal's peaks stand out of it: they are listed.

    Parameters
    ----------
    level : float
        Density at q = 0 [rad² Å²]. Over the field's area it is a Fourier coefficient's power.
    corner : float
        Where it has fallen to a quarter [1/Å].
    peaks : tuple of (float, float, float)
        Frequencies (qy, qx) [1/Å] at which more is expected, qx >= 0, and the power of the Fourier
        coefficient there [rad²].

    Raises
    ------
    ValueError
        If one is not positive and finite.
    """

    level: float
    corner: float
    peaks: tuple[tuple[float, float, float], ...] = ()

    def __post_init__(self):
        for name, value, unit in (("level", self.level, "rad² Å²"), ("corner", self.corner, "1/Å")):
            if not (isfinite(value) and value > 0):
                raise ValueError(f"The prior's {name} must be positive, not {value} {unit}.")

    @property
    def statement(self) -> str:
        """The prior in one sentence."""
        listed = f", and {len(self.peaks)} peaks as they were measured" if self.peaks else ""
        return (
            f"Expected spectrum of the phase: {self.level:.3g} rad² Å² / "
            f"(1 + (q / {self.corner:.3g} Å⁻¹)²)²{listed}."
        )

    def density(self, q):
        """Power spectral density [rad² Å²] at spatial frequencies q [1/Å]."""
        return self.level / (1 + (np.asarray(q) / self.corner) ** 2) ** 2

    def coefficients(self, g: Sidebands) -> np.ndarray:
        """(Sy, Qx) float64 S(q): expected power of each Fourier coefficient [rad²].

        Of the coefficients c with φ(R) = Σ c(q) exp(2πi q·R): they add up to the variance of φ.
        """
        extent = np.multiply(g.scan_shape, g.calibration.scan_sampling)
        expected = self.density(np.hypot(g.q_y[:, None], g.q_x)) / np.prod(extent)
        if self.peaks:
            *q, power = np.transpose(self.peaks)
            row, column = np.rint(np.multiply(q, extent[:, None])).astype(int)
            line = row % g.scan_shape[0] - (g.lines or (0,))[0]
            there = (abs(row) <= g.scan_shape[0] // 2) & (column < expected.shape[1])
            there &= (line >= 0) & (line < expected.shape[0])
            np.maximum.at(expected, (line[there], column[there]), power[there])
        return expected
