"""The health report as a picture: where the faults are, on the detector and over the scan."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw

from app.drawing.picture import DARK, LIGHT, colours, font_of, levels, plain
from recon.quality.health import HealthReport

PANEL = 480
"""Side of a panel [px]."""
EM, GAP = 16, 24
HOT, DEAD, MARK = (226, 60, 60), (60, 130, 246), (240, 160, 40)
ARROWS = 10
"""Arrows along the scan's longer side."""
FEWEST = 3
"""Least size of a pixel's mark [px]: one of a large detector is seen as well."""


def health_picture(report: HealthReport, *, dark: bool = False) -> np.ndarray:
    """Four panels: the detector, what each frame holds, its course down the scan, the descan.

    Parameters
    ----------
    report : HealthReport
    dark : bool
        Whether the paper is dark.

    Returns
    -------
    (H, W, 4) uint8 array
        RGBA, opaque.
    """
    theme, font = DARK if dark else LIGHT, font_of(EM)
    cell = PANEL + GAP, PANEL + GAP + 2 * EM
    sheet = Image.new("RGB", (2 * cell[0] + GAP, 2 * cell[1] + GAP), theme["paper"])
    draw = ImageDraw.Draw(sheet)
    current = report["beam current"].values
    panels = (
        (
            f"PACBED: {int(report.hot.sum())} hot (red), {int(report.dead.sum())} dead (blue)",
            _detector(report),
        ),
        ("What each frame holds", _frames(report)),
        (
            "Mean of each row: {:+.1f} ± {:.1f} % over the scan".format(
                current["drift over the scan"][0], current["error"][0]
            ),
            _course(report, theme),
        ),
        (*_descan(report, theme),),
    )
    for number, (title, picture) in enumerate(panels):
        left, top = GAP + number % 2 * cell[0], GAP + number // 2 * cell[1]
        draw.text((left, top), plain(title, font), theme["ink"], font)
        sheet.paste(picture, (left, top + 2 * EM))
    return np.asarray(sheet.convert("RGBA"))


def png(report: HealthReport, *, dark: bool = False) -> bytes:
    """The picture as a PNG file."""
    out = BytesIO()
    Image.fromarray(health_picture(report, dark=dark)).save(out, "PNG")
    return out.getvalue()


def _enlarged(values, low, high):
    """An image of values on a panel, and how many of its pixels are one of the values."""
    table = colours(None)
    grey = Image.fromarray(table[levels(values, low, high, len(table))])
    zoom = PANEL / max(values.shape)
    size = tuple(max(1, round(n * zoom)) for n in values.shape[::-1])
    way = Image.Resampling.NEAREST if zoom >= 1 else Image.Resampling.BOX
    return grey.resize(size, way), zoom


def _limits(values):
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    return tuple(float(v) for v in np.percentile(finite, (0.5, 99.5)))


def _mark(picture, mask, zoom, **how):
    """A square over each pixel of a mask, never too small to be seen."""
    draw, half = ImageDraw.Draw(picture), max(zoom, FEWEST) / 2
    for y, x in (np.argwhere(mask) + 0.5) * zoom:
        draw.rectangle((x - half, y - half, x + half, y + half), **how)


def _detector(report):
    # The dark field is a thousandth of the disc: a logarithm shows both.
    sound = report.pattern[~report.hot & np.isfinite(report.pattern)]
    least, most = (float(sound.min()), float(sound.max())) if sound.size else (0.0, 1.0)
    share = (np.nan_to_num(report.pattern, nan=least) - least) / max(most - least, 1e-30)
    picture, zoom = _enlarged(np.log1p(1e3 * np.clip(share, 0, 1)), 0.0, float(np.log1p(1e3)))
    _mark(picture, report.dead, zoom, fill=DEAD)
    _mark(picture, report.hot, zoom, fill=HOT)
    return picture


def _frames(report):
    values = np.asarray(report.totals, float)
    picture, zoom = _enlarged(values, *_limits(values))
    found = report["frames"].picture
    _mark(picture, found > 0, zoom, outline=HOT)
    _mark(picture, found < 0, zoom, outline=DEAD)
    return picture


def _course(report, theme):
    """Mean of each row against the mean of all, from −50 % to +50 % or further if need be."""
    picture = Image.new("RGB", (PANEL, PANEL), theme["paper"])
    draw, font = ImageDraw.Draw(picture), font_of(EM)
    rows = np.asarray(report["beam current"].picture, float)
    mean = rows.mean() if rows.size and rows.mean() else 1.0
    course = 100 * (rows / mean - 1)
    most = next((n for n in (5, 10, 20, 50) if n > abs(course).max()), 1.1 * abs(course).max())
    height = PANEL - 1

    def place(value):
        return height / 2 - value / most * height / 2

    for value in (-most, 0, most):
        y = min(max(place(value), 0), height)
        draw.line((0, y, height, y), theme["ink"])
        text, below = f"{value:+.3g} %" if value else "0", value == most
        at = (4, y + 3 if below else y - 3)
        draw.text(at, plain(text, font), theme["ink"], font, anchor="lt" if below else "lb")
    across = np.linspace(0, height, rows.size) if rows.size > 1 else np.array([height / 2])
    line = [(float(x), float(place(value))) for x, value in zip(across, course, strict=True)]
    if len(line) > 1:
        draw.line(line, MARK, 2)
    return picture


def _descan(report, theme):
    """A title, and an arrow for each part of the scan: where the disc is, from its mean."""
    picture = Image.new("RGB", (PANEL, PANEL), theme["paper"])
    draw = ImageDraw.Draw(picture)
    field = report["descan"].picture
    step = max(1, -(-max(field.shape[1:]) // ARROWS))
    rows, columns = (max(1, n // step) for n in field.shape[1:])
    parts = field[:, : rows * step, : columns * step]
    tall, wide = (min(step, n) for n in field.shape[1:])
    parts = parts.reshape(2, rows, tall, columns, wide).mean((2, 4))
    longest = float(np.hypot(*parts).max())
    side = PANEL / max(rows, columns)
    scale = 0.8 * side / longest if longest else 0.0
    for y in range(rows):
        for x in range(columns):
            middle = np.array([(x + 0.5) * side, (y + 0.5) * side])
            _arrow(draw, middle, scale * parts[::-1, y, x])
    draw.rectangle((0, 0, columns * side - 1, rows * side - 1), outline=theme["ink"])
    return f"Centre of mass: the longest arrow is {longest:.2g} px", picture


def _arrow(draw, middle, along):
    """An arrow about `middle` (x, y) [px], as long as `along`."""
    tail, head = middle - along / 2, middle + along / 2
    draw.line((*tail, *head), MARK, 2)
    across = np.array([-along[1], along[0]])
    barbs = [head - 0.3 * along + sign * 0.18 * across for sign in (1, -1)]
    draw.polygon([tuple(head), *map(tuple, barbs)], fill=MARK)
