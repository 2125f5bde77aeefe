"""What is larger than its frame, aggregated by Datashader to the pixels that the frame has.

A screen that shows every third pixel of a lattice shows fringes that are not there. So a picture
is sent as means over the areas that its frame's own pixels cover, for the part that can be seen.
"""

from math import ceil

import numpy as np
from datashader import resampling

from app.drawing.display import Extent, crop
from recon.kernels import beside_kernels

MARGIN = 0.15
"""Part of the visible width and height that is sent along on each side: a small pan meets no
edge."""

COMPILED = {"mean": resampling._downsample_2d_mean, "max": resampling._downsample_2d_min_max}
"""Datashader's loops by how they aggregate."""

for _loop in (*COMPILED.values(), resampling._get_dimensions):
    # Else each process compiles them for seconds.
    _loop.enable_caching()


def aggregate(image, shape, how: str = "mean") -> np.ndarray:
    """An image on a coarser grid over the same rectangle, as `datashader.Canvas.raster` has it.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        Complex values: real and imaginary part for themselves.
    shape : (h, w)
        Of the result; never more than the image has.
    how : str
        "mean", or "max" where few pixels hold anything.

    Returns
    -------
    (h, w) or (h, w, C) float32 or complex64 array, or `image` itself if it has that shape
        Mean: a cell (i, j) covers the rows i H / h to (i + 1) H / h and the columns j W / w to
        (j + 1) W / w, whole or not, and holds

            sum a(y, x) image(y, x) / sum a(y, x)

        over its finite pixels, with the area a(y, x) of pixel (y, x) that lies in the cell. The
        sums are in double precision. Max: the largest of the same pixels. Without a finite pixel
        it is NaN.

    Raises
    ------
    ValueError
        If the shape asks for more pixels than there are, or for none.
    """
    image = np.asarray(image)
    height, width = (int(n) for n in shape)
    if (height, width) == image.shape[:2]:
        return image
    if not (0 < height <= image.shape[0] and 0 < width <= image.shape[1]):
        raise ValueError(
            "An image of {} × {} pixels cannot be aggregated to {} × {}.".format(
                *image.shape[:2], height, width
            )
        )
    if np.iscomplexobj(image):
        real, imaginary = (aggregate(part, shape, how) for part in (image.real, image.imag))
        return real + np.complex64(1j) * imaginary
    if image.ndim == 3:
        planes = [aggregate(image[..., n], (height, width), how) for n in range(image.shape[2])]
        return np.stack(planes, axis=-1)
    image = np.ascontiguousarray(image, np.float32)
    # What `Canvas.raster` does with an image, without the coordinates that it makes of each: they
    # take longer than the means.
    with beside_kernels():
        return resampling.resample_2d(image, width, height, ds_method=how, fill_value=np.nan)


def within(shape, most: int) -> tuple[int, int]:
    """(h, w) of an image of `shape` whose longer side may have `most` pixels."""
    factor = max(1.0, max(shape[:2]) / most)
    return tuple(max(1, round(size / factor)) for size in shape[:2])


def seen(
    image, whole: Extent, visible: Extent | None, pixels, most: int, how: str = "mean"
) -> tuple[np.ndarray, Extent]:
    """The part of an image that a frame shows, in no more pixels than the frame has there.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
    whole : Extent
        Of the image.
    visible : Extent or None
        What the frame shows, which may reach beyond the image; None where that is not known: then
        it is all of the image.
    pixels : (float, float)
        Height and width of the frame [px of the screen], along `visible`.
    most : int
        Most pixels along the longer side of what is visible.
    how : str
        As for `aggregate`.

    Returns
    -------
    (h, w) or (h, w, C) array, and its Extent
        With a margin around what is visible.
    """
    part, where, shown, units = image, whole, whole, (0.0, 0.0)
    if visible is not None:
        part, where = crop(image, whole, visible, MARGIN)
        shown = crop(image, whole, visible)[1]
        units = abs(visible.height) / pixels[0], abs(visible.width) / pixels[1]
    least = max(shown.width, shown.height) / most
    lengths = where.height, where.width
    # An edge of the picture may lie a rounding error beyond that of a pixel of the screen.
    fit = [ceil(n / max(unit, least) - 1e-6) for n, unit in zip(lengths, units, strict=True)]
    shape = [min(size, max(1, n)) for size, n in zip(part.shape, fit, strict=False)]
    return aggregate(part, shape, how), where


def warm_up() -> None:
    """Have Datashader compile what it aggregates with: seconds on a fresh machine, once."""
    for how in COMPILED:
        aggregate(np.zeros((3, 3), np.float32), (2, 2), how)
