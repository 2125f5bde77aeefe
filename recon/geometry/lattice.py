"""A scan calibrated by a known lattice: peaks of an image's spectrum, and the steps they mean.

An image of the scan, at row i and column j, holds a wave exp(2πi f·(i, j)) for each peak, f in
cycles per step. If positions are r = A (i, j), its spatial frequency is q = A⁻ᵀ f, hence
|q|² = fᵀ M f with the metric M = (Aᵀ A)⁻¹: known spacings, and the angle between two waves, are
linear equations for M.
"""

from dataclasses import dataclass
from math import atan2, cos, degrees, hypot, isfinite, pi, radians, sqrt

import numpy as np

from recon.device.backend import on_host
from recon.errors import Unfitted

NEAR = 2
"""Bins around a picked place within which the peak is looked for."""

FINE = 8
"""Places looked at within a bin."""

RING = (4, 10)
"""Bins from a peak between which its background is taken."""

STANDS_OUT = 20.0
"""Least power of a peak, relative to its background: of noise, one bin in 5 · 10⁸ is as high."""

PULL = 0.01
"""Cycles over the scan by which other waves and the scan's edges may pull a peak without noise."""

UNCERTAIN = 0.1
"""Relative standard error of a step beyond which it is not determined."""


@dataclass(frozen=True)
class Peak:
    """A peak of an image's spectrum.

    Attributes
    ----------
    row, column : float
        Frequency [cycles over the scan], counted from DC.
    row_error, column_error : float
        Standard errors, at least 0.01.
    signal : float
        Power relative to that of the background around.
    """

    row: float
    column: float
    row_error: float
    column_error: float
    signal: float


@dataclass(frozen=True)
class LatticeCalibration:
    """Scan steps that put a lattice where it is known to be.

    Attributes
    ----------
    scan_sampling : (float, float)
        Distance of rows, and of positions along a row [Å].
    errors : (float, float)
        Their standard errors [Å].
    shear : float or None
        How many steps a row lies along x from the one above, beyond what it should; None where
        the angle was not given.
    shear_error : float or None
    statement : str
        All of this in a sentence.
    """

    scan_sampling: tuple[float, float]
    errors: tuple[float, float]
    shear: float | None
    shear_error: float | None
    statement: str


def refine_peak(image, row: float, column: float) -> Peak:
    """The frequency of a wave in an image, near a picked place of its spectrum.

    Parameters
    ----------
    image : (Sy, Sx) array
        Any image of the scan, such as the phase; on any device.
    row, column : float
        Picked frequency [cycles over the scan], counted from DC.

    Returns
    -------
    Peak

    Raises
    ------
    Unfitted
        If no peak stands out there.
    ValueError
        If the place lies outside the spectrum, or too near to DC or to the scan's Nyquist.

    Notes
    -----
    The highest power of the image's Fourier transform as a function of a continuous frequency,
    under Hann's window: for one wave in white noise the most likely frequency (Rife & Boorstyn,
    IEEE Trans. Inf. Theory 20, 591, 1974), up to what the window costs. The error follows from
    the background around the peak, so that a peak broadened by drift is less certain.
    """
    image = np.asarray(on_host(image), np.float64)
    if image.ndim != 2 or not np.isfinite(image).all():
        raise ValueError("A peak is looked for in a two-dimensional image of finite numbers.")
    for value, size, axis in zip((row, column), image.shape, ("row", "column"), strict=True):
        if not isfinite(value) or abs(value) > size / 2 - NEAR:
            raise ValueError(
                f"The {axis} {value} of the picked frequency is not within the spectrum of a scan "
                "of {} × {} positions.".format(*image.shape)
            )
    if hypot(row, column) <= 2 * NEAR:
        raise ValueError(
            "The picked frequency is too near to the middle: within four cycles over the scan, "
            "the scan's own edges look like peaks."
        )
    axes = [_Axis(size) for size in image.shape]
    window = axes[0].window[:, None] * axes[1].window
    windowed = window * (image - (window * image).sum() / window.sum())

    steps = np.arange(-NEAR * FINE, NEAR * FINE + 1) / FINE
    power = np.abs(_transform(windowed, axes, row + steps, column + steps)) ** 2
    at = np.unravel_index(power.argmax(), power.shape)
    place = np.array([row + steps[at[0]], column + steps[at[1]]])
    place = _climb(windowed, axes, place)

    reach = np.arange(-RING[1], RING[1] + 1)
    around = np.abs(_transform(windowed, axes, *(place[:, None] + reach))) ** 2
    distance = np.hypot(reach[:, None], reach)
    away = np.hypot(place[0] + reach[:, None], place[1] + reach) > RING[0]
    # The median of exponential powers is ln 2 of their mean.
    noise = np.median(around[(distance >= RING[0]) & away]) / np.log(2)
    peak = float(np.abs(_transform(windowed, axes, place[:1], place[1:]))[0, 0] ** 2)
    if not peak > STANDS_OUT * noise or np.abs(place - (row, column)).max() > NEAR + 0.5:
        raise Unfitted(
            f"No peak stands out within {NEAR} cycles of ({row:.1f}, {column:.1f}): the highest "
            f"has {peak / max(noise, 1e-300):.1f} times the power around it, and "
            f"{STANDS_OUT:g} are needed. Pick another."
        )
    errors = [
        hypot(PULL, sqrt(noise / (2 * peak) * axis.noise / np.sum(axis.window**2)) / axis.spread)
        for axis in axes
    ]
    return Peak(*map(float, place), *errors, float(peak / max(noise, 1e-300)))


class _Axis:
    """Places along one axis of the scan, their window, and what noise does to a frequency."""

    def __init__(self, size):
        self.at = np.arange(size) - (size - 1) / 2
        self.window = np.sin(pi * (np.arange(size) + 0.5) / size) ** 2
        # Radians by which a frequency of one cycle over the scan advances.
        self.angle = 2 * pi * self.at / size
        self.spread = float(np.sum(self.window * self.angle**2) / np.sum(self.window))
        self.noise = float(np.sum(self.window**2 * self.angle**2))

    def waves(self, frequencies, order=0):
        """(n, size) conjugate waves, times the angle to a power."""
        return (-1j * self.angle) ** order * np.exp(
            -1j * np.multiply.outer(np.asarray(frequencies, float), self.angle)
        )


def _transform(image, axes, rows, columns, orders=(0, 0)):
    """(rows, columns) Fourier transform at these frequencies, or a derivative by them."""
    return axes[0].waves(rows, orders[0]) @ image @ axes[1].waves(columns, orders[1]).T


def _climb(image, axes, place):
    """The maximum of the power near a place, by Newton's method."""
    for _ in range(20):
        f, y, x, yy, yx, xx = (
            _transform(image, axes, place[:1], place[1:], orders)[0, 0]
            for orders in ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
        )
        gradient = 2 * np.array([(f.conjugate() * d).real for d in (y, x)])
        mixed = (f.conjugate() * yx + y.conjugate() * x).real
        hessian = 2 * np.array(
            [
                [(f.conjugate() * yy).real + abs(y) ** 2, mixed],
                [mixed, (f.conjugate() * xx).real + abs(x) ** 2],
            ]
        )
        if np.linalg.eigvalsh(hessian)[1] >= 0:
            break
        step = np.clip(-np.linalg.solve(hessian, gradient), -0.5, 0.5)
        place = place + step
        if np.abs(step).max() < 1e-9:
            break
    return place


def calibrate_scan(
    peaks, spacings, scan_shape, angle_deg: float | None = None, ratio: float = 1.0
) -> LatticeCalibration:
    """Scan steps from one or two peaks of known spacing.

    Parameters
    ----------
    peaks : sequence of one or two Peak
        Of the spectrum of an image of the whole scan.
    spacings : sequence of float
        Distance of lattice planes that make each peak [Å].
    scan_shape : (Sy, Sx)
    angle_deg : float, optional
        Angle between the two peaks in the undistorted lattice [degrees]; that of q and of -q are
        not told apart. With it, the shear of the scan is determined too.
    ratio : float
        Step along y over step along x, where there is one peak only.

    Returns
    -------
    LatticeCalibration

    Raises
    ------
    Unfitted
        If the peaks do not determine the steps: they lie in one direction, or too near to the
        axes' diagonal mirror images, or contradict the spacings.
    ValueError
        For other than one or two peaks, or spacings, a ratio or an angle that are none.

    Notes
    -----
    The steps' errors are those of the peaks; an error of the spacings comes on top. With two
    peaks and no angle the axes are taken as orthogonal. With the angle, the fast axis (x) is
    taken as true, and a row's place along it as what may be wrong.
    """
    peaks, spacings = tuple(peaks), tuple(float(spacing) for spacing in spacings)
    if len(peaks) not in (1, 2) or len(spacings) != len(peaks):
        raise ValueError("A scan is calibrated by one or two peaks, with a spacing for each.")
    for value, what in (*((s, "spacing") for s in spacings), (ratio, "ratio of the steps")):
        if not (value > 0 and isfinite(value)):
            raise ValueError(f"The {what} must be positive, not {value}.")
    if angle_deg is not None and (len(peaks) < 2 or not 0 < angle_deg < 180):
        raise ValueError("An angle lies between two peaks, and between 0° and 180°.")
    shape = np.array(scan_shape, float)

    def solve(frequencies):
        found = _steps(frequencies.reshape(-1, 2) / shape, spacings, angle_deg, ratio)
        return None if found is None else np.array(found)

    at = np.array([(peak.row, peak.column) for peak in peaks]).ravel()
    errors = np.array([(peak.row_error, peak.column_error) for peak in peaks]).ravel()
    found = solve(at)
    slopes = []
    for index, error in enumerate(errors):
        step = np.zeros(at.size)
        step[index] = max(error, 1e-6)
        ends = solve(at + step), solve(at - step)
        slopes.append(
            None if any(end is None for end in ends) else (ends[0] - ends[1]) / (2 * step[index])
        )
    if found is None or any(slope is None for slope in slopes):
        raise Unfitted(
            "No scan steps put the two peaks at these spacings: check which spacing belongs to "
            "which peak, or take peaks in other directions."
        )
    doubt = np.sqrt(np.sum((np.array(slopes) * errors[:, None]) ** 2, axis=0))
    if (doubt[:2] > UNCERTAIN * found[:2]).any():
        raise Unfitted(
            f"The peaks leave the steps open by ±{100 * (doubt[:2] / found[:2]).max():.0f} %: take "
            "two that lie in different directions, not mirrored at an axis of the scan."
        )
    shear, shear_error = (float(v[2]) if angle_deg is not None else None for v in (found, doubt))
    return LatticeCalibration(
        (float(found[0]), float(found[1])),
        (float(doubt[0]), float(doubt[1])),
        shear,
        shear_error,
        _statement(found, doubt, angle_deg),
    )


def _steps(f, spacings, angle_deg, ratio):
    """(step y, step x, shear) for frequencies f (n, 2) [cycles per step]; None if none fit."""
    if len(f) == 1:
        step = spacings[0] * hypot(f[0, 0] / ratio, f[0, 1])
        return ratio * step, step, 0.0
    rows = [[y * y, x * x] for y, x in f]
    values = [1 / d**2 for d in spacings]
    if angle_deg is not None:
        rows = [[*row, 2 * y * x] for row, (y, x) in zip(rows, f, strict=True)]
        (y, x), (v, u) = f
        rows.append([y * v, x * u, y * u + x * v])
        # q and -q are one peak: of both angles that which the scan is nearer to.
        bend = cos(radians(angle_deg)) / (spacings[0] * spacings[1])
        values.append(abs(bend) if y * v * ratio**-2 + x * u >= 0 else -abs(bend))
    matrix = np.array(rows)
    if abs(np.linalg.det(matrix / np.linalg.norm(matrix, axis=1)[:, None])) < 1e-3:
        return None
    m = np.linalg.solve(matrix, values)
    yx = m[2] if angle_deg is not None else 0.0
    determinant = m[0] * m[1] - yx * yx
    if not (m[0] > 0 and m[1] > 0 and determinant > 0):
        return None
    # Aᵀ A, the inverse of the metric.
    gram_y, gram_x, gram_yx = m[1] / determinant, m[0] / determinant, -yx / determinant
    return sqrt(gram_y - gram_yx**2 / gram_x), sqrt(gram_x), gram_yx / gram_x


def _statement(found, doubt, angle_deg):
    text = (
        f"Scan step {found[0]:.4g} ± {doubt[0]:.2g} Å along y, {found[1]:.4g} ± {doubt[1]:.2g} Å "
        "along x"
    )
    if angle_deg is None:
        return text + "."
    skew = degrees(atan2(found[2] * found[1], found[0]))
    return text + (f"; rows sheared by {found[2]:+.4f} ± {doubt[2]:.2g} steps each ({skew:+.2f}°).")
