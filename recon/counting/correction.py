"""From a camera's raw numbers to values: dark reference, gain, dead and saturated pixels."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

COMMON = {"none": (False, False), "rows": (True, False), "columns": (False, True)} | {
    "both": (True, True)
}
"""Whose common offset is taken off each frame, by name: (rows, columns)."""


class Readout(NamedTuple):
    """What a camera's read-out does to its frames, besides its dark number and gain.

    Attributes
    ----------
    saturation : float, optional
        Raw number from which on a pixel is saturated; by default the largest of an integer type.
    common : str
        "none", "rows", "columns" or "both": whether the background of each row or column (the mean
        of what is within the background threshold of its median) is taken off each frame, for a
        camera whose read-out adds noise to whole rows or columns.
    excluded : (Ky, Kx) bool array, optional
        Pixels to leave out.
    """

    saturation: float | None = None
    common: str = "none"
    excluded: Any = None


PLAIN = Readout()


@dataclass(frozen=True, eq=False)
class Correction:
    """What turns raw numbers into values, pixel by pixel.

    Attributes
    ----------
    dark : (P,) float32 array
        Raw number without electrons.
    gain : (P,) float32 array
        Response, median one; infinite where a pixel is dead or excluded.
    saturation : float
        Raw number from which on a pixel is saturated; infinite if it never is.
    level : float
        Value that all saturated pixels count as, so that none of them outshines another by its
        dark number: that of a saturated pixel of median dark number and response.
    """

    dark: np.ndarray
    gain: np.ndarray
    saturation: float
    level: float

    def values(self, frames) -> np.ndarray:
        """(n, P) float64 values of raw frames (n, P)."""
        values = (np.asarray(frames, np.float64) - self.dark) / self.gain.astype(np.float64)
        values[frames >= self.saturation] = self.level
        values[:, np.isinf(self.gain)] = 0.0
        return values

    def limits(self, background: float, dtype) -> np.ndarray:
        """(P,) of `dtype`: the largest raw number of each pixel that is not above `background`.

        Raises
        ------
        ValueError
            If a pixel is above the background at any raw number that it can have.
        """
        dtype = np.dtype(dtype)
        gain = self.gain.astype(np.float64)
        dead = np.isinf(gain)
        range_ = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
        guess = np.where(dead, 0, background * np.where(dead, 1, gain) + self.dark)

        def above(raw):
            return (raw.astype(np.float64) - self.dark) / np.where(dead, 1, gain) > background

        if dtype.kind in "iu":
            limits = np.clip(np.floor(guess), float(range_.min) - 1, float(range_.max))
            # One step either way mends the rounding of the guess.
            limits = np.where(above(limits), limits - 1, limits)
            limits = np.where(above(limits + 1) | dead, limits, limits + 1)
        else:
            limits = guess.astype(dtype)
            for _ in range(4):
                limits = np.where(above(limits), np.nextafter(limits, -range_.max), limits)
            for _ in range(4):
                step = np.nextafter(limits, range_.max)
                limits = np.where(above(step), limits, step)
        if np.isfinite(self.saturation) and self.level > background:
            below = self.saturation - 1 if dtype.kind in "iu" else np.nextafter(self.saturation, 0)
            limits = np.minimum(limits, below)
        limits = np.where(dead, range_.max, np.minimum(limits, range_.max))
        if np.any(limits < range_.min):
            raise ValueError(
                f"With this dark reference, {int(np.sum(limits < range_.min))} pixels are above "
                f"the background threshold of {background:g} without any signal: take the dark "
                "reference of this camera and these settings, or a higher threshold."
            )
        return limits.astype(dtype)


def correction(frame_shape, dtype, dark=None, gain=None, readout: Readout = PLAIN):
    """Check what a camera's frames are corrected with.

    Parameters
    ----------
    frame_shape : (Ky, Kx)
    dtype : dtype
        Of the raw frames.
    dark, gain : (Ky, Kx) arrays, optional
        Raw number without electrons (0 by default), response to equal light (1). A pixel whose
        gain or dark number is not finite, or whose gain is not above zero, is dead.
    readout : Readout

    Returns
    -------
    Correction

    Raises
    ------
    ValueError
        If a shape is not the detector's, or no pixel is alive.
    """
    saturation, _, excluded = readout
    dtype = np.dtype(dtype)
    arrays = {}
    for name, array, default in (("dark reference", dark, 0.0), ("gain", gain, 1.0)):
        array = np.full(frame_shape, default) if array is None else np.asarray(array)
        if array.shape != tuple(frame_shape):
            raise ValueError(
                f"The {name} has {' × '.join(map(str, array.shape))} pixels, "
                "the frames have {} × {}.".format(*frame_shape)
            )
        arrays[name] = array.astype(np.float32)
    dark, gain = arrays["dark reference"], arrays["gain"]
    alive = np.isfinite(dark) & np.isfinite(gain) & (gain > 0)
    if excluded is not None:
        excluded = np.asarray(excluded, bool)
        if excluded.shape != dark.shape:
            raise ValueError(
                "The excluded pixels' mask has another shape than the frames: "
                f"{excluded.shape} and {dark.shape}."
            )
        alive &= ~excluded
    if not alive.any():
        raise ValueError("No pixel has a gain above zero: is the gain a file of another kind?")
    middle = np.median(gain[alive])
    gain = np.where(alive, gain / middle, np.float32(np.inf)).astype(np.float32)
    dark = np.where(alive, dark, np.float32(0))
    if saturation is None:
        saturation = float(np.iinfo(dtype).max) if dtype.kind in "iu" else np.inf
    level = float(saturation - np.median(dark[alive]))
    return Correction(dark.ravel(), gain.ravel(), float(saturation), level)
