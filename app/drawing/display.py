"""From values to pixels: what is cropped, scaled and coloured before it is drawn.

Plain NumPy; no widget and no figure. Images are (rows, columns), row 0 on top.
"""

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np

from app.drawing.shared import once_for_all

SAMPLES = 1 << 16
"""Values that percentiles are taken from: enough for 0.1 %, and fast enough for a drag."""


@dataclass(frozen=True)
class Extent:
    """A rectangle on the scan or the detector, in the units of its axes.

    y0 belongs to the first row and y1 to the end of the last: y runs downwards.
    """

    x0: float
    x1: float
    y0: float
    y1: float

    @classmethod
    def of(cls, shape, sampling=(1.0, 1.0), origin=(0.0, 0.0)):
        """Of an image: `sampling` is the size of a pixel (y, x), `origin` its first edge."""
        (height, width), (dy, dx), (y, x) = shape[:2], sampling, origin
        return cls(x, x + width * dx, y, y + height * dy)

    @property
    def width(self):
        """Along x."""
        return self.x1 - self.x0

    @property
    def height(self):
        """Along y."""
        return self.y1 - self.y0

    def outline(self) -> list[tuple[float, float]]:
        """The corners as a closed path of (x, y)."""
        x0, x1, y0, y1 = self.x0, self.x1, self.y0, self.y1
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]

    def part(self, place, shape) -> "Extent":
        """Of the `place` (rows, columns) of an image of `shape` that lies here."""
        (y0, y1), (x0, x1) = place
        dy, dx = self.height / shape[0], self.width / shape[1]
        return Extent(self.x0 + x0 * dx, self.x0 + x1 * dx, self.y0 + y0 * dy, self.y0 + y1 * dy)


def crop(image, extent, view, margin=0.0):
    """The pixels that touch the visible rectangle.

    Parameters
    ----------
    image : (H, W, ...) array
    extent, view : Extent
        Of the whole image, and of what can be seen.
    margin : float
        Part of the visible width and height that is added on each side.

    Returns
    -------
    (h, w, ...) array, a view of `image`, and its Extent
        At least one pixel; whole pixels, so that the extent is snapped outwards.
    """
    height, width = image.shape[:2]
    dx, dy = extent.width / width, extent.height / height
    grow_x, grow_y = margin * abs(view.width), margin * abs(view.height)
    left, right = _span(
        (min(view.x0, view.x1) - grow_x - extent.x0) / dx,
        (max(view.x0, view.x1) + grow_x - extent.x0) / dx,
        width,
    )
    top, bottom = _span(
        (min(view.y0, view.y1) - grow_y - extent.y0) / dy,
        (max(view.y0, view.y1) + grow_y - extent.y0) / dy,
        height,
    )
    part = Extent(
        extent.x0 + left * dx,
        extent.x0 + right * dx,
        extent.y0 + top * dy,
        extent.y0 + bottom * dy,
    )
    return image[top:bottom, left:right], part


def _span(first, last, size):
    first = int(np.clip(np.floor(first + 1e-9), 0, size - 1))
    return first, int(np.clip(np.ceil(last - 1e-9), first + 1, size))


def value_at(image, extent, x, y):
    """The pixel value under a position, or None beside the image."""
    height, width = image.shape[:2]
    column = int(np.floor((x - extent.x0) / extent.width * width))
    row = int(np.floor((y - extent.y0) / extent.height * height))
    if not (0 <= row < height and 0 <= column < width):
        return None
    return image[row, column]


@once_for_all
def percentile_limits(image, low=0.0, high=100.0):
    """Values below which `low` and `high` per cent of the pixels lie; low < high always.

    Taken from at most about 65 000 pixels spread over the image; not finite ones are left out.
    """
    step = max(1, int(sqrt(image.size / SAMPLES)))
    values = np.asarray(image)[::step, ::step]
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0, 1.0
    lower, upper = (float(v) for v in np.percentile(values, (low, high)))
    if upper <= lower:
        # Where few pixels hold anything, they are what is to be seen.
        finite = image[np.isfinite(image)]
        lower, upper = float(finite.min()), float(finite.max())
    if upper <= lower:
        # A flat image is shown in the middle of the scale, not as noise.
        room = max(abs(lower), 1.0) * 0.5
        return lower - room, upper + room
    return lower, upper


class Limits:
    """Lowest and highest value shown, which follow the percentiles until they are frozen.

    While a hand moves they follow only what changes by more than a tenth: the picture does not
    flicker, and its colour bar does not have to be drawn anew.
    """

    LAZY = 0.1

    def __init__(self, low=0.5, high=99.5):
        self.low, self.high, self.frozen = low, high, False
        self.lender: Limits | None = None
        """Of another picture, whose limits are taken while it has some."""
        self._held = None

    def of(self, image, moving=False):
        """(lowest, highest) for `image`; `moving` says that more images follow at once."""
        if self.lender is not None and self.lender._held is not None:
            return self.lender._held
        if self._held is None:
            self._held = percentile_limits(image, self.low, self.high)
        elif not self.frozen:
            wanted = percentile_limits(image, self.low, self.high)
            room = self.LAZY * (self._held[1] - self._held[0])
            near = all(abs(a - b) <= room for a, b in zip(wanted, self._held, strict=True))
            if not (moving and near):
                self._held = wanted
        return self._held

    def forget(self):
        """Take the percentiles of the next image, frozen or not: it shows something else."""
        self._held = None


def to_u8(image, low, high):
    """Image as uint8: `low` and below is 0, `high` and above is 255; not finite is 0."""
    scale = np.float32(255 / (high - low)) if high > low else np.float32(0)
    out = np.subtract(image, np.float32(low), dtype=np.float32)
    out *= scale
    out += np.float32(0.5)
    np.clip(out, 0, 255, out=out)
    if not np.isfinite(out.sum()):
        np.nan_to_num(out, copy=False, nan=0.0)
    return out.astype(np.uint8)


def _hues(count):
    """(count, 3) float32 sRGB colours of equal lightness and chroma, once around the wheel.

    OkLCh (Ottosson 2020) at L = 0.74, C = 0.125; the first is the hue of phase 0.
    """
    hue = np.arange(count) * (2 * pi / count) + 0.45
    a, b = 0.125 * np.cos(hue), 0.125 * np.sin(hue)
    to_lms = np.array(
        [
            [1, 0.3963377774, 0.2158037573],
            [1, -0.1055613458, -0.0638541728],
            [1, -0.0894841775, -1.2914855480],
        ]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = ((np.stack([np.full(count, 0.74), a, b], 1) @ to_lms.T) ** 3) @ to_rgb.T
    linear = np.clip(linear, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.clip(srgb * 1.08, 0, 1).astype(np.float32)


HUES = _hues(256)
"""Colours of phase -π to π, in 256 steps."""


def phase_rgba(values, scale=None):
    """Phase as hue, magnitude as brightness.

    Parameters
    ----------
    values : (...,) complex array
    scale : float, optional
        Magnitude of full brightness; the largest if not given.

    Returns
    -------
    (..., 4) uint8 array
        Red, green, blue, alpha; where `values` is exactly 0 the pixel is transparent.
    """
    size = np.abs(values)
    if scale is None:
        scale = float(size.max(initial=0.0))
    index = ((np.angle(values) + pi) * (256 / (2 * pi))).astype(np.int32) % 256
    bright = np.clip(size / scale, 0, 1) if scale > 0 else np.zeros_like(size)
    out = np.empty((*size.shape, 4), np.uint8)
    out[..., :3] = HUES[index] * (255 * bright[..., None]) + 0.5
    out[..., 3] = np.where(size > 0, 255, 0)
    return out


def com_rgba(field, scale=None):
    """Direction as hue, length as brightness, of a (2, H, W) field as (y, x): (H, W, 4) uint8.

    Right is phase 0 and down a quarter turn, as y runs downwards. A zero vector is black.
    """
    out = phase_rgba(field[1] + 1j * field[0], scale)
    out[..., 3] = 255
    return out


def wheel(size):
    """(size, size, 4) uint8: hue against direction, brightness against radius, for a legend."""
    axis = (np.arange(size) + 0.5) * (2 / size) - 1
    z = axis[None, :] + 1j * axis[:, None]
    rgba = phase_rgba(np.where(np.abs(z) <= 1, z, 0), 1.0)
    return rgba


def packed(rgba):
    """The same colours as (..., ) uint32, as a figure's image source wants them."""
    return np.ascontiguousarray(rgba).view(np.uint32)[..., 0]


def arrows(field, across=20):
    """A coarse field for arrows: means over blocks.

    Parameters
    ----------
    field : (2, H, W) array
        As (y, x).
    across : int
        Arrows along the longer side.

    Returns
    -------
    y, x : (n,) float arrays
        Where each begins [pixels from the image's first edge].
    dy, dx : (n,) float arrays
        The longest reach 0.9 of an arrow's cell [pixels].
    """
    _, height, width = field.shape
    block = max(1, round(max(height, width) / across))
    rows, columns = max(1, height // block), max(1, width // block)
    block_y, block_x = min(block, height), min(block, width)
    part = np.asarray(field, np.float32)[:, : rows * block_y, : columns * block_x]
    part = part.reshape(2, rows, block_y, columns, block_x).mean((2, 4))
    longest = float(np.hypot(*part).max(initial=0.0))
    part = part * (0.9 * block / longest if longest > 0 else 0.0)
    y, x = np.meshgrid(
        (np.arange(rows) + 0.5) * block_y, (np.arange(columns) + 0.5) * block_x, indexing="ij"
    )
    dy, dx = part
    return y.ravel() - dy.ravel() / 2, x.ravel() - dx.ravel() / 2, dy.ravel(), dx.ravel()


@once_for_all
def mosaic(tiles, corners, shape):
    """Complex tiles as one picture, each scaled to its own brightness; `phase_rgba` colours it.

    Parameters
    ----------
    tiles : (n, By, Bx) complex array
        Zero outside the overlaps, which stay zero.
    corners : (n, 2) int array
        Top left corner (row, column) of each.
    shape : (int, int)
        Of the picture; all tiles lie in it.

    Returns
    -------
    (H, W) complex64 array
        Of magnitude 1 at full brightness; more is no brighter.

    Notes
    -----
    Tiles of strong and weak frequencies differ in magnitude by more than a screen can show;
    what is read off them is the flatness of the phase. The 98th percentile is full brightness.
    """
    values = np.zeros(shape, np.complex64)
    height, width = tiles.shape[1:]
    for tile, (top, left) in zip(tiles, corners, strict=True):
        size = np.abs(tile)
        inside = size[size > 0]
        scale = float(np.percentile(inside, 98)) if inside.size else 1.0
        values[top : top + height, left : left + width] = tile / scale
    return values
