"""Electron wavelength and the aberrations of the probe."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import atan2, comb, cos, hypot, pi, sin, sqrt

import numpy as np
from scipy.constants import c, e, h, m_e


def electron_wavelength(energy: float) -> float:
    """Relativistic wavelength [Å] of an electron of kinetic energy `energy` [eV].

    Raises
    ------
    ValueError
        If the energy is not positive.

    Notes
    -----
    λ = h c / sqrt(T (T + 2 m c²)), with the CODATA values in `scipy.constants`.
    """
    if not energy > 0:
        raise ValueError(f"The beam energy must be positive, not {energy} eV.")
    kinetic = energy * e
    return 1e10 * h * c / sqrt(kinetic * (kinetic + 2 * m_e * c**2))


@dataclass(frozen=True)
class Term:
    """One aberration C_nm: radial order n, azimuthal order m."""

    name: str
    n: int
    m: int

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Names of its Cartesian coefficients."""
        return (self.name,) if self.m == 0 else (f"{self.name}a", f"{self.name}b")


TERMS = tuple(Term(f"C{n}{m}", n, m) for n in range(1, 6) for m in range((n + 1) % 2, n + 2, 2))
"""The 14 aberrations to 5th order, in Krivanek's notation."""

SIZE = 7
"""Powers 0..6 of each frequency in the polynomial form of chi to 5th order."""


@dataclass(frozen=True)
class Aberrations:
    """Coefficients of the aberration function to 5th order, Cartesian form [Å].

    chi(k) = (2π/λ) Σ θ^(n+1)/(n+1) [Cnma cos(mφ) + Cnmb sin(mφ)], θ = λ|k|, φ = atan2(ky, kx),
    in the frame of the detector. C10 > 0 is overfocus; `defocus` = -C10.

    Parameters
    ----------
    C10, C12a, … C56b : float
        All 25 of `COEFFICIENTS` by name [Å]; 0 where left out.

    Raises
    ------
    ValueError
        If one is no finite number.

    Notes
    -----
    Krivanek, Dellby & Lupini, Ultramicroscopy 78, 1 (1999).
    """

    C10: float = 0.0
    C12a: float = 0.0
    C12b: float = 0.0
    C21a: float = 0.0
    C21b: float = 0.0
    C23a: float = 0.0
    C23b: float = 0.0
    C30: float = 0.0
    C32a: float = 0.0
    C32b: float = 0.0
    C34a: float = 0.0
    C34b: float = 0.0
    C41a: float = 0.0
    C41b: float = 0.0
    C43a: float = 0.0
    C43b: float = 0.0
    C45a: float = 0.0
    C45b: float = 0.0
    C50: float = 0.0
    C52a: float = 0.0
    C52b: float = 0.0
    C54a: float = 0.0
    C54b: float = 0.0
    C56a: float = 0.0
    C56b: float = 0.0

    def __post_init__(self):
        for name, value in vars(self).items():
            if not np.isfinite(value):
                raise ValueError(f"The aberration {name} must be a finite length, not {value} Å.")

    @property
    def defocus(self) -> float:
        """-C10 [Å], positive for underfocus."""
        return -self.C10

    @classmethod
    def from_polar(cls, values: Mapping[str, float]) -> "Aberrations":
        """From magnitudes `Cnm` [Å] and azimuths `phinm` [rad]; names left out are zero.

        Raises
        ------
        ValueError
            If a name is no aberration to 5th order.
        """
        known = {f"{kind}{t.n}{t.m}" for t in TERMS for kind in ("C", "phi") if t.m or kind == "C"}
        for name in values:
            if name not in known:
                raise ValueError(f"{name} is not a polar aberration coefficient to 5th order.")
        result = {}
        for t in TERMS:
            size, angle = values.get(t.name, 0.0), values.get(f"phi{t.n}{t.m}", 0.0)
            if t.m == 0:
                result[t.name] = size
            else:
                result[f"{t.name}a"] = size * cos(t.m * angle)
                result[f"{t.name}b"] = size * sin(t.m * angle)
        return cls(**result)

    def polar(self) -> dict[str, float]:
        """Magnitudes `Cnm` [Å] and azimuths `phinm` [rad], -π/m < phi <= π/m."""
        result = {}
        for t in TERMS:
            parts = [getattr(self, name) for name in t.coefficients]
            if t.m == 0:
                result[t.name] = parts[0]
            else:
                result[t.name] = hypot(*parts)
                result[f"phi{t.n}{t.m}"] = atan2(parts[1], parts[0]) / t.m
        return result

    def in_scan_frame(self, rotation_deg: float, transpose: bool) -> "Aberrations":
        """The same aberrations seen from the scan's axes (x = fast scan direction).

        With z = Cnma + i Cnmb: z_scan = z exp(-i m θ), of conj(z) exp(i m π/2) if transposed,
        for K_det = S R(θ) K_scan.
        """
        theta = np.deg2rad(rotation_deg)
        result = {}
        for t in TERMS:
            parts = [getattr(self, name) for name in t.coefficients]
            z = complex(*parts)
            if transpose:
                z = z.conjugate() * np.exp(1j * t.m * pi / 2)
            z *= np.exp(-1j * t.m * theta)
            result.update(zip(t.coefficients, (z.real, z.imag), strict=False))
        return replace(self, **{name: float(value) for name, value in result.items()})

    def polynomial(self, wavelength: float) -> np.ndarray:
        """(7, 7) float64 array p with chi(k) = Σ p[i, j] kx^i ky^j [rad], k in 1/Å."""
        powers = np.zeros((SIZE, SIZE))
        for t in TERMS:
            scale = 2 * pi * wavelength**t.n / (t.n + 1)
            z = complex(*(getattr(self, name) for name in t.coefficients))
            if not z:
                continue
            # |k|^(n+1) [a cos mφ + b sin mφ] = (kx² + ky²)^s Re[conj(z) (kx + i ky)^m]
            half = (t.n + 1 - t.m) // 2
            for u in range(t.m + 1):
                harmonic = (z.conjugate() * 1j**u * comb(t.m, u)).real
                for v in range(half + 1):
                    powers[t.m - u + 2 * (half - v), u + 2 * v] += scale * harmonic * comb(half, v)
        return powers

    def chi(self, ky, kx, wavelength: float):
        """Aberration phase [rad] at spatial frequencies (ky, kx) [1/Å]; arrays broadcast."""
        kx, ky = np.broadcast_arrays(kx, ky)
        return np.polynomial.polynomial.polyval2d(kx, ky, self.polynomial(wavelength))


def laplacian(powers) -> np.ndarray:
    """Laplacian of polynomials Σ p[..., i, j] x^i y^j, as polynomials of the same size (7, 7)."""
    result = np.zeros_like(powers)
    order = np.arange(2, SIZE) * np.arange(1, SIZE - 1)
    result[..., :-2, :] += powers[..., 2:, :] * order[:, None]
    result[..., :-2] += powers[..., 2:] * order
    return result


COEFFICIENTS = tuple(f.name for f in fields(Aberrations))
"""Names of the 25 Cartesian coefficients."""
