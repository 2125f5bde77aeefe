"""Detector pixels at fault, from the sum of all frames alone."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from recon.device.backend import on_host
from recon.errors import DiscNotFound
from recon.geometry.disc import fit_disc
from recon.scan.events import fitting_mask
from recon.sums import outliers


@dataclass(frozen=True, eq=False)
class Levels:
    """A pattern on the scale of counts.

    Attributes
    ----------
    counts : (Ky, Kx) float64 array
        With a variance equal to the mean; excluded pixels have their neighbours' value.
    floor : float
        Part of each count that is there without a beam: gain does not scale it.
    broken : (Ky, Kx) bool array
        Pixels that hold no finite number.
    """

    counts: np.ndarray
    floor: float
    broken: np.ndarray


def faulty_pixels(pattern, excluded=None, centre=None) -> tuple[np.ndarray, np.ndarray]:
    """Hot and dead pixels of a detector, in some milliseconds.

    Parameters
    ----------
    pattern : (Ky, Kx) array
        Sum of a scan's frames: electrons where it is of integers; of real numbers the noise of
        neighbours tells how large an electron is. On any device.
    excluded : (Ky, Kx) bool array, optional
        Pixels that are left out already; they are no faults.
    centre : (float, float), optional
        About which dark sectors are looked for (y, x) [px]; that of the bright-field disc, or the
        pattern's centre of mass, if not given.

    Returns
    -------
    hot, dead : (Ky, Kx) bool arrays
        What to give to `recon.treatment.mask.without`: either, or `hot | dead`.

    Raises
    ------
    ValueError
        If the mask is not the detector's.
    """
    levels = levels_of(pattern, excluded)
    hot = hot_pixels(levels, excluded)
    lit = np.where(hot, 0, levels.counts - levels.floor)
    found, radius = disc_of(lit)
    single, sectors = dead_pixels(levels, hot, centre or found, radius, excluded)
    return hot, single | sectors


def disc_of(lit) -> tuple[tuple[float, float], float | None]:
    """Centre (y, x) and radius [px] of the bright-field disc in a pattern without hot pixels.

    Without a disc the pattern's centre of mass, and None.
    """
    try:
        disc = fit_disc(np.maximum(lit, 0))
    except (DiscNotFound, ValueError):
        return middle(lit), None
    return disc.centre, disc.radius


def hot_pixels(levels: Levels, excluded=None) -> np.ndarray:
    """(Ky, Kx) bool: single pixels with more than their neighbours make possible."""
    hot = outliers.too_many(levels.counts, floor=levels.floor) & ~levels.broken
    return hot if excluded is None else hot & ~excluded


def dead_pixels(
    levels: Levels, hot, centre, radius=None, excluded=None
) -> tuple[np.ndarray, np.ndarray]:
    """(Ky, Kx) bool: single pixels with too little, and what is dark in a patch.

    Patches are blocks about `centre`, and in the disc of `radius` about it what is covered.
    """
    single = (outliers.too_few(levels.counts, floor=levels.floor) & ~hot) | levels.broken
    lit = np.maximum(levels.counts - levels.floor, 0)
    sectors = outliers.dark_blocks(lit, centre)
    if radius is not None:
        sectors |= outliers.shadow(lit, centre, radius) & ~levels.broken
        single &= ~sectors
    if excluded is not None:
        single, sectors = single & ~excluded, sectors & ~excluded
    return single, sectors


def middle(pattern) -> tuple[float, float]:
    """Centre of mass (y, x) of a pattern [px], of what is above zero."""
    pattern = np.maximum(pattern, 0)
    total = max(pattern.sum(), 1e-9)
    return tuple(float((axis * pattern).sum() / total) for axis in np.indices(pattern.shape))


def levels_of(pattern, excluded=None) -> Levels:
    """A sum of frames on the scale of counts.

    Parameters
    ----------
    pattern : (Ky, Kx) array
    excluded : (Ky, Kx) bool array, optional

    Notes
    -----
    Of a pattern of real numbers, var = v0 + g (mean - m0), from the differences of neighbours
    along rows: m0 and v0 are those of the darkest quarter, g the slope from there to where it is
    bright. (p - m0) / g + v0 / g² then has a variance equal to its mean.
    """
    pattern = np.asarray(on_host(pattern))
    if excluded is not None:
        excluded = fitting_mask(excluded, "pattern", pattern.shape)
    counted = pattern.dtype.kind in "bui"
    pattern = pattern.astype(float)
    broken = ~np.isfinite(pattern)
    holes = broken if excluded is None else broken | excluded
    if holes.all():
        return Levels(np.zeros(pattern.shape), 0.0, broken)
    if holes.any():
        nearest = ndimage.distance_transform_edt(holes, return_distances=False, return_indices=True)
        pattern = pattern[tuple(nearest)]
    if excluded is not None:
        broken = broken & ~excluded
    if counted:
        return Levels(pattern, 0.0, broken)
    gain, dark, noise = _noise(pattern)
    floor = noise / gain**2
    return Levels(np.maximum((pattern - dark) / gain + floor, 0), floor, broken)


def _noise(pattern):
    """(g, m0, v0): variance a mean, and mean and variance of the darkest quarter; robust."""
    a, b = pattern[:, :-1].ravel(), pattern[:, 1:].ravel()
    # The least that is told apart, where a pattern has no noise.
    least = 1e-9 * max(float(np.ptp(pattern)), float(abs(pattern).max()), 1e-30)
    if a.size < 16:
        return least, float(pattern.min()), 0.0
    mean, square = (a + b) / 2, (a - b) ** 2 / 2
    dark = mean <= np.percentile(mean, 25)
    bright = mean >= (np.percentile(mean, 98) + np.median(mean[dark])) / 2
    (m0, v0), (m1, v1) = (
        (float(np.median(mean[part])), float(np.median(square[part])) / outliers.CHI_SQUARE)
        for part in (dark, bright)
    )
    gain = (v1 - v0) / (m1 - m0) if m1 > m0 else 0.0
    return max(gain, least), m0, v0
