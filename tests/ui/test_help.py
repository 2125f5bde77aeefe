"""The guide in the page, read in a browser."""

import pytest

pytest.importorskip("playwright.sync_api")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1366, 768)])
def test_help_is_read_and_put_away(share_page, width, height):
    instrument = share_page()
    page = instrument.page
    page.set_viewport_size({"width": width, "height": height})
    instrument.settled()
    page.get_by_role("button", name="Help", exact=True).click()
    guide = page.locator("section.guide")
    guide.get_by_role("link", name="Tiles: right, wrong, and what to do").click()
    title = guide.locator("header h1")
    instrument.until(lambda: title.inner_text() == "Tiles: right, wrong, and what to do")
    shown = guide.locator("img[alt='Tiles in focus']")
    shown.scroll_into_view_if_needed()
    instrument.until(lambda: shown.evaluate("image => image.complete && image.naturalWidth > 100"))
    box = guide.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    # Nothing of the text is cut off at its side.
    assert guide.locator("article").evaluate("text => text.scrollWidth <= text.clientWidth")
    guide.get_by_role("button", name="Back").click()
    instrument.until(lambda: title.inner_text() == "The livestem guide")
    page.keyboard.press("Escape")
    instrument.until(lambda: not guide.is_visible())
    page.set_viewport_size({"width": 1366, "height": 768})
    instrument.exact()
