"""Small pictures to stand beside words: maps with what is marked in them, curves, arrows.

Each function gives the address of a square SVG: lines and letters stay sharp however large the
picture is shown, and what is marked is seen even where a pixel of the map is not.
"""

from html import escape

import numpy as np

from app.drawing.aggregate import aggregate, within
from app.drawing.png import picture
from app.drawing.wheel import data_url

SIZE = 264.0
"""Of a picture; what is drawn lies in it."""

FOOT = 26.0
"""Height of the line of words below a map."""

MOST_RINGS = 80
MOST_PIXELS = 512
BACK, INK, LINE, BRIGHT = "#0d1116", "#aab4c0", "#3a4552", "#4cc2ff"
MARKS = ("#ff6b6b", "#ffb000")
"""Colours of what is marked: the first kind and the second."""


def marked_map(image, marked=(), caption: str = "") -> str:
    """A map in grey, with each kind of marked pixel in a colour and ringed.

    Parameters
    ----------
    image : (H, W) real array
    marked : sequence of (H, W) bool arrays
        One for each kind, two at most.
    caption : str
    """
    image = np.asarray(image, np.float32)
    height, width = image.shape
    grey = aggregate(image, within(image.shape, MOST_PIXELS))
    usual = image[~np.logical_or.reduce([np.zeros(image.shape, bool), *marked])]
    low, high = np.nanpercentile(usual if usual.size else image, (0.5, 99.5))
    # Not to full white, so that colours stand out.
    level = 0.8 * np.clip((grey - low) / max(high - low, 1e-12), 0, 1)
    colours = np.repeat((255 * np.nan_to_num(level)).astype(np.uint8)[..., None], 3, axis=-1)
    left, top, scale = _placed(width, height, FOOT if caption else 0)
    rings = []
    for mask, colour in zip(marked, MARKS, strict=False):
        rows, columns = np.nonzero(mask)
        colours[rows * grey.shape[0] // height, columns * grey.shape[1] // width] = _rgb(colour)
        if 0 < rows.size <= MOST_RINGS:
            radius = max(7.0, 1.5 * scale)
            rings += [
                f'<circle cx="{left + (x + 0.5) * scale:.1f}" cy="{top + (y + 0.5) * scale:.1f}" '
                f'r="{radius:.1f}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
                for y, x in zip(rows, columns, strict=True)
            ]
    drawn = (
        f'<image href="{picture(colours, most=MOST_PIXELS)}" x="{left:.1f}" y="{top:.1f}" '
        f'width="{scale * width:.1f}" height="{scale * height:.1f}" '
        'preserveAspectRatio="none" style="image-rendering:pixelated"/>'
    )
    return _svg([drawn, *rings, _caption(caption)])


def curve(values, across: str, fitted=None, unit: str = "") -> str:
    """A curve over the scan, and what was fitted to it.

    Parameters
    ----------
    values : (n,) array
    across : str
        What it runs over.
    fitted : (n,) array, optional
    unit : str
        Of the values.
    """
    values = np.asarray(values, float)
    both = values if fitted is None else np.concatenate([values, fitted])
    low, high = float(np.nanmin(both)), float(np.nanmax(both))
    margin = 0.08 * (high - low) or 0.5 * max(abs(high), 1.0)
    low, high = low - margin, high + margin
    left, right, top, bottom = 8.0, SIZE - 8, 36.0, SIZE - 40

    def line(points, style):
        x = np.linspace(left, right, len(points))
        y = bottom - (np.asarray(points, float) - low) / (high - low) * (bottom - top)
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        return f'<polyline points="{path}" fill="none" {style}/>'

    parts = [
        f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="{LINE}" stroke-width="2"/>',
        line(values, f'stroke="{BRIGHT}" stroke-width="2.5" stroke-linejoin="round"'),
    ]
    if fitted is not None:
        parts.append(line(fitted, f'stroke="{MARKS[1]}" stroke-width="3" stroke-dasharray="8 6"'))
    top_words = f"{_short(np.nanmin(values))} to {_short(np.nanmax(values))} {unit}".strip()
    return _svg([*parts, _words(top_words, 26.0), _caption(across)])


def arrows(shift, caption: str = "") -> str:
    """A field of displacements over the scan, drawn as large as there is room.

    Parameters
    ----------
    shift : (2, n, m) array
        (y, x) at places evenly over the scan.
    caption : str
    """
    shift = np.asarray(shift, float)
    rows, columns = shift.shape[1:]
    longest = float(np.hypot(*shift).max()) or 1.0
    side = SIZE - FOOT - 12
    cell = side / max(rows, columns)
    left, top = (SIZE - cell * columns) / 2, 6 + (side - cell * rows) / 2
    parts = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{cell * columns:.1f}" '
        f'height="{cell * rows:.1f}" fill="none" stroke="{LINE}" stroke-width="2"/>'
    ]
    for row in range(rows):
        for column in range(columns):
            y, x = top + (row + 0.5) * cell, left + (column + 0.5) * cell
            dy, dx = 0.85 * cell / longest * shift[:, row, column]
            parts.append(_arrow(x - dx / 2, y - dy / 2, x + dx / 2, y + dy / 2))
    return _svg([*parts, _caption(caption)])


def ring(ratio: float, angle_deg: float, caption: str = "", times: float = 1.0) -> str:
    """An ellipse upon the circle that it should be; its stretch is drawn `times` as large."""
    middle, radius = (SIZE - FOOT) / 2, 0.36 * SIZE
    stretch = ratio ** (times / 2)
    circle = (
        f'<circle cx="{SIZE / 2}" cy="{middle}" r="{radius:.1f}" fill="none" stroke="{INK}" '
        'stroke-width="2" stroke-dasharray="6 5"/>'
    )
    ellipse = (
        f'<ellipse cx="{SIZE / 2}" cy="{middle}" rx="{radius * stretch:.1f}" '
        f'ry="{radius / stretch:.1f}" transform="rotate({angle_deg:.2f} {SIZE / 2} {middle})" '
        f'fill="none" stroke="{BRIGHT}" stroke-width="3.5"/>'
    )
    return _svg([circle, ellipse, _caption(caption)])


def _arrow(x0, y0, x1, y1) -> str:
    length = float(np.hypot(x1 - x0, y1 - y0))
    if length < 2:
        return f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="1.8" fill="{BRIGHT}"/>'
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    head = min(9.0, 0.5 * length)
    wings = " ".join(
        f"M{x1:.1f} {y1:.1f}L{x1 - head * (ux + s * 0.5 * uy):.1f} "
        f"{y1 - head * (uy - s * 0.5 * ux):.1f}"
        for s in (-1, 1)
    )
    return (
        f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}{wings}" fill="none" '
        f'stroke="{BRIGHT}" stroke-width="2.4" stroke-linecap="round"/>'
    )


def _placed(width, height, foot):
    """Left, top and size of a pixel of a map in the picture."""
    scale = min(SIZE / width, (SIZE - foot) / height)
    return (SIZE - scale * width) / 2, (SIZE - foot - scale * height) / 2, scale


def _caption(text) -> str:
    return _words(text, SIZE - 8) if text else ""


def _words(text, y) -> str:
    return (
        f'<text x="{SIZE / 2}" y="{y:.1f}" text-anchor="middle" fill="{INK}" '
        f'font-family="Inter, system-ui, sans-serif" font-size="19">{escape(text)}</text>'
    )


def _short(value) -> str:
    return f"{value:.4g}"


def _rgb(colour) -> tuple[int, int, int]:
    return tuple(bytes.fromhex(colour[1:]))


def _svg(parts) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE:g} {SIZE:g}">'
    back = f'<rect width="{SIZE:g}" height="{SIZE:g}" fill="{BACK}"/>'
    return data_url("image/svg+xml", "".join([head, back, *parts, "</svg>"]).encode())
