"""Undo, compare and presets, as a hand does it in a browser."""

import re

import pytest

pytest.importorskip("playwright.sync_api")


def dragged_in_one_step(instrument):
    """Drag defocus away from 0 with its slider, and give where it is then.

    Once more where the machine was so busy that the hand has rested on its way, as far as the
    server could see: that makes two steps.
    """
    undo = instrument.page.locator(".tools [data-does=undo]")

    def step():
        """Defocus before the last step and after it."""
        found = re.match(r"Undo: defocus (\S+) → (\S+) nm", undo.get_attribute("title"))
        return found and [float(each.replace("−", "-")) for each in found.groups()]

    box = instrument.slider().bounding_box()
    mouse, middle = instrument.page.mouse, box["y"] + box["height"] / 2
    while True:
        mouse.move(box["x"] + 0.5 * box["width"], middle)
        mouse.down()
        mouse.move(box["x"] + 0.8 * box["width"], middle, steps=12)
        mouse.up()
        there = instrument.number()
        instrument.until(lambda there=there: (step() or [0, 0])[1] == there)
        if step()[0] == 0:
            return there
        undone(instrument)


def undone(instrument):
    """Take back every step, until there is none."""
    undo = instrument.page.locator(".tools [data-does=undo]")
    while instrument.settled() or undo.is_enabled():
        undo.click()


def test_a_drag_is_undone_by_keys_and_redone_by_its_button(share_page):
    instrument = share_page()
    page = instrument.page
    undo, redo = (page.locator(f".tools [data-does={does}]") for does in ("undo", "redo"))
    assert undo.is_disabled()
    dragged = dragged_in_one_step(instrument)
    assert dragged > 10
    # What was entered is undone from the box; what is only being typed is not.
    instrument.enter("C12a", "7")
    instrument.until(lambda: "C12a 0 → 7 nm" in undo.get_attribute("title"))
    instrument.typed("C12a").press_sequentially("12")
    page.keyboard.press("Control+z")
    page.keyboard.press("Escape")
    instrument.settled()
    assert instrument.number("C12a") == 7
    instrument.typed("C12a").focus()
    page.keyboard.press("Control+z")
    instrument.until(lambda: instrument.number("C12a") == 0)
    page.keyboard.press("Control+z")
    instrument.until(lambda: instrument.number() == 0)
    instrument.until(undo.is_disabled)
    redo.click()
    instrument.until(lambda: instrument.number() == dragged)
    page.keyboard.press("Control+y")
    instrument.until(lambda: instrument.number("C12a") == 7)
    instrument.until(redo.is_disabled)
    instrument.exact()
    undone(instrument)


def test_two_states_side_by_side_zoom_together(share_page):
    instrument = share_page()
    page = instrument.page
    before = instrument.exact()
    page.locator(".tools [data-does=compare]").click()
    instrument.until(lambda: instrument.picture("held image"))
    instrument.enter("defocus", "40")
    after = instrument.exact()
    held = instrument.picture("held image")
    assert held["values"] == before["values"] != after["values"]
    differs = page.locator(".differs")
    instrument.until(lambda: differs.inner_text() == "B: defocus 0 → 40 nm")
    a, b = instrument.box("held"), instrument.box("main")
    assert (a["width"], a["height"], a["y"]) == pytest.approx(
        (b["width"], b["height"], b["y"]), 0.01
    )
    page.mouse.move(b["x"] + b["width"] / 3, b["y"] + b["height"] / 2)
    for _ in range(6):
        page.mouse.wheel(0, -120)

    def same_part():
        live, held = instrument.picture(), instrument.picture("held image")
        zoomed = live["end"] - live["start"] < 2.5
        return zoomed and [held[e] for e in ("start", "end", "top", "bottom")] == pytest.approx(
            [live[e] for e in ("start", "end", "top", "bottom")], abs=0.01
        )

    instrument.until(same_part)
    page.locator(".held-head [data-does=swap]").click()
    instrument.until(lambda: instrument.number() == 0)
    page.locator(".held-head [data-does=drop]").click()
    instrument.until(lambda: not page.locator("section.held").is_visible())
    instrument.exact()
    b = instrument.box("main")
    page.mouse.dblclick(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2)
    undone(instrument)


def test_a_preset_is_there_after_a_reload_and_is_asked_for_before_it_is_lost(open_page):
    instrument = open_page()
    page = instrument.page
    instrument.exact()
    instrument.enter("defocus", "33")
    menu, name = page.locator(".presets summary"), page.locator(".presets input")
    save, said = page.locator(".presets .save"), page.locator(".presets .said")
    menu.click()
    name.fill("in focus")
    name.press("Control+z")  # of the typing, which is nobody else's
    assert instrument.number() == 33
    name.fill("in focus")
    save.click()
    instrument.until(lambda: said.inner_text() == "“in focus” is saved.")
    instrument.enter("defocus", "5")
    instrument.until(lambda: "defocus=5" in page.url)
    page.reload()
    instrument.exact()
    assert instrument.number() == 5
    menu.click()
    page.locator(".presets .load", has_text="in focus").click()
    instrument.until(lambda: instrument.number() == 33)
    undo = page.locator(".tools [data-does=undo]")
    instrument.until(lambda: "preset “in focus”" in undo.get_attribute("title"))
    menu.click()
    name.fill("in focus")
    save.click()
    instrument.until(lambda: save.inner_text() == "Overwrite")
    page.locator(".presets [data-kind=settings]").click()
    save.click()
    instrument.until(lambda: page.locator(".presets .load b").inner_text() == "All but the scan")
    page.locator(".presets .gone").click()
    page.locator(".presets li .armed").click()
    instrument.until(lambda: page.locator(".presets li.none").is_visible())
