"""An image as a PNG for a slide or a paper: square in space, with scale bar and colour bar."""

from functools import cache
from importlib.util import find_spec
from io import BytesIO
from math import ceil, floor, log10
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_LEAST = 640
"""Least length of the image's longer side in the picture [px]; smaller ones are enlarged."""

LIGHT = {"paper": (255, 255, 255), "ink": (20, 20, 20)}
DARK = {"paper": (18, 20, 23), "ink": (235, 235, 235)}


def render_png(
    image: np.ndarray,
    sampling,
    cmap=None,
    limits=None,
    title: str = "",
    unit: str = "",
    *,
    dark: bool = False,
) -> bytes:
    """A picture with title, scale bar and colour bar.

    Parameters
    ----------
    image : (H, W) array, or (H, W, 3 or 4) uint8 array
        Values, or colours, which get no colour bar.
    sampling : (float, float) or None
        Size of a pixel along (y, x) [Å]; None draws no scale bar.
    cmap : (n, 3) uint8 array or sequence of "#rrggbb", optional
        Colours from the lowest value to the highest; grey by default.
    limits : (float, float), optional
        Values at the two ends of the colours; the image's own by default.
    title, unit : str
        Written above the image, and above the colour bar.
    dark : bool
        Whether the paper is dark.

    Returns
    -------
    bytes
        The PNG file.

    Raises
    ------
    ValueError
        If it is no image.
    """
    image = np.asarray(image)
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(f"A picture needs an image, not an array of shape {image.shape}.")
    values = image.ndim == 2
    if values:
        low, high = limits if limits is not None else _range(image)
        table = colours(cmap)
        pixels = table[levels(image, low, high, len(table))]
    else:
        pixels = image[..., :3]
    height, width = _size(image.shape[:2], sampling)
    enlarged = height >= image.shape[0] and width >= image.shape[1]
    # Enlarging shows true pixels; shrinking averages, so that a lattice makes no false fringes.
    way = Image.Resampling.NEAREST if enlarged else Image.Resampling.BOX
    picture = Image.fromarray(np.ascontiguousarray(pixels, np.uint8)).resize((width, height), way)

    em = max(14, round(max(height, width) / 36))
    font, theme = font_of(em), DARK if dark else LIGHT
    margin, head = em, round(2.2 * em)
    tail = round(6.5 * em) if values else margin
    sheet = Image.new("RGB", (margin + width + tail, head + height + margin), theme["paper"])
    sheet.paste(picture, (margin, head))
    draw = ImageDraw.Draw(sheet)
    draw.text((margin, head / 2), plain(title, font), theme["ink"], font, anchor="lm")
    if sampling is not None:
        _scale_bar(draw, (margin, head, width, height), width / image.shape[1], sampling[1], em)
    if values:
        left = margin + width + em // 2
        _colour_bar(sheet, draw, (left, head, em, height), table, (low, high), theme, font)
        draw.text((left, head / 2), plain(unit, font), theme["ink"], font, anchor="lm")
    out = BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def colours(cmap) -> np.ndarray:
    """(n, 3) uint8 table of a colour map; grey for None."""
    if cmap is None:
        return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    if isinstance(cmap, np.ndarray):
        return cmap.astype(np.uint8)[:, :3]
    codes = [colour.lstrip("#") for colour in cmap]
    return np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in codes], np.uint8)


def scale_bar_length(extent: float) -> float:
    """The largest of 1, 2, 5, 10 … below 30 % of `extent`."""
    target = 0.3 * extent
    power = 10.0 ** floor(log10(target))
    return next(step * power for step in (5, 2, 1) if step * power <= target * (1 + 1e-9))


def in_words(angstrom: float) -> str:
    """A length with the unit that makes it short."""
    for unit, scale in (("µm", 1e4), ("nm", 10.0)):
        if angstrom >= 0.999 * scale:
            return f"{angstrom / scale:.6g} {unit}"
    return f"{angstrom:.6g} Å"


def _range(image):
    finite = image[np.isfinite(image)]
    if not finite.size:
        return 0.0, 1.0
    return float(finite.min()), float(finite.max())


def levels(image, low, high, count):
    """(H, W) int rows of a table of `count` colours, clipped at both ends."""
    span = high - low if high > low else 1.0
    level = (np.nan_to_num(image.astype(np.float64), nan=low) - low) / span * (count - 1)
    return np.clip(level + 0.5, 0, count - 1).astype(np.intp)


def _size(shape, sampling):
    """(height, width) of the picture with pixels square in space."""
    height, width = shape
    dy, dx = sampling or (1.0, 1.0)
    fine = min(dy, dx)
    height, width = height * dy / fine, width * dx / fine
    factor = max(1, ceil(_LEAST / max(height, width)))
    most = 4096 / max(height * factor, width * factor)
    factor *= min(1.0, most)
    return max(1, round(height * factor)), max(1, round(width * factor))


def _scale_bar(draw, box, zoom, step, em):
    left, top, width, height = box
    length = scale_bar_length(width / zoom * step)
    end = left + em + length / step * zoom
    foot = top + height - em
    bar = (left + em, foot - em / 3, end, foot)
    font = font_of(em)
    # White with a dark edge is legible on any image.
    draw.rectangle(bar, (255, 255, 255), outline=(0, 0, 0))
    draw.text(
        ((bar[0] + bar[2]) / 2, bar[1] - em / 4),
        plain(in_words(length), font),
        (255, 255, 255),
        font,
        anchor="mb",
        stroke_width=max(1, em // 10),
        stroke_fill=(0, 0, 0),
    )


def _colour_bar(sheet, draw, box, table, limits, theme, font):
    left, top, width, height = box
    ramp = np.linspace(len(table) - 1, 0, height).round().astype(int)
    bar = np.repeat(table[ramp][:, None], width, axis=1)
    sheet.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, top))
    draw.rectangle((left, top, left + width - 1, top + height - 1), outline=theme["ink"])
    low, high = limits
    for part, anchor in ((0.0, "lb"), (0.5, "lm"), (1.0, "lt")):
        at = (left + width + width // 3, top + height * (1 - part))
        value = low + part * (high - low)
        value = 0.0 if abs(value) < 1e-3 * (high - low) else value
        text = f"{value:.3g}".replace("-", "−")
        draw.text(at, plain(text, font), theme["ink"], font, anchor=anchor)


@cache
def font_of(size: int):
    """DejaVu Sans where Matplotlib is installed (as ASE wants it); else Pillow's own."""
    found = find_spec("matplotlib")
    if found is not None and found.origin:
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


def plain(text: str, font) -> str:
    """`text` in the letters that the font has."""
    if font.getname()[0].startswith("DejaVu"):
        return text
    for letter, instead in (("Å", "A"), ("µ", "u"), ("−", "-")):
        text = text.replace(letter, instead)
    return text.encode("latin-1", "replace").decode("latin-1")
