"""A circle fitted to the rim of the bright-field disc, found without being told where."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from recon.device.backend import on_host
from recon.errors import DiscNotFound
from recon.geometry.rim import Rim, binned, enough_binning, offsets

FEWEST_ELECTRONS = 200


SMALLEST_RADIUS = 1.5
"""Below this radius [px] centre and radius cannot be told from one pixel's count."""


WEAKEST_STEP = 0.15
"""Least drop of the intensity across a rim, relative to the intensity inside."""


WEAKEST_SIGNAL = 8
"""Least drop of the intensity, relative to its standard error by counting."""


LEAST_RIM = 0.55
"""Part of the rim that has to lie on the detector, and to show a drop of intensity."""


SHARES = (0.03, 0.15, 0.35, 0.55, 0.75)
"""Parts of all electrons, of which the faintest pixel tries for the level of the disc: a bright
structure inside the disc misleads the first, a halo or dark counts the last. A small disc may
hold too few of the electrons for either: its own brightness is tried as well."""


GOOD = "good fit."


LARGE = 500
"""Detectors of twice as many pixels are binned to about as many, to look for the disc."""


@dataclass(frozen=True)
class Disc:
    """The bright-field disc of a pattern.

    Parameters
    ----------
    centre : (float, float)
        Centre (y, x) in pixel-index coordinates.
    radius : float
        Radius [px] of the sharp disc that holds as much as the blurred one.
    edge : float
        Width of the rim [px], from 10 % to 90 % of the drop, without the pixel's own width.
    intensity, background : float
        Counts a pixel just inside and just outside of the rim.
    residual : float
        Root mean square misfit around the rim, relative to the drop of intensity.
    uncertainty : float
        Standard error of centre and radius [px], whichever is largest.
    statement : str
        The above in a sentence, with a word on the quality.
    """

    centre: tuple[float, float]
    radius: float
    edge: float
    intensity: float
    background: float
    residual: float
    uncertainty: float
    statement: str


def checked_pattern(pacbed) -> np.ndarray:
    """(Ky, Kx) float64 counts of a pattern, without single hot pixels; see `fit_disc`."""
    pattern = np.asarray(on_host(pacbed), np.float64)
    if pattern.ndim != 2:
        raise ValueError(f"A pattern is a 2-D array of counts, not {pattern.ndim}-D.")
    if broken := int(np.count_nonzero(~np.isfinite(pattern))):
        raise ValueError(
            f"A pattern is a 2-D array of counts, but {broken} of {pattern.size} pixels sum to no "
            "finite number: leave them out, or give the disc's centre and radius instead."
        )
    if pattern.min() < 0 >= pattern.max():
        raise ValueError(
            "A pattern is a 2-D array of counts, but no pixel is above zero: was too much of a "
            "dark reference taken off?"
        )
    pattern = np.maximum(pattern, 0)
    if pattern.sum() < FEWEST_ELECTRONS:
        raise DiscNotFound(
            f"No disc: the pattern holds {pattern.sum():.0f} electrons, and a fit needs at least "
            f"{FEWEST_ELECTRONS}. Give centre and radius instead."
        )
    return _without_hot_pixels(pattern)


def fit_circle(pattern, start=None) -> Disc:
    """`fit_disc` of a pattern that was checked, without a word on what it may be instead."""
    refused = None
    for centre, radius in [start] if start else _starts_of_any_size(pattern):
        try:
            return _fitted(pattern, centre, radius)
        except DiscNotFound as error:
            refused = refused or error
    raise refused or DiscNotFound(
        "No disc: nothing brighter than its surroundings and more than one pixel wide in a "
        "pattern of {} × {} pixels. Give centre and radius instead.".format(*pattern.shape)
    )


def _without_hot_pixels(pattern):
    """The pattern, with pixels far above the third brightest of their neighbours cut to it."""
    neighbours = np.ones((3, 3), bool)
    neighbours[1, 1] = False
    third = ndimage.rank_filter(pattern.astype(np.float32), -3, footprint=neighbours)
    limit = 2 * third + 5 * np.sqrt(third) + 10
    return np.where(pattern > limit, third, pattern)


def _starts_of_any_size(pattern):
    """Rough discs, looked for in a binned pattern where the detector is large."""
    binning = max(pattern.shape) // LARGE
    if binning > 1:
        try:
            return [
                (tuple(c * binning + (binning - 1) / 2 for c in centre), radius * binning)
                for centre, radius in _starts(binned(pattern, binning))
            ]
        except DiscNotFound:
            pass  # perhaps too small to be seen there
    return _starts(pattern)


def smoothed(pattern):
    """A pattern so smooth that half a disc's level tells it from chance, and levels to try.

    Raises
    ------
    DiscNotFound
        If it is flat.
    """
    for width in (0.0, 1.0, 2.0, 4.0, 8.0):
        smooth = ndimage.gaussian_filter(pattern, width) if width else pattern
        levels = _electron_quantiles(smooth, SHARES)
        # Electrons that a smoothed pixel counts: enough to threshold at one half.
        if np.median(levels) * max(1.0, 4 * np.pi * width**2) > 40:
            break
    _refuse_flat(pattern, max(2.0, 2 * width))
    return smooth, [*levels, smooth.max()]


def bright_spots(smooth, levels):
    """(area, mask) of the largest spot above half of each level."""
    floor = np.percentile(smooth, 10)
    for level in levels:
        labels, number = ndimage.label(smooth > (level + floor) / 2)
        if number:
            areas = np.bincount(labels.ravel())[1:]
            yield int(areas.max()), labels == int(areas.argmax()) + 1


def _starts(pattern):
    """Rough discs (centre, radius), the most promising first."""
    found, specks = [], []
    for area, spot in bright_spots(*smoothed(pattern)):
        centre = ndimage.center_of_mass(spot)
        if area < 2 * np.pi:
            specks.append((*centre, np.sqrt(area / np.pi)))
            continue
        score, radius = _steepest_radius(pattern, centre)
        found.append((score, centre, radius))
    if specks and not found:
        raise DiscNotFound(
            "No disc: the bright spot at ({:.1f}, {:.1f}) has a radius of {:.1f} px, ".format(
                *specks[0]
            )
            + f"and a fit needs {SMALLEST_RADIUS} px. Give centre and radius instead."
        )
    found.sort(reverse=True)
    return [(centre, radius) for _, centre, radius in found]


def _refuse_flat(pattern, width):
    """Raise `DiscNotFound` unless a blurred pattern has more contrast than counting gives it."""
    calm = ndimage.gaussian_filter(pattern, width)
    dark, bright = float(np.percentile(calm, 10)), float(calm.max())
    noise = np.sqrt(bright / (4 * np.pi * width**2))
    if bright - dark < max(WEAKEST_STEP * bright, WEAKEST_SIGNAL * noise):
        raise DiscNotFound(
            f"No disc: the pattern is flat, {dark:.4g} to {bright:.4g} counts a pixel; or the disc "
            "is larger than the detector. Give centre and radius instead."
        )


def _electron_quantiles(pattern, shares):
    """Intensities above which the brightest pixels hold these shares of all electrons."""
    ordered = np.sort(pattern, axis=None)[::-1]
    held = np.cumsum(ordered)
    return ordered[np.searchsorted(held, np.multiply(shares, held[-1]))]


def _steepest_radius(pattern, centre):
    """Drop of the radial mean times radius, and radius, where that is largest."""
    r = np.hypot(*offsets(pattern.shape, centre))
    bins = np.minimum(r * 2, 2 * np.hypot(*pattern.shape)).astype(np.int64).ravel()
    pixels = np.concatenate([[0], np.cumsum(np.bincount(bins))])
    counts = np.concatenate([[0], np.cumsum(np.bincount(bins, weights=pattern.ravel()))])
    edges = np.arange(pixels.size) / 2
    radius = edges[2 : int(edges.size / 1.3)]

    def ring(inner, outer):
        number, total = (
            np.interp(outer, edges, known) - np.interp(inner, edges, known)
            for known in (pixels, counts)
        )
        return total / np.maximum(number, 1)

    score = radius * (ring(0.7 * radius, radius) - ring(radius, 1.3 * radius))
    best = int(np.argmax(score))
    return float(score[best]), float(radius[best])


def _fitted(pattern, centre, radius):
    """Fit from a rough disc, first widely, then closely around the rim."""
    binning = enough_binning(pattern, centre, radius)
    p = np.array([*centre, radius, np.log(max(0.5, 0.05 * radius))])
    for round_ in range(3):
        width = np.exp(p[3])
        reach = 0.5 * p[2] if round_ == 0 else min(4 * width + 4 * binning, 0.5 * p[2])
        rim = Rim(pattern, p[:2], p[2], max(reach, 2.5), binning)
        if rim.counts.size < 12:
            raise DiscNotFound(
                f"No disc: hardly anything of a circle of {p[2]:.1f} px radius at "
                f"({p[0]:.1f}, {p[1]:.1f}) lies on the detector. Give centre and radius instead."
            )
        low = [p[0] - p[2], p[1] - p[2], 0.4 * p[2], np.log(0.05)]
        high = [p[0] + p[2], p[1] + p[2], 2.5 * p[2], np.log(max(0.5 * p[2], 0.5))]
        p[3] = np.clip(p[3], low[3] + 0.01, high[3] - 0.01)
        rim.reweight(p)
        solution = optimize.least_squares(
            rim.residual,
            p,
            bounds=(low, high),
            x_scale=[1, 1, 1, 0.3],
            loss="soft_l1",
            f_scale=1.5,
            ftol=1e-6,
            xtol=1e-6,
            max_nfev=40,
        )
        p = solution.x
    return _judged(pattern.shape, p, rim, solution, binning)


def _judged(shape, p, rim, solution, binning):
    """The disc of a fit, or the reason why it is none."""
    y, x, radius = (float(value) for value in p[:3])
    width = float(np.exp(p[3]))
    where = f"a circle of {radius:.1f} px radius at ({y:.1f}, {x:.1f})"
    inside, outside = rim.levels(rim.fraction(p))
    seen = np.bincount(rim.sector, minlength=rim.sectors) > 0
    intensity, background = (
        float(np.median(levels[seen])) / binning**2 for levels in (inside, outside)
    )
    drop = intensity - background

    azimuth = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    on_detector = np.mean(
        (np.abs(y + radius * np.sin(azimuth) - (shape[0] - 1) / 2) < shape[0] / 2)
        & (np.abs(x + radius * np.cos(azimuth) - (shape[1] - 1) / 2) < shape[1] / 2)
    )
    falling = np.mean((inside - outside)[seen] > 0.3 * drop * binning**2)

    def refuse(reason):
        raise DiscNotFound(f"No disc: {reason}. Give centre and radius instead.")

    if on_detector < LEAST_RIM:
        refuse(f"only {on_detector:.0%} of the rim of {where} lies on the detector")
    # Half of the pixels are on either side of the rim.
    mean = float(rim.counts.mean())
    doubt = np.sqrt(2 * mean / rim.counts.size) / binning**2
    if drop < max(WEAKEST_STEP * intensity, WEAKEST_SIGNAL * doubt) or drop <= 0:
        refuse(
            f"across the rim of {where} the intensity only goes from {intensity:.4g} to "
            f"{background:.4g} counts a pixel"
        )
    if radius < SMALLEST_RADIUS:
        refuse(
            f"the bright spot at ({y:.1f}, {x:.1f}) has a radius of {radius:.1f} px, "
            f"and a fit needs {SMALLEST_RADIUS} px"
        )
    if width > 0.4 * radius:
        refuse(f"the rim of {where} is {2.563 * width:.1f} px wide, as of a spot without a rim")
    if falling < LEAST_RIM:
        refuse(f"the intensity drops along only {falling:.0%} of the rim of {where}")

    misfit = rim.counts - rim.model(p)
    residual = float(np.sqrt(np.mean(misfit**2))) / (drop * binning**2)
    noise = np.sqrt(mean) / (drop * binning**2)
    scatter = max(1.0, float(np.sqrt(np.mean(solution.fun**2))))
    curvature = solution.jac.T @ solution.jac / scatter**2
    errors = np.sqrt(np.abs(np.diag(np.linalg.pinv(curvature))[:3]))
    uncertainty = float(errors.max())
    if uncertainty > 0.1 * radius:
        refuse(f"{where} is uncertain by {uncertainty:.1f} px: too few counts, or no rim")

    # The misfit of mere counting noise scatters, the more so for few counts.
    chance = 4 * np.sqrt((2 + 1 / mean) / rim.counts.size)
    structure = np.sqrt(max(residual**2 - noise**2 * (1 + chance), 0))
    quality = "good" if structure < 0.05 else "fair" if structure < 0.15 else "poor"
    cut = "" if on_detector == 1 else f", {on_detector:.0%} of it on the detector"
    edge = 2.563 * width
    statement = (
        f"Disc of radius {radius:.2f} px at (y, x) = ({y:.2f}, {x:.2f}), ± {uncertainty:.2g} px; "
        f"rim {edge:.1f} px wide{cut}. Misfit {residual:.1%} of the drop at the rim, of which "
        f"counting explains {min(noise, residual):.1%}: {quality} fit."
    )
    return Disc(
        (y, x), radius, edge, intensity, background, residual, uncertainty, statement
    )  # fmt: skip
