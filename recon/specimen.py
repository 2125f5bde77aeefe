"""Thickness and tilt of the specimen, and the focal spread: what they leave of each sideband.

A weak object spread evenly over a thickness t is a stack of thin ones. The slice at height z, from
the middle plane along the beam, is lit by a probe whose C10 is larger by z, and lies where its
columns lean to: it is displaced by τ z, τ the tilt as (y, x). Of the first term of γ, a slice has

    A*(k) A(k - K) exp(2πi z [v - K·τ]),    v = λ (|k|² - |k - K|²) / 2 = λ K·(k - K / 2),

since C10 enters χ(k) - χ(k - K) as 2π C10 v. The mean over -t/2 < z < t/2 is a real weight,

    s(+) = sinc(t [v - K·τ]),    s(-) = sinc(t [v' + K·τ]),    sinc(x) = sin(πx) / (πx),

with v' = λ (|k|² - |k + K|²) / 2 for the second term, A(k) A*(k + K). C10 then is that of the
middle plane, and the phase that of the whole projection, upright.

A focal spread Δ, the 1/e half width of the defocus, adds up intensities over C10 + δ with a
probability ∝ exp(-δ² / Δ²): variance Δ² / 2. Both terms of G are linear in the object, so that the
mean acts on each: that of exp(2πi δ v) is

    e(+) = exp(-(π Δ v)²),    e(-) = exp(-(π Δ v')²),

and of the undiffracted |A(k)|² nothing is lost. Depth and defocus are independent: weights
multiply, γ = A*(k) A(k - K) s(+) e(+) - A(k) A*(k + K) s(-) e(-).

A film that is tilted or bent as a whole lies elsewhere along the beam at each place of the scan:
its C10 is a plane over the scan, C10(R) = C10 + film·(R - middle). That weighs nothing, and has
nothing to do with how its columns lean: see `recon.ssb.film`.

The weight of a slice's own scattering is all that is in here. Where a slice diffracts what others
have diffracted, as in crystals of some ten nanometres, the theory ends.
"""

from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

THICKEST = 5000.0
"""Thickness and focal spread [Å] up to which they are taken: 500 nm."""

STEEPEST = 200.0
"""Tilt [mrad] up to which it is small."""

STEEPEST_FILM = 1000.0
"""Slope of the focus over the scan [mrad] up to which it is taken: a film at 45°."""


@dataclass(frozen=True)
class Specimen:
    """How thick the specimen is, how its columns lean, and how far the focus spreads.

    Parameters
    ----------
    thickness : float
        Å.
    tilt : (float, float)
        Of the columns against the beam, (y, x) along the scan's axes [mrad]: what lies higher by
        z, from where the beam enters to where it leaves, is displaced by z times this. Tells
        nothing of a thin specimen.
    focal_spread : float
        1/e half width of the defocus [Å]; √2 times its standard deviation.
    film : (float, float)
        Slope of C10 over the scan, (y, x) along its axes [mrad: thousandths of an Å for
        each Å]; C10 is that of the scan's middle.

    Raises
    ------
    ValueError
        If one is negative where it cannot be, not finite, or larger than any that makes sense.
    """

    thickness: float = 0.0
    tilt: tuple[float, float] = (0.0, 0.0)
    focal_spread: float = 0.0
    film: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self):
        lengths = {"thickness": self.thickness, "focal spread": self.focal_spread}
        for name, value in lengths.items():
            if not (isfinite(value) and 0 <= value <= THICKEST):
                raise ValueError(
                    f"The {name} is a length from 0 to {THICKEST / 10:g} nm, not {value / 10:g} nm."
                )
        slopes = ("tilt", self.tilt, STEEPEST), ("film's slope", self.film, STEEPEST_FILM)
        for what, values, most in slopes:
            for axis, value in zip("yx", values, strict=True):
                if not (isfinite(value) and abs(value) <= most):
                    raise ValueError(
                        f"The {what} along {axis} lies within ± {most:g} mrad, not {value:g} mrad."
                    )
        object.__setattr__(self, "tilt", tuple(map(float, self.tilt)))
        object.__setattr__(self, "film", tuple(map(float, self.film)))

    @property
    def thin(self) -> bool:
        """Whether all weights are 1."""
        return self.thickness == 0 and self.focal_spread == 0

    def effective(self) -> "Specimen":
        """The same without what has no effect: the tilt of a thin one."""
        return self if self.thickness else replace(self, tilt=(0.0, 0.0))

    def weights(self, k, q, wavelength: float):
        """Weights of both terms of γ.

        Parameters
        ----------
        k, q : pairs (y, x) of arrays
            Pixel and frequency, both along the scan's axes [1/Å]; arrays broadcast.
        wavelength : float
            Å.

        Returns
        -------
        first, second : float64 arrays
            s(+) e(+) and s(-) e(-), -0.22 to 1.
        """
        (k_y, k_x), (q_y, q_x) = k, q
        along = wavelength * (k_y * q_y + k_x * q_x)
        across = wavelength * (q_y**2 + q_x**2) / 2
        leaning = (q_y * self.tilt[0] + q_x * self.tilt[1]) * 1e-3
        # v and v' as they stand in the module's text.
        return tuple(
            np.sinc(self.thickness * (v - lean)) * np.exp(-((np.pi * self.focal_spread * v) ** 2))
            for v, lean in ((along - across, leaning), (-along - across, -leaning))
        )


THIN = Specimen()
"""What single-sideband ptychography takes a specimen for."""
