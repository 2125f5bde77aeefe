"""Phases for the eye: noise taken out by what images usually look like, not by what was measured.

Nothing here belongs into a result: what it draws smooth may have been so or not. It comes after the
reconstruction, is off unless asked for, and whoever shows it says so.
"""

from math import isfinite

import numpy as np

METHODS = ("total variation", "non-local means")

PATCH, DISTANCE, DECAY = 5, 6, 0.8
"""Non-local means: patch and search distance [pixels], and the decay of weights in units of the
noise, which scikit-image's guide recommends for its fast form."""


def denoise(
    image, noise: float, method: str = "total variation", strength: float = 1.0
) -> np.ndarray:
    """An image with less noise, as a guess.

    Parameters
    ----------
    image : (Sy, Sx) array of real numbers
        Such as a phase [rad]; on the host.
    noise : float
        Standard deviation of its noise, in its own unit: `recon.ssb.noise.counting_noise` of a
        phase, half the standard deviation of the difference of two halves' images of any other.
    method : {"total variation", "non-local means"}
        Steps between even areas, or the mean over places that look alike.
    strength : float
        1 takes out about what the noise says; in units of it.

    Returns
    -------
    (Sy, Sx) float32 array
        With the mean of the image, in its unit.

    Raises
    ------
    ValueError
        For another method, a strength or noise that is not positive, or an image that is no
        image of finite numbers.

    Notes
    -----
    Chambolle, J. Math. Imaging Vis. 20, 89 (2004); Darbon et al., IEEE ISBI 1331 (2008), of
    Buades, Coll & Morel (2005); both from scikit-image. Both take noise for white, which that of a
    least-squares phase is not quite. At 512 × 512 positions about 0.3 and 1 s on one core.
    """
    image = np.asarray(image)
    if method not in METHODS:
        raise ValueError(f"The method is one of {', '.join(METHODS)}, not {method!r}.")
    for name, value in (("strength", strength), ("noise", noise)):
        if not (isfinite(value) and value > 0):
            raise ValueError(f"The {name} must be positive, not {value}.")
    if image.ndim != 2 or image.dtype.kind not in "fiu" or not np.isfinite(image).all():
        raise ValueError(
            "Only an image of finite real numbers can be denoised, not an array of shape "
            f"{image.shape}, type {image.dtype}."
        )
    # Seconds of imports, for those who ask for it alone.
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

    mean = float(image.mean(dtype=float))
    scaled = ((image - mean) / noise).astype(np.float32)
    if method == "total variation":
        smooth = denoise_tv_chambolle(scaled, weight=strength)
    else:
        smooth = denoise_nl_means(
            scaled, PATCH, DISTANCE, h=DECAY * strength, sigma=strength, fast_mode=True
        )
    smooth = (smooth - smooth.mean(dtype=float)) * noise + mean
    return smooth.astype(np.float32)
