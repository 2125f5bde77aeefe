"""What the defocus does: flatness and contrast against it, and images through the focus."""

from dataclasses import dataclass, replace

import numpy as np

from recon.device.backend import guarded, on_host
from recon.focus.flatness import flatness
from recon.optics import Aberrations
from recon.ssb.phase import single_sideband
from recon.ssb.sidebands import Sidebands

BAND_LIMIT = 0.9
"""Share of 2 k0 that contrast is judged in: beyond, a draft amplifies noise above all else."""


@dataclass(frozen=True)
class FocusCurve:
    """Figures of focus against defocus.

    Attributes
    ----------
    defoci : (n,) float64 array
        Defocus -C10 [Å].
    flatness : (n,) float64 array
        As `recon.focus.flatness.flatness`, 0 to 1.
    contrast : (n,) float64 array
        Variance of the draft phase in units of the largest one of the curve.
    """

    defoci: np.ndarray
    flatness: np.ndarray
    contrast: np.ndarray


def focus_curve(
    g: Sidebands, aberrations: Aberrations, defoci, *, sideband: str = "both", progress=None
) -> FocusCurve:
    """Flatness of the tiles and contrast of the phase against defocus.

    Parameters
    ----------
    g : Sidebands
    aberrations : Aberrations
        All but the defocus are kept.
    defoci : (n,) sequence of float
        Defocus -C10 [Å].
    sideband : str
        Which sidebands the images sum, as for `recon.ssb.phase.single_sideband`.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    FocusCurve

    Raises
    ------
    ValueError
        If there is no defocus, or one that is not finite.
    DeviceError
        If the device of `g` fails.
    """
    focused = _focused(aberrations, defoci)
    flat, variance = np.empty(len(focused)), np.empty(len(focused))
    for n, each in enumerate(_told(focused, progress)):
        flat[n] = flatness(g, each)
        image = single_sideband(g, each, "draft", sideband, BAND_LIMIT)
        variance[n] = float(g.device.xp.var(image))
    largest = variance.max()
    contrast = variance / largest if largest > 0 else np.zeros_like(variance)
    return FocusCurve(np.asarray(defoci, float), flat, contrast)


@guarded
def through_focus(
    g: Sidebands,
    aberrations: Aberrations,
    defoci,
    size: int = 128,
    *,
    sideband: str = "both",
    band_limit: float = 1.0,
    progress=None,
) -> np.ndarray:
    """Small draft phases through the focus.

    Parameters
    ----------
    g : Sidebands
    aberrations : Aberrations
        All but the defocus are kept.
    defoci : (n,) sequence of float
        Defocus -C10 [Å].
    size : int
        Pixels of the longer side, at least 8; no more than the scan has.
    sideband : str
        Which sidebands are summed, as for `recon.ssb.phase.single_sideband`.
    band_limit : float
        Share of 2 k0 up to which frequencies are kept.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (n, Ty, Tx) float32 array
        Phases [rad] of mean 0 on the host, over the whole field. Frequencies that the small
        images do not hold are left out: nothing is aliased.

    Raises
    ------
    ValueError
        If there is no defocus, one that is not finite, or the size is too small.
    DeviceError
        If the device of `g` fails.
    """
    if size < 8:
        raise ValueError(f"Images through the focus have at least 8 pixels a side, not {size}.")
    focused = _focused(aberrations, defoci)
    shrink = max(1.0, max(g.scan_shape) / size)
    shape = tuple(max(1, round(n / shrink)) for n in g.scan_shape)
    images = np.empty((len(focused), *shape), np.float32)
    for image, each in zip(images, _told(focused, progress), strict=True):
        phase = single_sideband(g, each, "draft", sideband, band_limit)
        image[:] = on_host(phase if shape == g.scan_shape else _shrunk(g.device, phase, shape))
    return images


def _focused(aberrations: Aberrations, defoci) -> list[Aberrations]:
    defoci = np.asarray(defoci, float).ravel()
    if not defoci.size:
        raise ValueError("No defocus is given to look at.")
    return [replace(aberrations, C10=-float(defocus)) for defocus in defoci]


def _told(items, progress):
    """The items one by one, with the fraction done told after each."""
    for number, item in enumerate(items):
        yield item
        if progress:
            progress((number + 1) / len(items))


def _shrunk(device, image, shape):
    """The same field on fewer pixels: frequencies below the new ones' Nyquist are kept."""
    spectrum = device.fft.rfft2(image, **device.fft_options)
    rows, columns = ((n - 1) // 2 for n in shape)
    kept = device.xp.zeros((shape[0], shape[1] // 2 + 1), spectrum.dtype)
    kept[: rows + 1, : columns + 1] = spectrum[: rows + 1, : columns + 1]
    if rows:
        kept[-rows:, : columns + 1] = spectrum[-rows:, : columns + 1]
    share = np.float32(shape[0] * shape[1] / image.size)
    return device.fft.irfft2(kept, shape, **device.fft_options) * share
