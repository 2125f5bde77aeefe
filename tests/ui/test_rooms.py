"""Rooms in a browser: two pages see each other, a telephone watches."""

import re


def links(page):
    """The addresses of the links that the card offers."""
    page.page.click("#share")
    found = {}
    for name in ("picture", "watch", "steer"):
        box = page.page.locator(f"input[data-name={name}-link]")
        page.until(box.input_value)
        found[name] = box.input_value()
    page.page.keyboard.press("Escape")
    return found


def query(link):
    return link.partition("?")[2]


def test_two_pages_steer_one_room_and_a_telephone_watches(open_page):
    anna = open_page()
    anna.exact()
    found = links(anna)
    assert "room=" not in found["picture"]
    ben = open_page(query(found["steer"]))
    ben.exact()
    telephone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    eve = open_page(query(found["watch"]), **telephone)
    eve.exact()
    for page in (anna, ben):
        page.until(lambda page=page: page.page.locator(".presence .count").inner_text() == "3 here")

    # A drag in one page moves the slider of the other, which waits and says whose hand it is.
    anna.slider().focus()
    said = ben.page.locator(".hand-of")

    def waits():
        anna.page.keyboard.press("ArrowRight")
        return "guest 1 is dragging defocus" in str(said.all_inner_texts())

    ben.until(waits)
    ben.until(lambda: waits() and ben.slider().is_disabled())
    ben.until(lambda: ben.number() == anna.number() != 0)
    ben.until(lambda: not ben.slider().is_disabled())
    for page in (ben, eve):
        page.until(lambda page=page: page.picture()["shape"] and page.mode == "exact")

    # Zoom and theme are each page's own.
    ben.page.click("#theme")
    ben.until(lambda: ben.page.evaluate("document.documentElement.dataset.theme") == "light")
    assert anna.page.evaluate("document.documentElement.dataset.theme") == "dark"

    # One undo, with names.
    ben.enter("C12a", "7")
    anna.until(lambda: anna.number("C12a") == 7)
    undo = anna.page.locator("[data-does=undo]")
    anna.until(lambda: "guest 2: C12a" in (undo.get_attribute("title") or ""))
    undo.click()
    ben.until(lambda: ben.number("C12a") == 0)

    # Who watches has the image large with its scale bar, and nothing to be set.
    assert not eve.page.locator("input[type=range]:visible:enabled").count()
    main, tiles = eve.box("main"), eve.box("tiles")
    assert main["height"] > 844 * 0.4
    assert tiles["y"] > main["y"]
    assert eve.page.locator(".activity .words").inner_text()

    # A reload comes back into the room.
    assert re.search(r"room=", ben.page.url)
    ben.page.reload()
    ben.exact()
    # The page that was left counts until its session is given up.
    ben.until(lambda: ben.page.locator(".presence .count").inner_text() == "3 here")
    assert ben.number() == anna.number()
