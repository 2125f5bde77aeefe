"""Other contrasts from the same G: images that are no phase in radians, and are labelled so."""

import numpy as np

from recon.device.backend import guarded
from recon.optics import Aberrations
from recon.ssb import norms
from recon.ssb.norms import SIDES
from recon.ssb.phase import check, fill_hard, prepare
from recon.ssb.sidebands import Sidebands
from recon.ssb.workspace import workspace


@guarded
def optimum_bright_field(
    g: Sidebands, aberrations: Aberrations, sideband: str = "both", band_limit: float = 1.0
) -> np.ndarray:
    """The object's phase as an image of even noise: each frequency in units of its own noise.

    Φ = -i Σ γ* G / sqrt(N Σ |γ|² P) over the hard masks: what a matched filter makes of G. The
    sum is that of a draft, divided by the noise it holds and not by its transfer, so that
    frequencies that are transferred badly stay dim and are not amplified.

    Parameters are those of `single_sideband`; "left" and "right" give the image of both.

    Returns
    -------
    (Sy, Sx) float32 array
        Mean 0, in units of the counting noise: each Fourier coefficient of noise has variance 1 in
        a transform that keeps power, so that the image of noise alone has a standard deviation of
        sqrt(share of the frequencies that are kept), at most 1. No phase in radians. On the
        device of `g`.

    Raises
    ------
    ValueError, DeviceError
        As `single_sideband`.

    Notes
    -----
    After Ooe et al., Ultramicroscopy 220, 113133 (2021), with all bright-field pixels for
    segments.
    """
    check(g, "draft", sideband, band_limit)
    sides = SIDES["full" if sideband == "full" else "both"]
    with workspace(g) as work:
        g.fill(work, _fill_even, aberrations, sides, band_limit)
        return work.image(work.spectrum)


def _fill_even(g, work, aberrations, sides, band_limit):
    """Fill the spectrum with each frequency in units of its noise."""
    prepare(g, work, aberrations, "draft")
    fill_hard(g, work, norms.unit_noise(g, work, sides, band_limit), sides, work.out)
