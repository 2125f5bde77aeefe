"""The page focuses by itself and shows why that is right, in a browser."""

import re

import pytest
from PIL import Image

pytest.importorskip("playwright.sync_api")


@pytest.fixture
def instrument(share_page):
    """The page of the atoms, exact: each test leaves it as it found it."""
    return share_page("dataset=atoms.npz")


def quality(instrument):
    """The flat share that the status line tells [%]; NaN while a hand moves."""
    text = instrument.page.locator(".status .quality").inner_text()
    return float(re.sub(r"\D", "", text) or "nan")


def test_one_click_focuses_and_proves_it_and_is_one_step(instrument):
    page = instrument.page
    instrument.until(lambda: "Not focused yet" in page.locator(".hint .words").inner_text())
    instrument.until(lambda: quality(instrument) < 20)
    page.get_by_role("button", name="Lock Astigmatism C12b").click()
    page.get_by_role("button", name="Focus for me").click()
    row = page.locator("details.fit-report tr", has_text="Defocus")
    instrument.until(row.is_visible)
    instrument.settled()
    value, error = map(float, row.locator("td").first.inner_text().split(" ± "))
    assert value == instrument.number()
    assert abs(value - 15.0) < 4 * error
    assert abs(instrument.number("C12a") - 4.0) < 1.5
    assert instrument.number("C12b") == 0  # locked
    instrument.exact()
    instrument.until(lambda: quality(instrument) > 35)
    after = instrument.picture("tiles")["values"]
    instrument.settled()
    assert page.locator(".hint .words").inner_text() == ""

    page.get_by_role("radio", name="Before").click()
    instrument.until(lambda: instrument.picture("tiles")["values"] != after)
    page.get_by_role("radio", name="After fit").click()
    instrument.until(lambda: instrument.picture("tiles")["values"] == after)

    page.locator(".tools [data-does=undo]").click()
    instrument.until(lambda: instrument.number() == 0 and instrument.number("C12a") == 0)
    instrument.until(lambda: quality(instrument) < 20)
    page.get_by_role("button", name="Lock Astigmatism C12b").click()


def test_a_series_through_the_focus_is_picked_from_and_saved(instrument, tmp_path):
    page, left = instrument.page, instrument.page.locator("select[data-name=slot_left]")
    first = left.input_value()
    left.select_option("focus_curve")
    instrument.enter("defocus", "12")
    instrument.exact()
    page.get_by_role("button", name="Through focus…").click()
    cards = page.locator("section.sheet .card")
    instrument.until(lambda: cards.count() == 21)
    instrument.until(lambda: page.locator(".card[aria-current] h3").inner_text() == "12.0 nm")
    page.locator(".card[data-key='12'] .frame").click()
    instrument.until(lambda: instrument.number() == 16)
    instrument.until(lambda: page.locator(".card[aria-current] h3").inner_text() == "16.0 nm")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as movie").click()
    download.value.save_as(tmp_path / "movie.gif")
    with Image.open(tmp_path / "movie.gif") as film:
        assert film.n_frames == 40
    page.keyboard.press("Escape")
    instrument.until(lambda: not page.locator("section.sheet").is_visible())
    # The curve over the defocus lies in the left slot: a click in its middle sets one.
    instrument.until(lambda: instrument.words("slot.left .empty") == "")
    instrument.settled()
    box = instrument.box("left")
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + box["height"] / 2)
    instrument.until(lambda: instrument.number() not in (12, 16))
    left.select_option(first)
    instrument.enter("defocus", "0")


def test_an_orientation_is_chosen_from_the_sheet_with_one_click(instrument):
    page = instrument.page
    page.locator("#calibration > summary").click()
    page.get_by_role("button", name="Orientations…").click()
    cards = page.locator("section.sheet .card")
    instrument.until(lambda: cards.count() == 8)
    instrument.settled()
    titles = page.locator("section.sheet .card h3").all_inner_texts()
    assert titles[0].endswith("best")
    angle = float(titles[2].partition("°")[0].replace("−", "-"))
    page.locator(".card[data-key='2'] .frame").click()
    instrument.until(lambda: abs(instrument.number("rotation_deg") - angle) < 0.06)
    instrument.until(lambda: page.locator(".card[aria-current]").get_attribute("data-key") == "2")
    instrument.exact()
    page.keyboard.press("Escape")
    page.locator(".tools [data-does=undo]").click()
    page.locator("#calibration > summary").click()
