"""Ellipticity of the bright-field disc."""

from dataclasses import dataclass
from math import atan2, cosh, degrees, exp, hypot, isfinite, log, radians, sinh

import numpy as np
from scipy import optimize, stats

from recon.backend import on_host
from recon.disc import FEWEST_ELECTRONS, fit_disc
from recon.errors import DiscNotFound, Unfitted
from recon.rim import Rim, enough_binning

ROUNDS = 4
CLUSTERS = 16
"""Stretches of the rim whose misfits count as independent of each other."""
DOUBT = 1e-3
"""Chance with which a round disc is taken for an ellipse."""
LEAST = 0.05
"""Half the difference of the half axes [px], below which a disc counts as round: the model of a
pixel across a rim is not better than that, and nobody would see it."""
LARGEST = 2.0
"""Ratio of the axes beyond which what was fitted is no camera's distortion."""


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
        If the ratio is below 1 or above 2, or something is not finite.
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
        Rough centre (y, x) and radius [px]; by default those of `fit_disc`.

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
    pattern = np.asarray(on_host(pacbed), np.float64)
    disc = fit_disc(pattern, disc)
    p, covariance = fit_rim(pattern, disc.centre, disc.radius)
    return _judged(p, covariance[4:, 4:], pattern.sum())


def fit_rim(pattern, centre, radius: float, rounds: int = ROUNDS):
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
    binning = enough_binning(pattern, centre, radius)
    p = np.array([*centre, radius, log(max(0.5, 0.05 * radius)), 0, 0])
    for round_ in range(rounds):
        near = 4 * exp(p[3]) + 4 * binning + 2 * hypot(*p[4:]) * p[2]
        reach = 0.5 * p[2] if round_ == 0 else min(near, 0.5 * p[2])
        rim = _EllipticalRim(pattern, p[:2], p[2], max(reach, 2.5), binning)
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


class _EllipticalRim(Rim):
    """A rim whose circle is stretched, for p = (y, x, radius, log width, e1, e2)."""

    def distance(self, p):
        m = _rounding(*p[4:])
        y, x = self.y - p[0], self.x - p[1]
        return np.hypot(m[0, 0] * y + m[0, 1] * x, m[1, 0] * y + m[1, 1] * x)


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
    statistic = float(e @ np.linalg.pinv(covariance) @ e) / 2
    needed = stats.f.isf(DOUBT, 2, CLUSTERS - p.size)
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
