"""Pointer and clicks in the images ask for frames, where a slot shows them."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.pipeline.pointed import FRAMES, FramePattern, Place, Pointed
from app.pipeline.results import VirtualImages
from tests.support.pages import (
    SHAPE,
    STEP,
    image,  # noqa: F401 - a fixture
    instrument,  # noqa: F401 - a fixture
    publish_all,
)


@pytest.fixture
def page(instrument, image, monkeypatch):
    publish_all(instrument, image)
    monkeypatch.setattr(Pointed, "scan_shape", SHAPE)
    instrument.pointed_at = []
    instrument.pipeline.pointed.show = lambda place, passing=False: instrument.pointed_at.append(
        (place, passing)
    )
    instrument.experiment.display.slot_right = FRAMES
    return instrument


def at(row, column):
    """The middle of a position, in the image's nm."""
    return {"x": [(column + 0.5) * STEP[1] / 10], "y": [(row + 0.5) * STEP[0] / 10]}


def point(page, place):
    page.slots["slot_main"].view.pointer.data = place


def click(page, place, **keys):
    event = SimpleNamespace(x=place["x"][0], y=place["y"][0], modifiers=keys)
    page.slots["slot_main"].view._tapped(event)


def outlined(page):
    return [slot.view.outlined.data for slot in page.slots.values() if slot.entry.kind == "image"]


AWAY = {"x": [float("nan")], "y": [float("nan")]}


def test_the_frame_under_the_pointer_is_asked_for_once(page):
    point(page, at(3, 5))
    point(page, {name: [value[0] + 0.01] for name, value in at(3, 5).items()})
    point(page, at(11, 15))
    assert page.pointed_at == [(Place.of(3, 5), True), (Place.of(11, 15), True)]


def test_a_click_keeps_a_place_and_the_shift_key_makes_it_a_rectangle(page):
    click(page, at(3, 5))
    assert page.pointed_at == [(Place.of(3, 5), False)]
    click(page, at(1, 9), shift=True)
    kept = Place((1, 4), (5, 10))
    assert page.pointed_at[-1] == (kept, False)
    # The pointer rests where it has clicked.
    point(page, at(1, 9))
    assert page.pointed_at[-1] == (kept, False)
    for (path,) in outlined(page):
        x, y = np.transpose(path)
        assert (x.min(), x.max(), y.min(), y.max()) == pytest.approx((1.0, 2.0, 0.2, 0.8))
    point(page, at(0, 0))
    point(page, AWAY)
    assert page.pointed_at[-2:] == [(Place.of(0, 0), True), (kept, False)]


def test_a_click_beside_the_image_lets_it_go(page):
    click(page, at(3, 5))
    click(page, {"x": [-1.0], "y": [0.0]})
    assert all(data == [] for data in outlined(page))
    asked = len(page.pointed_at)
    point(page, AWAY)
    assert len(page.pointed_at) == asked


def test_what_is_kept_is_read_anew_of_another_scan_and_let_go_where_it_has_none(
    page, image, monkeypatch
):
    click(page, at(11, 15))
    again = VirtualImages({"bf": image}, STEP)
    page.pipeline.deriving.virtual = again
    assert page.pointed_at[1:] == [(Place.of(11, 15), False)]
    monkeypatch.setattr(Pointed, "scan_shape", (6, 8))
    page.pipeline.deriving.virtual = VirtualImages({"bf": image}, STEP)
    assert len(page.pointed_at) == 2
    assert all(data == [] for data in outlined(page))


def test_without_a_slot_for_them_no_frame_is_read(page):
    page.experiment.display.slot_right = "pacbed"
    point(page, at(3, 5))
    click(page, at(3, 5))
    assert page.pointed_at == []


def test_a_pattern_is_drawn_with_its_disc_and_says_what_it_is(page):
    slot = page.slots["slot_right"]
    assert "shift key" in slot.empty.text
    counts = np.zeros((20, 20), int)
    counts[4, 7] = 4
    found = FramePattern(counts, Place.of(3, 5), True, (9.5, 9.5), 5.0, None)
    page.pipeline.pointed.frames = found
    assert slot.mode.text == "4 electrons at (3, 5)"
    assert slot.empty.text == ""
    (path,) = slot.view.disc.data
    np.testing.assert_allclose(np.hypot(*np.transpose(path)), 5.0)
    # Whatever the frame's size, an electron is seen; white is the brightest pixel.
    assert (slot.view.scale.low, slot.view.scale.high) == (0, 2)
    assert np.asarray(slot.view.source.data["image"][0]).max() == 255
    assert slot.view.read(7 - 9.5, 4 - 9.5).endswith("4 e⁻")
