"""Ellipticity of the bright-field disc."""

from dataclasses import dataclass
from math import atan2, cosh, degrees, exp, hypot, isfinite, log, radians, sinh

import numpy as np
from scipy import ndimage, optimize, special

from recon.device.backend import on_host
from recon.errors import DiscNotFound, Unfitted
from recon.geometry.circle import (
    FEWEST_ELECTRONS,
    WEAKEST_STEP,
    bright_spots,
    checked_pattern,
    fit_circle,
    smoothed,
)
from recon.geometry.rim import Rim, enough_binning

ROUNDS = 4
CLUSTERS = 16
"""Stretches of the rim whose misfits count as independent of each other."""
DOUBT = 1e-3
"""Chance with which a round disc is taken for an ellipse."""
LEAST = 0.05
"""Half the difference of the half axes [px], below which a disc counts as round: the model of a
pixel across a rim is not better than that, and nobody would see it."""
LARGEST = 4.0
"""Ratio of the axes beyond which what was fitted is neither a camera's distortion nor pixels that
are longer than wide."""
TOLD = 1.05
"""Ratio from which on an ellipse is a reason for a circle that does not fit."""
POOR = 0.15
"""Misfit, relative to the drop at the rim, from which on an ellipse is none, as in `fit_disc`."""
MOST_SPOTS = 3
"""Shapes of what is bright that are tried."""


@dataclass(frozen=True)
class Ellipse:
    """An elliptical disc, and the stretch about its centre that makes it round.

    Parameters
    ----------
    ratio : float
        Long over short axis, from 1 on.
    angle_deg : float
        Direction of the long axis [degrees], from +x towards +y (clockwise on the screen).
    centre : (float, float)
        Centre (y, x) in pixel-index coordinates: the point that stays.

    Raises
    ------
    ValueError
        If the ratio is below 1 or above 4, or something is not finite.
    """

    ratio: float
    angle_deg: float
    centre: tuple[float, float]

    def __post_init__(self):
        if not 1 <= self.ratio <= LARGEST:
            raise ValueError(
                f"The ratio of a disc's axes lies between 1 and {LARGEST:g}, not {self.ratio}."
            )
        if not all(isfinite(value) for value in (self.angle_deg, *self.centre)):
            raise ValueError("The ellipse's angle and centre must be finite numbers.")

    @property
    def matrix(self) -> np.ndarray:
        """(2, 2) float64 M on (y, x) vectors from the centre: symmetric, of determinant 1."""
        half = log(self.ratio) / 2
        angle = 2 * radians(self.angle_deg)
        return _rounding(half * np.cos(angle), half * np.sin(angle))


@dataclass(frozen=True)
class EllipseFit:
    """A fitted ellipse and what to think of it.

    Attributes
    ----------
    ellipse : Ellipse
    radius : float
        Geometric mean of the half axes [px]: the radius of the disc made round.
    ratio_error : float
        Standard error of the ratio.
    angle_error_deg : float
        Standard error of the angle [degrees].
    statement : str
        All of this in a sentence.
    """

    ellipse: Ellipse
    radius: float
    ratio_error: float
    angle_error_deg: float
    statement: str


def fit_ellipse(pacbed, disc=None) -> EllipseFit:
    """Ratio and direction of the axes of the bright-field disc.

    Parameters
    ----------
    pacbed : (Ky, Kx) array
        Sum of a scan's frames [counts], on any device; without its descan, which smears the disc
        along one direction.
    disc : ((float, float), float), optional
        Rough centre (y, x) and radius [px]; by default those of `fit_disc`, or, where a circle
        does not fit, the shape of what is bright.

    Raises
    ------
    Unfitted
        If the disc is round within the errors of the fit: nothing is then to be taken out.
    DiscNotFound, ValueError
        As `fit_disc`.

    Notes
    -----
    The far field of the aperture is a disc whatever the aberrations: defocus and the condenser's
    astigmatism change the phase within it, never its shape. A disc that is an ellipse shows
    either an astigmatic projection onto the camera, which is a distortion of the pattern and to
    be taken out, or an aperture that is not round, which is not: a camera distorts diffracted
    discs and lattice spacings alike. Which of the two it is, one scan's disc does not tell.

    The rim is fitted as in `fit_disc`, its circle stretched by exp(h) along one direction and by
    exp(-h) across it. Errors are those of counting, or of the scatter between sixteen stretches
    of the rim (a sandwich estimate, Huber 1967), whichever is larger: structure along the rim,
    as of diffracted discs, is in the latter.
    """
    pattern = checked_pattern(pacbed)
    try:
        circle = fit_circle(pattern, disc)
    except DiscNotFound as refused:
        found = _without_circle(pattern)
        if found is None:
            raise DiscNotFound(str(refused)) from None
        return found
    pattern = np.asarray(on_host(pacbed), np.float64)
    p, covariance = fit_rim(pattern, circle.centre, circle.radius)
    return _judged(p, covariance[4:, 4:], pattern.sum())


def rough_centre(pacbed) -> tuple[float, float]:
    """Centre (y, x) [px] of what is bright in a pattern, disc or ellipse.

    Raises
    ------
    DiscNotFound, ValueError
        As `fit_disc`.
    """
    pattern = checked_pattern(pacbed)
    _, spot = max(bright_spots(*smoothed(pattern)), key=lambda each: each[0])
    return tuple(float(place) for place in ndimage.center_of_mass(spot))


def ellipse_instead(pattern, least: float = TOLD, misfit: float = np.inf) -> str:
    """What to say of a pattern in which no circle fits but an ellipse does; else nothing.

    Parameters
    ----------
    pattern : (Ky, Kx) float64 array
        As `recon.disc.checked_pattern` gives it.
    least : float
        Ratio below which nothing is said.
    misfit : float
        Of a circle, relative to the drop at its rim: the ellipse has to halve it.
    """
    found = _without_circle(pattern, least, misfit / 2)
    if found is None:
        return ""
    e = found.ellipse
    return (
        f" But an ellipse of ratio {e.ratio:.2f} ± {found.ratio_error:.1g} fits, its long axis at "
        f"{e.angle_deg:.0f}° (clockwise from x): are pixels longer than wide? Make it round first "
        "(--ellipse auto; in the page, Corrections)."
    )


def _without_circle(pattern, least: float = TOLD, most: float = np.inf):
    """The ellipse of a checked pattern, begun from the shape of what is bright; None if none.

    Its ratio is `least` at least, its misfit below `most`.
    """
    try:
        spots = [spot for spot in bright_spots(*smoothed(pattern)) if spot[0] >= 2 * np.pi]
    except DiscNotFound:
        return None
    best, tried = None, []
    for area, spot in spots:
        if any(abs(area - other) < 0.15 * other for other in tried) or len(tried) == MOST_SPOTS:
            continue
        centre, radius, stretch = _shape_of(spot)
        if exp(2 * hypot(*stretch)) < (1 + least) / 2:
            continue
        tried.append(area)
        try:
            p, covariance = fit_rim(pattern, centre, radius, stretch=stretch)
            fit = _judged(p, covariance[4:, 4:], pattern.sum())
        except (DiscNotFound, Unfitted, np.linalg.LinAlgError):
            continue
        # What is at the limit may be anything.
        if not least < fit.ellipse.ratio < 0.95 * LARGEST or exp(p[3]) > 0.4 * p[2]:
            continue
        misfit = _misfit(pattern, p)
        sure = np.sqrt(covariance[2, 2]) < 0.1 * fit.radius and misfit < min(most, POOR)
        if sure and (best is None or misfit < best[0]):
            best = misfit, fit
    return best and best[1]


def _misfit(pattern, p):
    """Of an elliptical rim, beyond counting noise, relative to the drop; infinite without one."""
    binning = enough_binning(pattern, p[:2], p[2] * exp(-hypot(*p[4:])))
    rim = _EllipticalRim(pattern, p, 0.5 * p[2], binning)
    inside, outside = (float(np.median(level)) for level in rim.levels(rim.fraction(p)))
    drop, mean = inside - outside, float(rim.counts.mean())
    if drop <= max(WEAKEST_STEP * inside, 0) or not mean > 0:
        return np.inf
    square = float(np.mean((rim.counts - rim.model(p)) ** 2))
    chance = 4 * np.sqrt((2 + 1 / mean) / rim.counts.size)
    return float(np.sqrt(max(square - mean * (1 + chance), 0))) / drop


def _shape_of(spot):
    """Centre, radius and stretch of an evenly bright ellipse: its second moments are a²/4, b²/4."""
    places = np.argwhere(spot)
    moments = 4 * np.cov(places.T) + np.eye(2) / 3
    (short, long), axes = np.linalg.eigh(moments)
    half = min(log(long / short) / 4, log(LARGEST) / 2 - 0.01)
    angle = 2 * atan2(axes[0, 1], axes[1, 1])
    stretch = half * np.cos(angle), half * np.sin(angle)
    return places.mean(axis=0), (long * short) ** 0.25, stretch


def fit_rim(pattern, centre, radius: float, rounds: int = ROUNDS, stretch=(0.0, 0.0)):
    """Elliptical rim of a disc that is roughly known.

    Parameters
    ----------
    pattern : (Ky, Kx) float64 array
        Counts.
    centre : (float, float)
        Where to begin [px]; half a radius off is no harm.
    radius : float
        Likewise.
    rounds : int
        How often pixels are chosen and weighted anew.
    stretch : (float, float)
        Likewise: h (cos 2φ, sin 2φ), see below.

    Returns
    -------
    p : (6,) float64 array
        Centre (y, x), radius [px], logarithm of the rim's width, and the stretch
        h (cos 2φ, sin 2φ), where φ is the direction of the long axis and exp(2h) the ratio.
    covariance : (6, 6) float64 array

    Raises
    ------
    DiscNotFound
        If too few pixels or electrons lie around the rim.
    """
    binning = enough_binning(pattern, centre, radius * exp(-hypot(*stretch)))
    p = np.array([*centre, radius, log(max(0.5, 0.05 * radius)), *stretch])
    for round_ in range(rounds):
        near = 4 * exp(p[3]) + 4 * binning
        reach = 0.5 * p[2] if round_ == 0 else min(near, 0.5 * p[2])
        rim = _EllipticalRim(pattern, p, max(reach, 2.5), binning)
        electrons = rim.counts.sum()
        if rim.counts.size < 4 * CLUSTERS or electrons < FEWEST_ELECTRONS:
            raise DiscNotFound(
                f"{electrons:.0f} electrons on {rim.counts.size} pixels around the rim of a disc "
                f"of {p[2]:.1f} px radius are too few to tell an ellipse from a circle."
            )
        rim.reweight(p)
        limit = log(LARGEST) / 2
        low = [p[0] - p[2], p[1] - p[2], 0.4 * p[2], log(0.05), -limit, -limit]
        high = [p[0] + p[2], p[1] + p[2], 2.5 * p[2], log(max(0.5 * p[2], 0.5)), limit, limit]
        # MINPACK, whose arithmetic stays on one core: the singular values that a bounded method
        # takes of tall matrices keep all of them busy, for longer.
        solution = optimize.least_squares(
            _bounded(rim.residual, low, high),
            np.clip(p, np.array(low) + 1e-6, np.array(high) - 1e-6),
            method="lm",
            x_scale=[1, 1, 1, 0.3, 0.01, 0.01],
            ftol=1e-6,
            xtol=1e-6,
            max_nfev=200,
        )
        p = np.clip(solution.x, low, high)
    return p, _covariance(rim, p, solution)


def _bounded(residual, low, high):
    return lambda p: residual(np.clip(p, low, high))


def _rounding(e1, e2):
    """exp(-E) on (y, x) vectors, E = [[-e1, e2], [e2, e1]]: stretched by h = |e| along its axis."""
    h = hypot(e1, e2)
    share = sinh(h) / h if h else 1.0
    return cosh(h) * np.eye(2) - share * np.array([[-e1, e2], [e2, e1]])


def _times(stretch, y, x):
    """Vectors (y, x) made round."""
    return tuple(row[0] * y + row[1] * x for row in _rounding(*stretch))


class _EllipticalRim(Rim):
    """A rim whose circle is stretched, for p = (y, x, radius, log width, e1, e2)."""

    def __init__(self, pattern, p, reach, binning):
        super().__init__(pattern, p[:2], p[2], reach, binning, _rounding(*p[4:]))

    def box(self, p):
        # A square pixel becomes a long one where the ellipse becomes a circle.
        y, x = _times(p[4:], self.y - p[0], self.x - p[1])
        across = _times(p[4:], y, x)
        return self.box_variance * (across[0] ** 2 + across[1] ** 2) / np.maximum(y**2 + x**2, 1e-9)

    def distance(self, p):
        return np.hypot(*_times(p[4:], self.y - p[0], self.x - p[1]))


def _covariance(rim, p, solution):
    """Of counting or of stretches of the rim, whichever leaves the ellipse less certain."""
    jac, misfit = solution.jac, solution.fun
    inverse = np.linalg.pinv(jac.T @ jac)
    counting = inverse * max(1.0, float(np.mean(misfit**2)))
    azimuth = np.arctan2(rim.y - p[0], rim.x - p[1])
    cluster = ((azimuth / (2 * np.pi) + 0.5) * CLUSTERS).astype(int) % CLUSTERS
    scores = np.stack([np.bincount(cluster, column * misfit, CLUSTERS) for column in jac.T], axis=1)
    sandwich = inverse @ (scores.T @ scores) @ inverse * CLUSTERS / (CLUSTERS - p.size)
    return max((counting, sandwich), key=lambda matrix: np.trace(matrix[4:, 4:]))


def _judged(p, covariance, electrons):
    """The ellipse of a fit; `Unfitted` if it may as well be a circle."""
    e = p[4:]
    h = hypot(*e)
    direction = e / h if h else np.array([1.0, 0.0])
    across = np.array([-direction[1], direction[0]])
    error = float(np.sqrt(direction @ covariance @ direction))
    turned = float(np.sqrt(across @ covariance @ across))
    ratio, ratio_error = exp(2 * h), 2 * error * exp(2 * h)
    if ratio > LARGEST:
        raise Unfitted(f"Something of axes of ratio {ratio:.2f} is no disc.")
    statistic = float(e @ np.linalg.pinv(covariance) @ e) / 2
    needed = special.fdtri(2, CLUSTERS - p.size, 1 - DOUBT)
    least = LEAST / p[2]
    limit = exp(2 * max(error * (2 * needed) ** 0.5, least))
    if statistic < needed or h < least:
        raise Unfitted(
            f"The disc is round: the ratio of its axes is {ratio:.4f}, and a fit to "
            f"{electrons:.3g} electrons tells it from 1 beyond {limit:.4f}."
        )
    angle = degrees(atan2(e[1], e[0])) / 2 % 180
    angle_error = degrees(turned / h) / 2
    statement = (
        f"Disc with axes of ratio {ratio:.4f} ± {ratio_error:.2g}, the long one at {angle:.1f}° ± "
        f"{angle_error:.2g}° (clockwise from x); as a circle of the same area, radius "
        f"{p[2]:.2f} px. Whether the camera's projection or the aperture is not round, the disc "
        "does not tell."
    )
    ellipse = Ellipse(ratio, angle, (float(p[0]), float(p[1])))
    return EllipseFit(ellipse, float(p[2]), ratio_error, angle_error, statement)
