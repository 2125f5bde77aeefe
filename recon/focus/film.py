"""The focus over the scan: a plane of C10, fitted to that of patches.

A film that is tilted as a whole lies higher on one side of the scan than on the other. Each patch
of the scan is one of its own, whose C10 `recon.focus.fit` finds with an error; through these goes
the plane of least squares, each patch with the weight of its error. Where the patches lie farther
from the plane than their errors say, the plane's errors grow as the root of reduced χ²; a patch
that lies beyond `FAR` times what the others scatter counts for less, as an M-estimate (Huber, Ann.
Math. Statist. 35, 73 (1964)). Patches know their C10 up to a few per cent of what it differs by
(`SHORT`), and a plane that leaves most of that misfit unexplained is none.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import pi
from typing import NamedTuple

import numpy as np

from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.focus.fit import coefficients_to, fit_aberrations
from recon.optics import Aberrations
from recon.specimen import STEEPEST_FILM
from recon.ssb.film import c10_over
from recon.ssb.sidebands import Sidebands

SIDE = 32
"""Positions along a patch's side, at least."""

ACROSS = 6
"""Patches along the scan's longer side, at most."""

FEWEST = 4
"""Patches whose C10 is known that a plane needs."""

FAR = 3.0
"""Errors, or typical distances from the plane where those are larger, beyond which a patch counts
for less."""

SHORT = 0.05
"""Share of a slope by which all patches together may be off: simulated patches of 32 positions told
slopes that were 5 % too low (± 2 %) of some objects and right of others, for no known reason."""

SIGNIFICANT = 4.0
"""Standard errors by which the plane must differ from a level one."""

BENT = 2.0
"""Scatter of the patches, in their errors, from which a plane is no good model."""

EXPLAINED = 0.75
"""Share of the patches' differences that a plane must explain where it is no good model."""

VAGUE = 0.5
"""Error of the plane at a corner of the scan, as phase at the edge of the aperture [rad], from
which it is not determined."""


@dataclass(frozen=True, eq=False)
class FilmFit:
    """A plane of C10 over the scan, and what to think of it.

    Attributes
    ----------
    c10 : float
        In the middle of the scan [Å].
    slope : (float, float)
        Along (y, x) [mrad].
    errors : dict of str to float
        Standard errors: "C10" [Å], "film_y", "film_x" [mrad].
    places : (n, 2) float64 array
        Where each patch shows its object, (y, x) from the scan's middle [Å].
    values, uncertain : (n,) float64 arrays
        C10 of each, and its standard error [Å]; NaN where a patch tells none.
    scatter : float
        How far the patches lie from the plane, in their errors (rms).
    calibration : Calibration
    scan_shape : (int, int)
    """

    c10: float
    slope: tuple[float, float]
    errors: dict[str, float]
    places: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    uncertain: np.ndarray = field(repr=False)
    scatter: float
    calibration: Calibration = field(repr=False)
    scan_shape: tuple[int, int]

    @property
    def plane(self) -> np.ndarray:
        """(Sy, Sx) float64 array: C10 at each position [Å]."""
        return c10_over(self.scan_shape, self.calibration.scan_sampling, self.c10, self.slope)

    @property
    def statement(self) -> str:
        """All of this in words."""
        known, change = np.isfinite(self.values), np.ptp(self.plane) / 10
        errors = {name: f"{error:.2g}" for name, error in self.errors.items()}
        said = (
            f"C10 {self.c10 / 10:.2f} ± {self.errors['C10'] / 10:.2f} nm in the middle, changing "
            f"by {change:.3g} nm over the scan: slopes of {self.slope[0]:.3g} ± "
            f"{errors['film_y']} (y) and {self.slope[1]:.3g} ± {errors['film_x']} mrad (x), from "
            f"{known.sum()} of {known.size} patches."
        )
        said += f" They lie {self.scatter:.1f} times as far from the plane as their errors say"
        if self.scatter > BENT:
            return said + ": the film may be bent. The errors given here hold that."
        return said + "."


def patches(scan_shape) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(rows, columns) of patches that cover a scan, each with its first and after its last.

    Raises
    ------
    Unfitted
        If the scan is too small for two along each axis.
    """
    longest = max(scan_shape)
    side = max(SIDE, -(-longest // ACROSS))
    counts = [n // side for n in scan_shape]
    if min(counts) < 2:
        raise Unfitted(
            "A scan of {} × {} positions has no room for patches: two of {} positions are needed "
            "along each axis.".format(*scan_shape, side)
        )
    edges = [np.linspace(0, n, c + 1).astype(int) for n, c in zip(scan_shape, counts, strict=True)]
    rows, columns = (list(zip(e[:-1].tolist(), e[1:].tolist(), strict=True)) for e in edges)
    return [(row, column) for row in rows for column in columns]


def fit_film(
    g_of: Callable[[tuple[int, int], tuple[int, int]], Sidebands],
    scan_shape: tuple[int, int],
    calibration: Calibration,
    aberrations: Aberrations,
    progress=None,
    seen: np.ndarray | None = None,
) -> FilmFit:
    """The plane of C10 over a scan; all other aberrations stay.

    Parameters
    ----------
    g_of : callable
        `g_of(rows, columns)` gives G of a patch, with the triple overlap.
    scan_shape : (Sy, Sx)
    calibration : Calibration
    aberrations : Aberrations
        Of the whole scan, from which each patch begins.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.
    seen : (Sy, Sx) array, optional
        How much each position tells, such as the square of the phase there: a patch's C10 is that
        of where its object lies. Without it, that of the patch's middle.

    Returns
    -------
    FilmFit

    Raises
    ------
    Unfitted
        If too few patches tell a C10, or if they tell of no slope, or of none with certainty.
    """
    where = patches(scan_shape)
    locked = tuple(name for name in coefficients_to(1) if name != "C10")
    found, refused = np.full((len(where), 2), np.nan), None
    for number, patch in enumerate(where):
        try:
            fit = fit_aberrations(g_of(*patch), aberrations, 1, locked=locked, checked=False)
        except Unfitted as error:
            refused = error
        else:
            if "C10" in fit.errors:
                found[number] = fit.aberrations.C10, fit.errors["C10"]
        if progress:
            progress((number + 1) / len(where))
    places = np.array([_middle(patch, seen) for patch in where])
    places = (places - (np.array(scan_shape) - 1) / 2) * calibration.scan_sampling
    known = np.isfinite(found[:, 0])
    if known.sum() < FEWEST:
        said = f" {refused}" if refused else ""
        raise Unfitted(
            f"Only {known.sum()} of {len(where)} patches tell a defocus of their own, and {FEWEST} "
            f"are needed: nothing was changed.{said}"
        )
    plane = plane_through(places[known], *found[known].T)
    slope = plane.slope
    short = SHORT * np.array([0.0, *slope])
    covariance = plane.covariance + np.outer(short, short)
    _require(plane, covariance, scan_shape, calibration)
    errors = np.sqrt(np.diag(covariance)) * (1, 1e3, 1e3)
    named = dict(zip(("C10", "film_y", "film_x"), map(float, errors), strict=True))
    of = plane.scatter, calibration, tuple(scan_shape)
    return FilmFit(plane.middle, (1e3 * slope[0], 1e3 * slope[1]), named, places, *found.T, *of)


def _middle(patch, seen) -> list[float]:
    """(row, column) of what a patch shows."""
    if seen is None:
        return [(a + b - 1) / 2 for a, b in patch]
    part = seen[tuple(slice(*each) for each in patch)]
    return [
        float(np.average(np.arange(*each), weights=part.sum(1 - axis)))
        for axis, each in enumerate(patch)
    ]


class Plane(NamedTuple):
    """A plane through values at places.

    Attributes
    ----------
    middle : float
        Value at place (0, 0).
    slope : (2,) float64 array
        Its change along both axes.
    covariance : (3, 3) float64 array
        Of (middle, slope).
    scatter : float
        Root of reduced χ²: how far the values lie from the plane, in their errors; 1 for three.
    explained : float
        Share of the values' differences (Σ of their squares, in errors) that the plane explains.
    """

    middle: float
    slope: np.ndarray
    covariance: np.ndarray
    scatter: float
    explained: float


def plane_through(places, values, errors) -> Plane:
    """The plane of weighted least squares, less drawn by values far from it.

    Parameters
    ----------
    places : (n, 2) array
    values, errors : (n,) arrays

    Raises
    ------
    Unfitted
        If the places lie on a line.

    Notes
    -----
    Huber, "Robust Statistics" (1981), section 7.6: with ψ the deviations in units of the errors,
    cut off at `FAR` times their scale, and m of n not cut off, the covariance is that of least
    squares times Σψ² / (n - 3) / (m/n)². Nothing cut off, that is reduced χ²; it is never below 1.
    The scale is 1, or the median deviation as a standard one where that is larger.
    """
    spread = np.linalg.svd(places - places.mean(0), compute_uv=False)
    if spread[1] < 0.1 * spread[0]:
        raise Unfitted("The patches that tell a defocus lie on a line: nothing was changed.")
    count, free = len(values), len(values) - 3
    design = np.column_stack([np.ones(count), places]) / errors[:, None]
    seen = values / errors
    trust = np.ones(count)
    for _ in range(20):
        weight = np.sqrt(trust)
        solution = np.linalg.lstsq(weight[:, None] * design, weight * seen, rcond=None)[0]
        left = np.abs(seen - design @ solution)
        typical = 1.4826 * np.median(left) * np.sqrt(count / max(free, 1))
        trust = np.minimum(1, FAR * max(typical, 1.0) / np.maximum(left, 1e-30))
    squares = float(np.sum((trust * left) ** 2))
    scatter = np.sqrt(squares / free) if free > 0 else 1.0
    level = np.average(values, weights=trust / errors**2)
    differences = float(np.sum((trust * (values - level) / errors) ** 2))
    covariance = np.linalg.inv(design.T @ design)
    covariance *= (max(scatter, 1.0) / np.mean(trust == 1)) ** 2
    explained = 1 - squares / differences if differences > 0 else 0.0
    return Plane(float(solution[0]), solution[1:], covariance, float(scatter), explained)


def _require(plane: Plane, covariance, scan_shape, calibration) -> None:
    """Refuse a plane that explains too little, is level within its errors, vague, or too steep."""
    slope = plane.slope
    if plane.scatter > BENT and plane.explained < EXPLAINED:
        raise Unfitted(
            f"No plane describes the defocus over the scan: the patches lie {plane.scatter:.1f} "
            f"times as far from the best one as their errors say, and it explains "
            f"{100 * plane.explained:.0f} % of their differences. The film may be bent or stepped: "
            "crop the scan to where it is even. Nothing was changed."
        )
    ends = (np.array(scan_shape) - 1) * calibration.scan_sampling / 2
    beyond = float(slope @ np.linalg.inv(covariance[1:, 1:]) @ slope)
    change = 2 * float(np.abs(slope) @ ends)
    corner = np.array([1.0, *ends])
    corners = [corner * (1, a, b) for a in (-1, 1) for b in (-1, 1)]
    error = max(float(np.sqrt(each @ covariance @ each)) for each in corners)
    if beyond < SIGNIFICANT**2:
        raise Unfitted(
            f"The defocus is the same all over the scan, within ± {error / 10:.2g} nm at its "
            "corners: nothing was changed."
        )
    turn = pi * calibration.wavelength * calibration.k0**2 * error
    if turn > VAGUE:
        raise Unfitted(
            f"The patches tell the defocus at the scan's corners to ± {error / 10:.2g} nm only, "
            f"which is {turn:.2g} rad at the edge of the aperture: nothing was changed."
        )
    if 1e3 * max(abs(slope)) > STEEPEST_FILM:
        raise Unfitted(
            f"The defocus would change by {change / 10:.3g} nm over the scan, more than that of "
            "any film: nothing was changed."
        )
