"""What is done about noise in what is shown, and how other contrasts are made, as the user sets it.

None of it reaches a file that is saved: those hold the phase by least squares.
"""

import param

from app.state.request import Noise
from recon.quality.denoise import METHODS


class NoiseState(param.Parameterized):
    """Weighting, denoising, and the sampling of the tilt-corrected bright field."""

    wiener = param.Boolean(
        False,
        label="Wiener weighting",
        doc="Each frequency of the SSB phase counts as far as the electrons tell of it, against "
        "an expected spectrum. For the eye: radians are no longer quantitative.",
    )
    denoise_method = param.Selector(
        default=METHODS[0],
        objects=list(METHODS),
        label="Denoising method",
        doc="Of the contrast “SSB phase, denoised”.",
    )
    denoise_strength = param.Number(
        1.0,
        bounds=(0.05, 20),
        softbounds=(0.1, 4),
        step=0.05,
        label="Denoising strength (σ)",
        doc="In units of the counting noise; 1 removes about as much as the electrons add.",
    )
    upsampling = param.Selector(
        default=1,
        objects=[1, 2, 4],
        label="Upsampling",
        doc="Pixels of the image to a scan step; more than one needs a defocus.",
    )

    def value(self) -> Noise:
        """The same as a part of a request."""
        return Noise(self.wiener, self.denoise_method, self.denoise_strength, self.upsampling)
