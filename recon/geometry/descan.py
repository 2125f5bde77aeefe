"""Descan: how the bright-field disc moves over the detector while the beam scans."""

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtri

from recon.device.backend import CPU, on_host
from recon.errors import DiscNotFound, Unfitted
from recon.geometry.ellipse import fit_rim
from recon.kernels.host import frames as frame_kernels
from recon.scan.kinds import ScanData, by_kind
from recon.sums.detectors import pacbed

TERMS = ("y", "x", "y²", "xy", "x²")
LINEAR = 2
"""The first so many terms."""

BLOCKS = 7
"""Parts of the scan along each axis, at most, whose discs are fitted."""

FEWEST_BLOCKS = 4

UNCERTAIN = 0.1
"""Standard error of a part's centre, in radii, beyond which it shows no disc."""

ROUNDS = 3
"""Of the fit to a part's rim."""

DOUBT = 1e-3
"""Chance with which a disc that stays is taken for one that moves."""

LEAST = 0.1
"""Distance [px] from its mean place within which a disc counts as still: a specimen that is thick
on one side of the scan pulls a rim that far."""

OUTLYING = 2.0
"""Deviations, in units of their usual size, beyond which a part of the scan counts for less."""


@dataclass(frozen=True)
class Descan:
    """Shift of the pattern with the scan position, a polynomial of second order.

    Parameters
    ----------
    y, x : (float, float, float, float, float)
        Shift along the detector's axes [px]: coefficients of (u, v, u², u v, v²), with u from -1
        to 1 over the scan's rows and v from -1 to 1 over its columns. The shift is counted from
        its mean over the scan, so that the mean pattern stays where it is.

    Raises
    ------
    ValueError
        If there are not five finite numbers for either axis.
    """

    y: tuple[float, ...]
    x: tuple[float, ...]

    def __post_init__(self):
        for name in ("y", "x"):
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) != len(TERMS) or not np.isfinite(values).all():
                raise ValueError(
                    f"A descan has five finite coefficients along {name}, not {values}."
                )
            object.__setattr__(self, name, values)

    def polynomial(self, scan_shape) -> np.ndarray:
        """(2, 6) float64 coefficients of (1, u, v, u², u v, v²) [px], of zero mean on a scan."""
        powers = np.zeros((2, 6))
        powers[:, 1:] = self.y, self.x
        powers[:, 0] = -powers[:, 1:] @ _basis(scan_shape).mean(axis=(1, 2))
        return powers

    def shift(self, scan_shape) -> np.ndarray:
        """(2, Sy, Sx) float64 shift (y, x) [px] at each position of a scan."""
        powers = self.polynomial(scan_shape)
        return powers[:, :1, None] + np.tensordot(powers[:, 1:], _basis(scan_shape), 1)


@dataclass(frozen=True)
class DescanFit:
    """A measured descan and what to think of it.

    Attributes
    ----------
    descan : Descan
    errors : Descan
        Standard errors of its coefficients [px]; 0 for those that were not significant as a
        whole order, and are 0.
    largest : float
        Largest distance [px] of the disc from its mean place.
    statement : str
        All of this in a sentence or two.
    """

    descan: Descan
    errors: Descan
    largest: float
    statement: str


def measure_descan(scan: ScanData, centre, radius, progress=None) -> DescanFit:
    """Shift of the bright-field disc over the scan.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
        As recorded; read once, on the host.
    centre : (float, float)
        Centre (y, x) of the disc in the mean pattern [px].
    radius : float
        Its radius [px].
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    DescanFit

    Raises
    ------
    Unfitted
        If the disc does not move beyond chance, or by less than 0.1 px, or too few parts of the
        scan show one.
    ValueError
        If the scan has fewer than eight positions along an axis.

    Notes
    -----
    The scan is cut into up to 7 × 7 parts. In the sum of each part's frames the rim of the disc is
    fitted, as an ellipse, and a polynomial to its centres, which bounds what an outlying part can
    do (Huber's weights). The rim, and not the centre of mass: what the specimen deflects within
    the disc does not move the aperture's edge. The scatter about the polynomial gives the errors.
    Second order stays out where it is not significant (F-test, 0.001).

    The errors know of chance alone. A specimen that fills one side of the scan pulls the rims there
    by some hundredths of a pixel more.

    A field that bends the whole beam over lengths like the scan's (charging, a magnetic domain,
    a wedge) moves the disc just as descan does: the two cannot be told apart, and what is
    taken out is their sum.
    """
    if min(scan.scan_shape) < 2 * FEWEST_BLOCKS:
        raise ValueError(
            "Descan is measured in scans of at least 8 × 8 positions, not {} × {}.".format(
                *scan.scan_shape
            )
        )
    tell = progress or (lambda fraction: None)
    counts = [min(BLOCKS, size // 2) for size in scan.scan_shape]
    block = _blocks(scan.scan_shape, counts)
    top, left, window = _window(scan.frame_shape, centre, radius)
    places, weights, order = [], [], []
    patterns = by_kind(scan, _patterns, _patterns_of_frames)(scan, block)
    number = counts[0] * counts[1]
    for index, pattern in enumerate(patterns):
        start = (centre[0] - top, centre[1] - left), radius
        try:
            # An elliptical rim: a circle that does not fit is held back by its beginning.
            rim, covariance = fit_rim(np.asarray(pattern[window], float), *start, ROUNDS)
        except DiscNotFound:
            continue
        finally:
            tell((index + 1) / number)
        variance = (covariance[0, 0] + covariance[1, 1]) / 2
        if abs(rim[2] - radius) < 0.2 * radius and 0 < variance < (UNCERTAIN * radius) ** 2:
            order.append(index)
            places.append((rim[0] + top, rim[1] + left))
            weights.append(1 / variance)
    if len(order) < max(number // 2, len(TERMS) + 4):
        raise Unfitted(
            f"Only {len(order)} of {number} parts of the scan show a disc of about {radius:.1f} px "
            "radius: too few to see whether it moves."
        )
    basis = _basis(scan.scan_shape).reshape(len(TERMS), -1)
    means = np.stack([np.bincount(block.ravel(), terms, number) for terms in basis])
    means = (means / np.bincount(block.ravel(), minlength=number)).T[order]
    # None is so sure that the others do not count.
    weights = np.minimum(weights, 4 * np.median(weights))
    return _fitted(np.array(places), means, weights, scan.scan_shape)


def _basis(scan_shape):
    """(5, Sy, Sx) terms of `Descan` at each position."""
    u, v = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in scan_shape)
    u, v = np.meshgrid(u, v, indexing="ij")
    return np.stack([u, v, u * u, u * v, v * v])


def _blocks(scan_shape, counts):
    """(Sy, Sx) part of the scan that each position belongs to."""
    row, column = (
        np.arange(size) * count // size for size, count in zip(scan_shape, counts, strict=True)
    )
    return row[:, None] * counts[1] + column


def _window(frame_shape, centre, radius):
    """First row and column, and the slices, of what of the detector lies around the disc."""
    slices = tuple(
        slice(max(int(c - 2.2 * radius - 4), 0), min(int(c + 2.2 * radius + 5), size))
        for c, size in zip(centre, frame_shape, strict=True)
    )
    return slices[0].start, slices[1].start, slices


def _patterns(events, block):
    """(Ky, Kx) sum of the frames of one part after the other."""
    events = events.to_device(CPU)
    for index in range(block.max() + 1):
        yield on_host(pacbed(events, block == index))


def _patterns_of_frames(frames, block):
    sums = np.zeros((block.max() + 1, frames.frame_shape[0] * frames.frame_shape[1]))
    block = block.ravel()
    for first, slab in frames.slabs():
        flat = slab.reshape(len(slab), -1)
        flat = flat.view(np.uint8) if flat.dtype == bool else flat
        here = block[first : first + len(slab)]
        for index in np.unique(here):
            frame_kernels.add(flat, here == index, sums[index])
    # A detector's offset is no count.
    return np.maximum(sums, 0).reshape(-1, *frames.frame_shape)


def _fitted(places, terms, weights, scan_shape):
    """The polynomials of both axes, of first order where the second is not significant."""
    fits = [_regression(value, terms, weights) for value in places.T]
    used = len(TERMS)
    if not _significant(fits, slice(LINEAR, None)):
        used = LINEAR
        fits = [_regression(value, terms[:, :LINEAR], weights) for value in places.T]
    padding = (0.0,) * (len(TERMS) - used)
    descan = Descan(*((*map(float, fit.values), *padding) for fit in fits))
    deviations = [np.sqrt(np.diag(fit.covariance)) for fit in fits]
    errors = Descan(*((*map(float, each), *padding) for each in deviations))
    largest = float(np.hypot(*descan.shift(scan_shape)).max())
    if largest < LEAST or not _significant(fits, slice(0, None)):
        error = max(float(each.max()) for each in deviations)
        why = (
            f"less than {LEAST:g} px"
            if largest < LEAST
            else f"not beyond chance (standard errors of up to {error:.2g} px)"
        )
        raise Unfitted(
            f"The disc does not move over the scan: what was found, {largest:.2g} px from its mean "
            f"place, is {why}."
        )
    order = "first" if used == LINEAR else "second"
    along = "; ".join(
        f"along {axis} "
        + ", ".join(
            f"{name} {value:+.3g} ± {error:.2g}"
            for name, value, error in zip(
                TERMS[:used], getattr(descan, axis), getattr(errors, axis), strict=False
            )
        )
        for axis in "yx"
    )
    statement = (
        f"The disc moves by up to {largest:.2f} px from its mean place, of {order} order in the "
        f"scan position (from -1 to 1): {along} px. Descan, or a field as long as the scan: these "
        "cannot be told apart."
    )
    return DescanFit(descan, errors, largest, statement)


@dataclass(frozen=True)
class _Fit:
    """Coefficients without the constant, their covariance, and how many values are to spare."""

    values: np.ndarray
    covariance: np.ndarray
    spare: int


def _regression(value, terms, weights):
    """Weighted least squares of a constant and `terms` (n, t), robust after Huber."""
    matrix = np.column_stack([np.ones(len(value)), terms])
    robust = np.ones(len(value))
    for _ in range(20):
        root = np.sqrt(weights * robust)
        found = np.linalg.lstsq(matrix * root[:, None], value * root, rcond=None)[0]
        misfit = np.sqrt(weights) * (value - matrix @ found)
        scale = 1.4826 * np.median(np.abs(misfit)) + 1e-12
        robust = np.minimum(1, OUTLYING * scale / np.maximum(np.abs(misfit), 1e-12))
    spare = len(value) - matrix.shape[1]
    variance = np.sum(robust**2 * misfit**2) / spare / np.mean(robust >= 1) ** 2
    covariance = variance * np.linalg.inv((matrix * weights[:, None]).T @ matrix)
    return _Fit(found[1:], covariance[1:, 1:], spare)


def _significant(fits, part):
    """Whether some of the coefficients of both axes differ from zero together (F-test)."""
    statistic = sum(
        fit.values[part] @ np.linalg.solve(fit.covariance[part, part], fit.values[part])
        for fit in fits
    )
    number = sum(fit.values[part].size for fit in fits)
    return statistic / number > fdtri(number, min(fit.spare for fit in fits) * 2, 1 - DOUBT)
