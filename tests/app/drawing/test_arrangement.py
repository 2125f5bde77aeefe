"""Tiles fill their place, whatever its shape, and no words lie on them."""

from itertools import combinations
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drawing.arrangement import APART_PX, arrange

LINE, WORDS = 14.0, 108.0


def boxes(made, tile):
    """(x0, y0, x1, y1) on the screen of each tile, and of the words below it."""
    lines = (1 if made.one_line else 2) * LINE
    found = []
    for y, x in made.corners:
        x0, y0, x1, y1 = x, y, x + tile[1], y + tile[0]
        x0, y0, x1, y1 = (value * made.scale for value in (x0, y0, x1, y1))
        found.append(((x0, y0, x1, y1), (x0, y1, x1, y1 + lines)))
    return found


places = st.tuples(st.floats(160, 1200), st.floats(160, 1800))
tiles = st.tuples(st.integers(8, 64), st.integers(8, 64))


@given(st.integers(1, 25), tiles, places)
def test_nothing_lies_on_anything_else_and_all_of_it_is_inside(count, tile, place):
    made = arrange(count, tile, place, LINE, WORDS)
    assert len(made.corners) == count
    parts = [box for pair in boxes(made, tile) for box in pair]
    fits = min(place[0] / made.rows - 2 * LINE, place[1] / made.columns) > 2 * APART_PX
    if not fits:
        return
    for x0, y0, x1, y1 in parts:
        assert x0 >= -1e-6
        assert y0 >= -1e-6
        assert x1 <= place[1] + 1e-6
        assert y1 <= place[0] + 1e-6
    for one, other in combinations(parts, 2):
        beside = one[2] <= other[0] + 1e-6 or other[2] <= one[0] + 1e-6
        above = one[3] <= other[1] + 1e-6 or other[3] <= one[1] + 1e-6
        assert beside or above


@given(st.integers(1, 25), tiles, places)
def test_no_other_number_of_columns_that_holds_the_words_gives_larger_tiles(count, tile, place):
    made = arrange(count, tile, place, LINE, WORDS)
    for columns in range(1, count + 1):
        rows = ceil(count / columns)
        cell_y, cell_x = place[0] / rows, place[1] / columns
        if cell_x - APART_PX < WORDS / 2:
            continue  # too narrow for the words
        words = LINE if cell_x - APART_PX >= WORDS else 2 * LINE
        scale = min((cell_x - APART_PX) / tile[1], (cell_y - words - APART_PX) / tile[0])
        assert scale <= made.scale * (1 + 1e-9)


@given(st.integers(1, 25), tiles, places)
def test_the_cells_fill_the_place(count, tile, place):
    made = arrange(count, tile, place, LINE, WORDS)
    assert made.size[0] * made.scale == pytest.approx(place[0])
    assert made.size[1] * made.scale == pytest.approx(place[1])
    assert (made.rows - 1) * made.columns < count <= made.rows * made.columns
    # What is free on the left of the first is free on the right of the last in its row.
    left = made.corners[0][1]
    last = made.corners[min(count, made.columns) - 1][1] + tile[1]
    assert made.size[1] - last == pytest.approx(left, abs=1e-6)


@pytest.mark.parametrize(
    ("place", "rows", "columns", "one_line"),
    [
        ((400, 400), 3, 3, True),  # 133 px a cell: one line of 108 px fits
        ((140, 840), 1, 9, False),  # 87 px each; two rows would make them 36
        ((149, 389), 2, 5, False),  # tiles of 40 px in a row of nine, but words wider than those
        ((840, 140), 9, 1, True),  # tiles of 73 px; two columns would make them 64
        ((300, 390), 3, 3, True),
        ((500, 1000), 2, 5, True),
    ],
)
def test_nine_square_tiles_by_hand(place, rows, columns, one_line):
    made = arrange(9, (40, 40), place, LINE, WORDS)
    assert (made.rows, made.columns, made.one_line) == (rows, columns, one_line)
