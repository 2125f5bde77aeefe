"""Phases of a thick specimen's slices: each is refocused to its own depth."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import fourier_shift

from recon.calibration import Calibration
from recon.focus.through_focus import through_focus
from recon.optics import Aberrations
from recon.ssb.sidebands import Sidebands

LEAST = 1.0
"""Thickness, in depths that the aperture resolves, from which slices differ."""


def depth_resolution(calibration: Calibration) -> float:
    """Depth [Å] over which the aperture tells slices apart at best: λ / α².

    The phase of a frequency K turns with the depth z by 2π z λ K·(k - K / 2), which over its
    sidebands differs by at most λ k0² z, at |K| = k0: one turn is z = 1 / (λ k0²) = λ / α². Coarser
    and finer details are resolved less, as k0² / (K (2 k0 - K)); of the coarsest a slice shows all
    of the specimen.
    """
    return calibration.wavelength / (1e-3 * calibration.semiangle_cutoff) ** 2


def unresolved(calibration: Calibration, thickness: float) -> str:
    """A sentence where the aperture resolves no depth in a thickness [Å]; else empty."""
    resolution = depth_resolution(calibration)
    if thickness >= LEAST * resolution:
        return ""
    return (
        f"The aperture resolves no depth here: {calibration.semiangle_cutoff:g} mrad tell depths "
        f"of {resolution / 10:.3g} nm apart, and the specimen has {thickness / 10:.3g} nm. All "
        "slices show the same but for focus."
    )


def through_depth(
    g: Sidebands, aberrations: Aberrations, depths, size: int = 128, **how
) -> np.ndarray:
    """Small draft phases of slices at some depths of the specimen.

    Each is that of G as of a thin specimen with C10 + z, displaced back by z times the tilt: what
    lies at z is sharp and upright, what lies elsewhere is blurred into it.

    Parameters
    ----------
    g : Sidebands
        Taken through the specimen, whose tilt is taken out.
    aberrations : Aberrations
        Of the specimen's middle plane.
    depths : (n,) sequence of float
        z from the middle plane, along the beam [Å].
    size, how
        As for `recon.focus.through_focus.through_focus`.

    Returns
    -------
    (n, Ty, Tx) float32 array
        Phases [rad] on the host.

    Raises
    ------
    ValueError, DeviceError
        As `through_focus`.
    """
    depths = np.asarray(depths, float).ravel()
    thin = replace(g.specimen, thickness=0.0)
    defoci = -(aberrations.C10 + depths)
    images = through_focus(g.through(thin), aberrations, defoci, size, **how)
    field = np.multiply(g.scan_shape, g.calibration.scan_sampling)
    steps = field / images.shape[1:]
    for image, depth in zip(images, depths, strict=True):
        back = -depth * 1e-3 * np.array(g.specimen.tilt) / steps
        if back.any():
            image[:] = np.fft.ifft2(fourier_shift(np.fft.fft2(image), back)).real
    return images
