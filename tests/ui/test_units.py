"""A slider's unit goes with its reach, and what is typed is typed in it."""

import pytest

pytest.importorskip("playwright.sync_api")


def test_a_small_aperture_has_its_defocus_in_micrometres(open_page):
    instrument = open_page("dataset=lattice.npz&angle=1")
    unit = instrument.page.locator("[data-row=defocus] .unit")
    instrument.until(lambda: unit.inner_text() == "µm")
    instrument.enter("defocus", "12.5")
    instrument.until(lambda: "defocus=12500" in instrument.page.url)
    assert instrument.typed("defocus").input_value() == "12.5"
    instrument.slider().focus()
    instrument.page.keyboard.press("ArrowRight")
    moved = instrument.number()
    assert 12.5 < moved < 14
    instrument.until(lambda: f"defocus={1000 * moved:g}" in instrument.page.url)
    # Of 25 mrad it is nanometres, and the value is what it was.
    instrument.page.locator("#calibration > summary").click()
    instrument.enter("semiangle_mrad", "25")
    instrument.until(lambda: unit.inner_text() == "nm")
    assert instrument.number() == pytest.approx(1000 * moved)
