"""How tiles with words below them fill a place of any shape."""

from dataclasses import dataclass
from math import ceil

APART_PX = 6.0
"""Least distance between tiles on the screen, and of their words from each other."""


@dataclass(frozen=True)
class Arrangement:
    """Rows of tiles, each in the middle of a cell with its words below; the cells fill the place.

    Attributes
    ----------
    columns, rows : int
    scale : float
        Size of a tile's pixel on the screen [px].
    one_line : bool
        Whether a cell is wide enough for all words in one line.
    size : (float, float)
        (height, width) of the place [pixels of a tile].
    corners : tuple of (float, float)
        (y, x) of each tile's top left corner [pixels of a tile].
    """

    columns: int
    rows: int
    scale: float
    one_line: bool
    size: tuple[float, float]
    corners: tuple[tuple[float, float], ...]


def arrange(count, tile, place, line_px: float, words_px: float) -> Arrangement:
    """Tiles as large as they can be.

    Parameters
    ----------
    count : int
        Tiles, one at least.
    tile : (int, int)
        (height, width) of each [pixels].
    place : (float, float)
        (height, width) on the screen [px].
    line_px, words_px : float
        Height of a line of words, and width of all that is said of a tile [px]; where a cell is
        narrower than that the words take two lines. It is no narrower than half of that, if any
        arrangement allows it.
    """
    (by, bx), (high, wide) = tile, place
    best = None
    for columns in range(1, count + 1):
        rows = ceil(count / columns)
        if (rows - 1) * columns >= count or ceil(count / rows) < columns:
            continue  # a column would stay empty
        cell_y, cell_x = high / rows, wide / columns
        one_line = cell_x - APART_PX >= words_px
        words = (1 if one_line else 2) * line_px
        scale = min((cell_x - APART_PX) / bx, (cell_y - words - APART_PX) / by)
        legible = cell_x - APART_PX >= words_px / 2
        if best is None or (legible, scale) > best[:2]:
            best = legible, scale, columns, rows, one_line, words
    _, scale, columns, rows, one_line, words = best
    scale = max(scale, 1.0 / max(by, bx))  # too little room for anything: it is seen when zoomed
    pitch_y, pitch_x = high / rows / scale, wide / columns / scale
    spare_y, spare_x = pitch_y - by - words / scale, pitch_x - bx
    corners = tuple(
        (n // columns * pitch_y + spare_y / 2, n % columns * pitch_x + spare_x / 2)
        for n in range(count)
    )
    return Arrangement(columns, rows, scale, one_line, (high / scale, wide / scale), corners)
