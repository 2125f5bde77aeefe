"""The controls, notices and uploads of the page, without a browser."""

import pytest

from app.state.aberrations import AberrationState
from app.state.display import DisplayState
from app.views.controls import Controls, spec
from app.views.polar import PolarControls
from app.views.shell import Notices


def test_a_parameter_describes_its_control():
    made = spec(AberrationState(), "defocus")
    assert made["label"], made["unit"] == ("Defocus", "nm")
    assert made["kind"] == "number"
    assert made["start"] < 0 < made["end"]
    assert made["low"] <= made["start"]
    assert made["reset"] == 0


def test_controls_and_state_stay_equal():
    state = AberrationState()
    controls = Controls.of(state, ["defocus", "C12a"])
    controls.values = controls.values | {"defocus": 7.0}
    assert state.defocus == 7.0
    state.C12a = 3.0
    assert controls.values == {"defocus": 7.0, "C12a": 3.0}
    controls.close()
    state.defocus = 1.0
    assert controls.values["defocus"] == 7.0


def test_what_the_state_refuses_is_put_back():
    state = DisplayState()
    controls = Controls.of(state, ["tile_count"])
    controls.values = {"tile_count": 400}
    assert state.tile_count == 9
    assert controls.values["tile_count"] == 9


def test_a_moving_slider_is_heard_at_once():
    """Panel waits 50 ms by default; the attribute that says so is private, so it is pinned."""
    from panel.reactive import Syncable

    assert Syncable._debounce == 50
    assert Controls()._debounce == 0


def test_buttons_press():
    pressed = []
    controls = Controls([{"name": "zero", "kind": "button", "label": "Zero"}])
    controls.on_press("zero", lambda: pressed.append(1))
    controls._handle_msg({"press": "zero"})
    controls._handle_msg({"press": "other"})
    controls._handle_msg("nonsense")
    assert pressed == [1]


def test_size_and_angle_are_the_same_aberration():
    state = AberrationState()
    controls = PolarControls.of_order(state, 1)
    controls.values = controls.values | {"C12": 10.0}
    assert (state.C12a, state.C12b) == pytest.approx((10, 0))
    controls.values = controls.values | {"phi12": 45.0}
    assert (state.C12a, state.C12b) == pytest.approx((0, 10), abs=1e-4)
    state.param.update(C12a=3.0, C12b=4.0)
    assert controls.values["C12"] == pytest.approx(5)


# ---- slots ----


def test_notices_are_told_once_and_can_be_dismissed():
    notices = Notices()
    for sentence in ("one", "two", "one"):
        notices.add(sentence)
    assert [item[2] for item in notices.items] == ["two", "one"]
    notices.dismiss(notices.items[0][0])
    assert [item[2] for item in notices.items] == ["one"]
    for n in range(9):
        notices.add(f"more {n}", "notice")
    assert len(notices.items) == Notices.MOST
    notices.clear("notice")
    assert notices.items == []
