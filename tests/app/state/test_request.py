"""What is asked for, as the stages take it."""

from app.state.request import TileChoice


def test_tiles_are_of_frequencies_that_the_scan_has_and_not_of_dc():
    picked = ((0, 0), (4, -8), (5, 0), (0, 9), (-4, 8), (1, 1))
    assert TileChoice(9, picked).within((8, 16)) == [(4, -8), (-4, 8), (1, 1)]
    assert TileChoice(2, picked).within((8, 16)) == [(4, -8)]
    assert TileChoice().within((8, 16)) == []
