"""The page on a telephone and on a tablet, with fingers."""

import numpy as np
import pytest

from tests.ui.touch import Fingers

pytest.importorskip("playwright.sync_api")

UPRIGHT, SIDEWAYS, TABLET = (390, 844), (844, 390), (768, 1024)
TO_THE_TOP = "() => { document.querySelector('.bench').scrollTop = 0 }"


@pytest.fixture
def held(share_page):
    """`held(width, height)` gives the page on a screen of that size, which is touched."""
    first = {"width": UPRIGHT[0], "height": UPRIGHT[1]}
    instrument = share_page(viewport=first, has_touch=True, is_mobile=True)

    def make(*size):
        for _ in sizes(instrument, size):
            instrument.until(lambda: instrument.picture("tiles"))
        return instrument

    yield make
    instrument.page.set_viewport_size(first)


def middle(box):
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def apart(one, other):
    """Whether two boxes have nothing in common."""
    beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
    above = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
    return beside or above


@pytest.mark.parametrize(("width", "height"), [UPRIGHT, SIDEWAYS, TABLET])
def test_image_tiles_and_defocus_are_seen_at_once_and_the_panels_lie_folded_below(
    held, width, height
):
    instrument = held(width, height)
    page = instrument.page
    main, tiles, slider = instrument.box("main"), instrument.box("tiles"), instrument.slider()
    knob = slider.bounding_box()
    for box in (main, tiles, knob):
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    assert apart(main, tiles)
    assert apart(main, knob)
    assert knob["y"] > tiles["y"] + tiles["height"]
    assert knob["height"] >= 40  # a finger's
    wide = "() => document.documentElement.scrollWidth"
    assert page.evaluate(wide) == width
    cards = page.locator(".panel > .card")
    assert cards.evaluate_all("cards => cards.every((card) => !card.open)")
    first = cards.first.bounding_box()
    assert first["y"] >= tiles["y"] + tiles["height"]
    # One after the other: all else can be scrolled to.
    for section in ("spectrum", "left", "right"):
        page.locator(f"section.{section}").scroll_into_view_if_needed()
        box = instrument.box(section)
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 180
    page.evaluate(TO_THE_TOP)


@pytest.mark.parametrize(("width", "height"), [UPRIGHT, SIDEWAYS, TABLET])
def test_a_finger_drags_defocus_and_the_image_follows(held, width, height):
    instrument = held(width, height)
    before = instrument.exact()
    box = instrument.slider().bounding_box()
    x, y = middle(box)
    seen = instrument.modes()
    Fingers(instrument.page).drag(((x, y), (box["x"] + 0.9 * box["width"], y)))
    after = instrument.exact()
    assert "draft" in seen()
    assert instrument.number() > 20
    assert np.mean(np.abs(np.subtract(after["values"], before["values"]))) > 5
    instrument.enter("defocus", "0")


def test_two_fingers_zoom_the_image_one_moves_it_then_and_scrolls_the_page_before(held):
    instrument = held(*UPRIGHT)
    page, fingers = instrument.page, Fingers(instrument.page)
    scrolled = "() => document.querySelector('.bench').scrollTop"
    instrument.settled()
    x, y = middle(instrument.box("main"))

    whole = instrument.picture()

    def gone():
        return page.evaluate(scrolled) > 50

    fingers.drag_until(gone, instrument, ((x, y + 60), (x, y - 90)))
    assert instrument.picture()["start"] == pytest.approx(whole["start"], rel=1e-12)
    page.evaluate(TO_THE_TOP)

    # Apart along the page, which could be taken for a scroll.
    spread = ((x, y - 20), (x, y - 80)), ((x, y + 20), (x, y + 80))

    def larger():
        return (p := instrument.picture()) and p["shape"][1] < 64

    fingers.drag_until(larger, instrument, *spread)
    zoomed = instrument.picture()
    assert zoomed["end"] - zoomed["start"] < 0.5 * (whole["end"] - whole["start"])
    assert page.evaluate(scrolled) == 0
    assert page.evaluate("() => visualViewport.scale") == 1

    def moved():
        return instrument.picture()["top"] > zoomed["top"]

    fingers.drag_until(moved, instrument, ((x, y), (x - 60, y - 60)))
    assert instrument.picture()["start"] > zoomed["start"]
    assert page.evaluate(scrolled) == 0
    page.mouse.dblclick(x, y)


def sizes(instrument, *all_of_them):
    """Give the window one size after the other, each once the page has settled in it."""
    for width, height in all_of_them:
        instrument.page.set_viewport_size({"width": width, "height": height})
        instrument.settled()
        yield width, height


def test_no_notice_covers_a_picture(open_page):
    # An error stays until it is dismissed, and is seen although others stand there already.
    instrument = open_page("dataset=lattice.npz&tiles=900&nonsense=1")
    instrument.exact()
    instrument.page.locator("select[data-name=dataset]").select_option("broken.h5")
    notice = instrument.page.locator(".notice.error").first
    instrument.until(notice.is_visible)
    for size in sizes(instrument, (1366, 768), UPRIGHT, SIDEWAYS, TABLET):
        box, area = notice.bounding_box(), instrument.page.locator(".notice-area").bounding_box()
        # Of a sentence that is longer than the place is high, the beginning is read.
        bottom = min(box["y"] + box["height"], area["y"] + area["height"])
        assert area["y"] <= box["y"] < bottom <= size[1], size
        box["height"] = bottom - box["y"]
        seen = instrument.page.locator("main.bench").bounding_box()
        for section in ("main", "tiles", "spectrum", "left", "right"):
            slot = instrument.box(section)
            # On a narrow page a slot goes on below what is seen of the bench.
            bottom = min(slot["y"] + slot["height"], seen["y"] + seen["height"])
            slot["height"] = bottom - slot["y"]
            assert slot["height"] <= 0 or apart(box, slot), (size, section)


def put_away(instrument):
    """Close the guide."""
    instrument.page.keyboard.press("Escape")
    instrument.until(lambda: not instrument.page.locator("section.guide").is_visible())


def test_the_guide_opens_beside_the_image_at_what_was_asked(share_page):
    instrument = share_page()
    page = instrument.page
    page.locator("section.tiles .ask").click()
    guide = page.locator("section.guide")
    instrument.until(lambda: guide.locator("h1").inner_text().startswith("Tiles"))
    large = (1920, 1080), (1024, 768), (1366, 768)
    for size in sizes(instrument, UPRIGHT, SIDEWAYS, TABLET, *large):
        main, text = instrument.box("main"), guide.bounding_box()
        assert apart(main, text), size
        for box in (main, text):
            assert min(box["width"], box["height"]) >= 200, size
            assert box["x"] + box["width"] <= size[0], size
            assert box["y"] + box["height"] <= size[1], size
        # The hand stays on the slider.
        assert instrument.slider().is_visible(), size
    put_away(instrument)


def test_a_question_mark_opens_its_section_of_the_guide_and_leaves_its_own_alone(share_page):
    instrument = share_page()
    page = instrument.page
    page.get_by_role("button", name="Help: dose and noise").click()
    heading = page.locator("section.guide #dose-and-noise")
    instrument.until(heading.is_visible)
    box, guide = heading.bounding_box(), page.locator("section.guide article").bounding_box()
    assert guide["y"] - 2 <= box["y"] < guide["y"] + guide["height"] / 2
    assert not page.locator("#dose").evaluate("card => card.open")
    put_away(instrument)
