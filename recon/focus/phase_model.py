"""The phase that aberrations give to entries of G, as a linear model with its derivatives."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recon.focus.overlaps import Overlaps
from recon.kernels.host import flatness as kernels
from recon.optics import Aberrations, laplacian
from recon.ssb.bright_field import OFFSETS


def unit(name: str, wavelength: float, k0: float) -> float:
    """Size [Å] of a coefficient that makes one radian at the edge of the aperture."""
    order = int(name[1])
    return (order + 1) / (2 * np.pi * wavelength**order * k0 ** (order + 1))


def pixel_polynomial(overlaps: Overlaps, aberrations: Aberrations) -> np.ndarray:
    """(7, 7) polynomial of chi [rad, 1/Å], averaged over a pixel to second order."""
    powers = aberrations.polynomial(overlaps.wavelength)
    return powers + overlaps.width**2 * np.mean(OFFSETS**2) / 2 * laplacian(powers)


def degree_of(powers) -> int:
    """Total degree of a polynomial (7, 7, ...)."""
    return int(np.max(np.add(*np.nonzero(powers)[:2]), initial=0))


def places(overlaps: Overlaps, rotation_deg: float | None = None) -> kernels.Places:
    """Where the entries lie."""
    o, q = overlaps, np.ascontiguousarray(overlaps.q_on_detector(rotation_deg))
    return kernels.Places(o.k, q, o.right, o.left, o.starts)


def flat_sums(overlaps: Overlaps, aberrations: Aberrations, rotation_deg: float | None = None):
    """(M,) complex128 S = Σ γ* G and (M,) float64 W = Σ |γ|² w of each frequency."""
    sums, norms = np.empty(overlaps.size, complex), np.empty(overlaps.size)
    powers, where = pixel_polynomial(overlaps, aberrations), places(overlaps, rotation_deg)
    pixel, entries = overlaps.width / 8, (overlaps.values, overlaps.weights)
    kernels.flat_sums(powers, degree_of(powers), pixel, where, *entries, sums, norms)
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

    @cached_property
    def without(self) -> np.ndarray:
        """(7, 7) polynomial of all aberrations that may not change."""
        still = {n: 0.0 if n in self.names else v for n, v in vars(self.fixed).items()}
        return pixel_polynomial(self.overlaps, Aberrations(**still))

    @cached_property
    def basis(self) -> np.ndarray:
        """(7, 7, n) polynomials of one unit of each coefficient."""
        units = zip(self.names, self.units, strict=False)
        every = [pixel_polynomial(self.overlaps, Aberrations(**{n: size})) for n, size in units]
        return np.stack(every, axis=-1) if every else np.empty((*self.without.shape, 0))

    def polynomial(self, x) -> np.ndarray:
        """(7, 7) polynomial of chi at `x` (n,), averaged over a pixel."""
        return self.without + self.basis @ x

    def still(self, rotation_deg: float) -> np.ndarray:
        """(2, E) phases of both terms at x = 0."""
        if not self.without.any():
            return np.zeros((2, self.overlaps.values.size))
        return self._terms(self.without, rotation_deg)[1]

    def terms(self, x, rotation_deg: float):
        """(2, E) amplitudes and (2, E) phases [rad] of the terms of γ at `x` (n,).

        Amplitudes are 1 and -1 where the term is there, shortened by the pixel: the mean over its
        sub-points shortens a term whose phase turns in it; one that turns more than twice is
        not sampled, and 0.
        """
        return self._terms(self.polynomial(x), rotation_deg)

    def _terms(self, powers, rotation_deg):
        sizes, phases = np.empty((2, 2, self.overlaps.values.size))
        where = places(self.overlaps, rotation_deg)
        pixel = self.overlaps.width / 8
        kernels.terms(powers, degree_of(powers), pixel, where, sizes, phases)
        return sizes, phases

    def columns(self, x, rotation_deg: float) -> np.ndarray:
        """(2, E, n) derivatives of both terms' phases by the unknowns.

        Those by coefficients are the same for all of them, and kept for the last angle; that by
        the rotation [rad/rad], the last, is taken at `x`.
        """
        tables, size = self.overlaps.tables, len(self.units)
        key = self.names, size
        angle, found = tables.get(key, (None, None))
        where = places(self.overlaps, rotation_deg)
        if angle != rotation_deg:
            found = np.empty((2, self.overlaps.values.size, size))
            kernels.columns(self.basis, degree_of(self.basis), where, found)
            tables[key] = rotation_deg, found
        if self.rotation:
            step = 1e-4
            ahead, behind = (
                self.overlaps.q_on_detector(rotation_deg + np.rad2deg(d)) for d in (step, -step)
            )
            powers, moved = self.polynomial(x), (ahead - behind) / (2 * step)
            kernels.turning(powers, degree_of(powers), where, moved, found[..., -1])
        return found

    def coefficients(self, aberrations: Aberrations) -> np.ndarray:
        """(n,) coefficients in units of `unit`; the rotation is none of them."""
        units = zip(self.names, self.units, strict=False)
        return np.array([getattr(aberrations, name) / size for name, size in units])

    def aberrations(self, x) -> Aberrations:
        """The aberrations with the coefficients at `x`."""
        values = dict(vars(self.fixed))
        values.update(
            (name, float(v * size))
            for name, v, size in zip(self.names, x, self.units, strict=False)
        )
        return Aberrations(**values)
