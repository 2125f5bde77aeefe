"""Thresholds of electron counting, from the values of pixels in a sample of frames."""

from dataclasses import dataclass
from math import isfinite
from warnings import catch_warnings, simplefilter

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.stats import moyal, norm

from recon.counting.correction import COMMON, PLAIN, Readout, correction

LOWEST = 4.0
"""Background threshold, in standard deviations of the noise, below which it is never set."""

STANDS_OUT = 6.0
"""Standard deviations above the noise at which a local maximum is surely no noise."""

ENOUGH = 50
"""Such maxima that are needed to fit the electrons' distribution."""

LOST = 1e-3
"""Share of the electrons that the x-ray threshold may cost."""


@dataclass(frozen=True)
class Thresholds:
    """Between noise and electrons, and between electrons and x-rays.

    Parameters
    ----------
    background : float
        A pixel's value must be above it [dark-subtracted camera units at the median gain].
    xray : float
        The peak of an electron must be below it; may be infinite.
    statement : str
        How they were found, in words.

    Raises
    ------
    ValueError
        If the background threshold is not positive, or not below the x-ray threshold.
    """

    background: float
    xray: float = np.inf
    statement: str = "given"

    def __post_init__(self):
        if not (isfinite(self.background) and self.background > 0):
            raise ValueError(f"The background threshold must be positive, not {self.background}.")
        if not self.xray > self.background:
            raise ValueError(
                f"The x-ray threshold ({self.xray:g}) must be above the background threshold "
                f"({self.background:g}): between them are the electrons."
            )


def estimate_thresholds(
    frames_sample, dark=None, gain=None, readout: Readout = PLAIN
) -> Thresholds:
    """Thresholds fitted to the values of pixels: Gaussian noise and Landau-like electrons.

    Parameters
    ----------
    frames_sample : (n, Ky, Kx) array
        Raw frames from all over the scan; some tens are enough.
    dark, gain, readout
        As for `recon.counting.correction.correction`.

    Raises
    ------
    ValueError
        If shapes contradict each other, or all pixels have the same value.

    Notes
    -----
    The noise's mean and spread come from its lower half, which no electron reaches. The peaks that
    stand out by six standard deviations are fitted by a Moyal distribution (an approximation to
    Landau's: J. E. Moyal, Phil. Mag. 46, 263 (1955)), truncated there. The background threshold is
    where the fewest wrong counts are expected: a lower one would admit more noise than it gains
    electrons. The x-ray threshold lies above all but one in a thousand electrons.
    """
    frames = np.asarray(frames_sample)
    if frames.ndim != 3 or not frames.size:
        raise ValueError(f"A sample of frames has shape (n, Ky, Kx), not {frames.shape}.")
    correct = correction(frames.shape[1:], frames.dtype, dark, gain, readout)
    values = correct.values(frames.reshape(len(frames), -1)).reshape(frames.shape)
    alive = ~np.isinf(correct.gain).reshape(frames.shape[1:])
    mean, spread = _noise(values[:, alive])
    for axis, wanted in zip((2, 1), COMMON[readout.common], strict=True):
        if wanted:
            live = np.where(alive, values, np.nan)
            with np.errstate(invalid="ignore"), catch_warnings():
                simplefilter("ignore", RuntimeWarning)  # A line without a live pixel has none.
                middle = np.nanmedian(live, axis=axis, keepdims=True)
                _, near = _noise((live - middle)[:, alive])
                live[np.abs(live - middle) > LOWEST * near] = np.nan
                values -= np.nan_to_num(np.nanmean(live, axis=axis, keepdims=True))
            mean, spread = _noise(values[:, alive])
    peaks = _peaks(values, alive, mean + STANDS_OUT * spread)
    pixels = int(alive.sum())
    noise = f"noise {mean:.3g} ± {spread:.3g}"
    if peaks.size < ENOUGH:
        # One false count in ten frames, where nothing is known of the electrons.
        background = mean + spread * max(LOWEST, norm.isf(0.1 / pixels))
        return Thresholds(
            float(background),
            np.inf,
            f"{noise}; hardly any pixel stands out, so the electrons could not be fitted: "
            f"background at {background:.3g}, no x-ray threshold",
        )
    place, width, rate = _electrons(peaks, mean + STANDS_OUT * spread)
    rate /= len(frames)

    def gain_of_lowering(t):
        """Noise let in less electrons gained, per unit of threshold and frame."""
        return pixels * norm.pdf(t, mean, spread) - rate * moyal.pdf(t, place, width)

    low, high = mean + LOWEST * spread, place
    background = low
    if high > low and gain_of_lowering(low) > 0 > gain_of_lowering(high):
        background = brentq(gain_of_lowering, low, high)
    xray = max(moyal.isf(LOST, place, width), 1.5 * background)
    false, lost = pixels * norm.sf(background, mean, spread), moyal.cdf(background, place, width)
    return Thresholds(
        float(background),
        float(xray),
        f"{noise}; electrons peak at {place:.3g}, width {width:.3g}; background at "
        f"{background:.3g}: about {false:.2g} false counts a frame, {lost:.1%} of the electrons "
        f"lost; x-rays from {xray:.3g} on",
    )


def _noise(values):
    """Mean and standard deviation of the Gaussian at the low end of the values."""
    values = values.ravel()
    if values.size > 1 << 22:
        values = values[:: values.size >> 22]
    low, middle = np.percentile(values, [15.87, 50])
    for _ in range(3):
        # Electrons lift the median a little; the mean of what is near it, less so.
        spread = (middle - low) or np.std(values)
        near = values[np.abs(values - middle) < 1.5 * spread]
        middle = near.mean() if near.size else middle
        below = values[values < middle]
        low = middle - np.sqrt(np.mean((below - middle) ** 2)) if below.size else low
    # Of a half-Gaussian, the root mean square is the standard deviation.
    spread = float(middle - low)
    if not spread > 0:
        raise ValueError(
            f"All pixels of the sample have the value {middle:g}: "
            "there is no noise to set a threshold by; give the background threshold."
        )
    return float(middle), spread


def _peaks(values, alive, limit):
    """Values of the local maxima (3 × 3) above a limit."""
    from scipy.ndimage import maximum_filter

    values = np.where(alive, values, -np.inf)
    top = maximum_filter(values, size=(1, 3, 3), mode="constant", cval=-np.inf)
    return values[(values == top) & (values > limit)]


def _electrons(peaks, limit):
    """Location and scale of a Moyal distribution truncated at `limit`, and its whole number."""
    median, upper = np.percentile(peaks, [50, 75])
    # What lies so far out is no electron, and would draw the fit.
    used = peaks[peaks < median + 8 * (upper - median) + limit]

    def unlikeliness(parameters):
        place, width = parameters[0], np.exp(parameters[1])
        inside = moyal.sf(limit, place, width)
        if not inside > 1e-12:
            return 1e12
        return float(-np.mean(moyal.logpdf(used, place, width)) + np.log(inside))

    start = [median - 0.4 * (upper - median), np.log(max(upper - median, 1e-3 * median) / 1.7)]
    found = minimize(unlikeliness, start, method="Nelder-Mead")
    place, width = float(found.x[0]), float(np.exp(found.x[1]))
    return place, width, used.size / max(float(moyal.sf(limit, place, width)), 0.1)
