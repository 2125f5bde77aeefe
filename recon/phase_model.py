"""The phase that aberrations give to entries of G, as a linear model with its derivatives."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recon.datacube import OFFSETS
from recon.kernels import flatness as kernels
from recon.optics import SIZE, Aberrations, laplacian
from recon.overlaps import Overlaps

EXPONENTS = tuple((i, j) for i in range(SIZE) for j in range(SIZE - i))
"""Powers (of kx, of ky) that occur in chi to 5th order."""
CHOSEN = tuple(np.array(EXPONENTS).T)


def monomials(ky, kx) -> np.ndarray:
    """(E, 28) values kx^i ky^j of `EXPONENTS`."""
    x, y = (np.ones((SIZE, np.size(k))) for k in (kx, ky))
    for power in range(1, SIZE):
        x[power], y[power] = x[power - 1] * kx, y[power - 1] * ky
    table = np.empty((len(EXPONENTS), np.size(kx)))
    for row, (i, j) in zip(table, EXPONENTS, strict=True):
        np.multiply(x[i], y[j], out=row)
    return table.T


def _slope(powers, axis):
    """Polynomial of the derivative along x (axis 0) or y (axis 1), of the same size."""
    result = np.zeros_like(powers)
    order = np.arange(1, SIZE)
    if axis == 0:
        result[:-1] = powers[1:] * order[:, None]
    else:
        result[:, :-1] = powers[:, 1:] * order
    return result


def unit(name: str, wavelength: float, k0: float) -> float:
    """Size [Å] of a coefficient that makes one radian at the edge of the aperture."""
    order = int(name[1])
    return (order + 1) / (2 * np.pi * wavelength**order * k0 ** (order + 1))


def pixel_polynomial(overlaps: Overlaps, aberrations: Aberrations) -> np.ndarray:
    """(7, 7) polynomial of chi [rad, 1/Å], averaged over a pixel to second order."""
    powers = aberrations.polynomial(overlaps.wavelength)
    return powers + overlaps.width**2 * np.mean(OFFSETS**2) / 2 * laplacian(powers)


def geometry(overlaps: Overlaps, aberrations: Aberrations, rotation_deg: float | None = None):
    """What `kernels.flatness` takes first: chi's polynomial, and where the entries lie."""
    powers = pixel_polynomial(overlaps, aberrations)
    degree = int(np.max(np.add(*np.nonzero(powers)), initial=0))
    q = np.ascontiguousarray(overlaps.q_on_detector(rotation_deg))
    o = overlaps
    return powers, degree, o.width / 8, o.k, q, o.right, o.left, o.starts


def flat_sums(overlaps: Overlaps, aberrations: Aberrations, rotation_deg: float | None = None):
    """(M,) complex128 S = Σ γ* G and (M,) float64 W = Σ |γ|² w of each frequency."""
    sums, norms = np.empty(overlaps.size, complex), np.empty(overlaps.size)
    where = geometry(overlaps, aberrations, rotation_deg)
    kernels.flat_sums(*where, overlaps.values, overlaps.weights, sums, norms)
    return sums, norms


@dataclass(frozen=True, eq=False)
class PhaseModel:
    """Phases of the two terms of γ, φ = Σ_j x_j B_j, for coefficients x in units of `unit`.

    B_j = w_j(k) - w_j(k - q) for the first term and w_j(k + q) - w_j(k) for the second, with w_j
    the aberration's polynomial averaged over the area of a pixel.

    Parameters
    ----------
    overlaps : Overlaps
    names : tuple of str
        Coefficients that the fit may change.
    fixed : Aberrations
        All others.
    rotation : bool
        Whether the angle of the scan is one more unknown, the last, in radians.
    """

    overlaps: Overlaps
    names: tuple[str, ...]
    fixed: Aberrations
    rotation: bool = False

    @cached_property
    def units(self) -> np.ndarray:
        """(n,) size of one unit of each unknown: [Å], and degrees for the rotation."""
        o = self.overlaps
        sizes = [unit(name, o.wavelength, o.k0) for name in self.names]
        return np.array([*sizes, *([np.rad2deg(1.0)] if self.rotation else [])])

    def polynomial(self, aberrations: Aberrations) -> np.ndarray:
        """(7, 7) polynomial of chi, averaged over a pixel."""
        return pixel_polynomial(self.overlaps, aberrations)

    @cached_property
    def without(self) -> Aberrations:
        """The aberrations with all that may change at zero."""
        return Aberrations(
            **{n: 0.0 if n in self.names else v for n, v in vars(self.fixed).items()}
        )

    def powers(self, aberrations) -> np.ndarray:
        """(28,) coefficients of `EXPONENTS` in `polynomial`."""
        return self.polynomial(aberrations)[CHOSEN]

    def _monomials(self, rotation_deg: float):
        """Monomials (E, 28) at k, k - q and k + q; the last angle's are kept."""
        o = self.overlaps
        tables = o.tables
        if "here" not in tables:
            tables["here"] = monomials(*o.k)
        if tables.get("angle") != rotation_deg:
            q = np.repeat(o.q_on_detector(rotation_deg), np.diff(o.starts), axis=1)
            tables["after"], tables["before"] = monomials(*(o.k - q)), monomials(*(o.k + q))
            tables["angle"] = rotation_deg
        return tables["here"], tables["after"], tables["before"]

    def differences(self, rotation_deg: float):
        """(E, 28) m(k) - m(k - q) and m(k + q) - m(k) of the monomials m."""
        here, after, before = self._monomials(rotation_deg)
        tables = self.overlaps.tables
        if tables.get("difference") != rotation_deg:
            tables["differences"] = here - after, before - here
            tables["difference"] = rotation_deg
        return tables["differences"]

    def columns(self, differences) -> np.ndarray:
        """(2, E, n) B of the coefficients, for both terms."""
        if not self.names:
            return np.empty((2, self.overlaps.values.size, 0))
        units = zip(self.names, self.units, strict=False)
        basis = [self.powers(Aberrations(**{name: size})) for name, size in units]
        return np.stack([part @ np.array(basis).T for part in differences])

    def turning(self, aberrations: Aberrations, rotation_deg: float) -> np.ndarray:
        """(2, E) derivatives of the terms' phases by the rotation [rad/rad]."""
        o = self.overlaps
        step = 1e-4
        ahead, behind = (o.q_on_detector(rotation_deg + np.rad2deg(d)) for d in (step, -step))
        d_y, d_x = np.repeat((ahead - behind) / (2 * step), np.diff(o.starts), axis=1)
        _, *shifted = self._monomials(rotation_deg)
        slopes = [self.slopes(aberrations, table) for table in shifted]
        return np.stack([slope_y * d_y + slope_x * d_x for slope_y, slope_x in slopes])

    def slopes(self, aberrations: Aberrations, table) -> np.ndarray:
        """(2, E) gradient (y, x) of chi [rad Å] where the monomials have the values `table`."""
        powers = self.polynomial(aberrations)
        return np.stack([table @ _slope(powers, axis)[CHOSEN] for axis in (1, 0)])

    def amplitudes(self, aberrations: Aberrations, rotation_deg: float) -> np.ndarray:
        """(2, E) amplitude of each term of γ: 1 and -1 where it is there, shortened by the pixel.

        The mean over a pixel's sub-points shortens a term whose phase turns in it; one that turns
        more than twice is not sampled: 0.
        """
        sizes = np.empty((2, self.overlaps.values.size))
        kernels.amplitudes(*geometry(self.overlaps, aberrations, rotation_deg), sizes)
        return sizes

    def aberrations(self, x) -> Aberrations:
        """The aberrations with the coefficients at `x`."""
        values = dict(vars(self.fixed))
        values.update(
            (name, float(v * size))
            for name, v, size in zip(self.names, x, self.units, strict=False)
        )
        return Aberrations(**values)
