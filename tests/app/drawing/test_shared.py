"""What is computed once for all pages that show one array."""

import gc
from weakref import ref

import numpy as np

from app.drawing import display
from app.drawing.shared import once_for_all


def counted():
    calls = []

    @once_for_all
    def total(array, factor=1, more=()):
        """Of all values."""
        calls.append(factor)
        return factor * float(array.sum())

    return total, calls


def test_the_same_array_is_asked_once():
    total, calls = counted()
    array = np.ones(3)
    assert [total(array, 2, [(0, 1)]) for _ in range(12)] == [6.0] * 12
    assert calls == [2]
    assert total.__doc__ == "Of all values."


def test_another_array_or_other_arguments_are_something_else():
    total, calls = counted()
    array = np.ones(3)
    assert total(array, 2) == 6.0
    assert total(array, 3) == 9.0
    assert total(array, 3, [(1, 1)]) == 9.0
    assert total(np.ones(3), 3, [(1, 1)]) == 9.0  # equal, but not the same
    assert total(2 * array, 3) == 18.0
    assert len(calls) == 5


def test_it_keeps_no_array():
    total, calls = counted()
    array = np.ones(3)
    gone = ref(array)
    total(array)
    del array
    gc.collect()
    assert gone() is None
    assert total(np.full(3, 2.0)) == 6.0  # which may lie where the other did
    assert len(calls) == 2


def test_pages_of_one_room_share_what_takes_long(monkeypatch):
    asked, plain = [], np.percentile
    monkeypatch.setattr(np, "percentile", lambda *how: asked.append(how) or plain(*how))
    image = np.arange(64.0, dtype=np.float32).reshape(8, 8)
    tiles = np.ones((2, 3, 3), np.complex64) * np.array([1, 2], np.complex64)[:, None, None]
    corners = [(0, 0), (0, 4)]
    pages = [
        (display.Limits().of(image), display.mosaic(tiles, corners, (3, 7))) for _ in range(12)
    ]
    assert len(asked) == 1 + len(tiles)
    assert {limits for limits, _ in pages} == {pages[0][0]}
    np.testing.assert_allclose(np.abs(pages[-1][1][:, [0, 4]]), 1)
