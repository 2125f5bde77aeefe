"""Dose, noise and the ring correlation, as a hand finds them in a browser."""

import re

import pytest

pytest.importorskip("playwright.sync_api")


@pytest.fixture
def instrument(share_page):
    """The lattice in focus with its ring correlation: each test leaves it as it found it."""
    return share_page("dataset=lattice.npz&defocus=40&left=frc")


def said(instrument, number):
    """Words of the card: 0 on the electrons, 1 on the weights."""
    return instrument.page.locator("#dose .below .words").nth(number).inner_text()


def test_a_dose_that_goes_down_and_up_again_gives_back_the_picture(instrument):
    before = instrument.exact()
    page = instrument.page
    page.locator("#dose > summary").click()
    assert said(instrument, 0) == "3\u202f000 e/Å² · 4.97 M electrons"
    instrument.slider("dose_percent").focus()
    for _ in range(2):
        page.keyboard.press("Shift+ArrowLeft")
    assert instrument.number("dose_percent") == 10
    instrument.until(lambda: said(instrument, 0).startswith("300 e/Å²"))
    instrument.until(lambda: "(10 % of the dose)" in instrument.words("facts"))
    fewer = instrument.exact()
    assert fewer["values"] != before["values"]
    page.keyboard.press("Shift+ArrowRight")
    assert instrument.number("dose_percent") == pytest.approx(31.6)
    page.keyboard.press("Shift+ArrowRight")
    instrument.until(lambda: "of the dose" not in instrument.words("facts"))
    instrument.until(lambda: instrument.exact()["values"] == before["values"])
    text = instrument.until(lambda: instrument.words("slot.left .mode"))
    assert re.fullmatch(r"resolution [\d.]+ (Å|nm) \((1/7|half bit|band limit)\)", text)
    page.locator("#dose > summary").click()


def test_weighting_stands_beside_the_picture(instrument):
    plain = instrument.exact()
    instrument.page.locator("#dose > summary").click()
    instrument.page.locator("input[data-name=wiener]").click()
    instrument.until(lambda: instrument.words("slot.main .mode") == "Wiener · exact")
    assert instrument.picture()["values"] != plain["values"]
    instrument.until(lambda: "rad² Å²" in said(instrument, 1))
    instrument.page.locator("input[data-name=wiener]").click()
    instrument.page.locator("#dose > summary").click()
