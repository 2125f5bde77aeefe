"""Frames of the place under the pointer, in a browser."""

import re

import pytest

from recon.io import open_events

pytest.importorskip("playwright.sync_api")


def test_pointer_and_clicks_show_the_frames_of_a_place(open_page, scans):
    counts = open_events(scans / "lattice.npz").counts
    instrument = open_page("dataset=lattice.npz&right=frames")
    instrument.exact()
    page, box = instrument.page, instrument.box("main")
    assert "shift key" in instrument.words("right .empty")

    def told(pattern):
        return re.fullmatch(pattern, instrument.words("right .mode").replace(",", ""))

    def point(across, down):
        place = box["x"] + across * box["width"], box["y"] + down * box["height"]
        page.mouse.move(place[0] - 2, place[1])
        page.mouse.move(*place)
        instrument.settled()
        number, row, column = map(int, instrument.until(frame).groups())
        assert number == counts[row, column]
        return place, row, column

    def frame():
        return told(r"(\d+) electrons? at \((\d+) (\d+)\)")

    one, top, left = point(0.4, 0.35)
    other, bottom, right = point(0.5, 0.6)
    assert (top < bottom, left < right) == (True, True)

    page.mouse.click(*one)
    page.wait_for_timeout(600)  # or it would be a double click
    page.keyboard.down("Shift")
    page.mouse.click(*other)
    page.keyboard.up("Shift")
    height, width = bottom + 1 - top, right + 1 - left
    expected = counts[top : bottom + 1, left : right + 1].sum()
    instrument.until(lambda: told(rf"{expected} electrons of {height} × {width}"))
    kept = instrument.picture("slot_right pattern")["values"]

    # Another frame while the pointer passes by, and the rectangle again when it has gone.
    point(0.45, 0.3)
    assert instrument.picture("slot_right pattern")["values"] != kept
    page.mouse.move(box["x"] + 5, box["y"] - 5)
    instrument.until(lambda: told(rf"{expected} electrons of {height} × {width}"))
    instrument.until(lambda: instrument.picture("slot_right pattern")["values"] == kept)
