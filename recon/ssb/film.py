"""A focus that changes over the scan: phases of several C10, each used where it is right.

What single-sideband ptychography makes of a place hangs on the frames within the probe's reach
alone. So where C10(R) is a plane over the scan, the phase at R is that of the whole scan taken with
C10(R). It is made for some levels of C10, a step apart, and between them

    φ(R) = Σ_n w_n(R) φ_n(R),    w_n = max(0, 1 - |C10(R) - C10_n| / step),    Σ_n w_n = 1:

strips across the plane's slope, blended smoothly, without edges of their own. From one level to
the next the phase of a sideband's entry turns by π λ k0² step at most, which is kept at `TURN`:
halfway between two levels the blend of both has lost 1 - cos(TURN / 2) of it.
"""

from collections.abc import Callable
from math import ceil, pi

import numpy as np

from recon.ssb.sidebands import Sidebands

TURN = 0.3
"""Phase [rad] by which the levels of C10 differ at most: 1 % is lost, at the worst frequency."""

MOST = 500
"""Levels beyond which nobody would wait."""


def middle_distance(shape, sampling) -> tuple[np.ndarray, np.ndarray]:
    """(Sy, 1) and (1, Sx) distances from the middle of a scan [Å]."""
    y, x = ((np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, sampling, strict=True))
    return y[:, None], x[None, :]


def c10_over(shape, sampling, c10: float, slope) -> np.ndarray:
    """(Sy, Sx) float64 array: C10 at each position [Å], for a slope (y, x) in mrad."""
    y, x = middle_distance(shape, sampling)
    return c10 + 1e-3 * (slope[0] * y + slope[1] * x)


def levels(g: Sidebands, c10: float) -> np.ndarray:
    """(n,) values of C10 [Å] that a phase of this specimen is blended of; one, where it is flat.

    Raises
    ------
    ValueError
        If there are more than `MOST`.
    """
    slope = g.specimen.film
    if not any(slope):
        return np.array([c10])
    ends = [
        (n - 1) * step for n, step in zip(g.scan_shape, g.calibration.scan_sampling, strict=True)
    ]
    half = sum(abs(1e-3 * each) * end for each, end in zip(slope, ends, strict=True)) / 2
    turn = pi * g.calibration.wavelength * g.calibration.k0**2 * 2 * half
    count = max(2, ceil(turn / TURN) + 1)
    if count > MOST:
        raise ValueError(
            f"The defocus changes by {half / 5:.3g} nm over the scan: {count} phases would have to "
            f"be blended, and {MOST} is the most. Crop the scan, or set a smaller slope."
        )
    return np.linspace(c10 - half, c10 + half, count)


def blended(g: Sidebands, found: np.ndarray, make: Callable):
    """The image of all levels together, on the device of `g`.

    Parameters
    ----------
    g : Sidebands
    found : (n,) array
        Levels of C10 [Å], evenly apart, n > 1.
    make : callable
        `make(c10)` gives the whole image with this C10, which is not kept.
    """
    xp, middle = g.device.xp, (found[0] + found[-1]) / 2
    there = c10_over(g.scan_shape, g.calibration.scan_sampling, middle, g.specimen.film)
    step = found[1] - found[0]
    place = xp.asarray(((there - found[0]) / step).astype(np.float32))
    total = None
    for number, c10 in enumerate(found):
        weight = xp.maximum(np.float32(0), np.float32(1) - xp.abs(place - np.float32(number)))
        part = weight * make(float(c10))
        total = part if total is None else total + part
    return total
