"""Rooms in a browser: two pages see each other, a telephone watches."""

import re
from types import SimpleNamespace

import pytest

from tests.support.servers import served
from tests.support.waiting import PATIENCE_S, wait_until
from tests.ui.tcp_proxy import Wire

bcrypt = pytest.importorskip("bcrypt")


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


@pytest.fixture
def site(scans, tmp_path):
    """A server below a path, behind a proxy, whose people log in; and where their copies go."""
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
    (tmp_path / "users").write_text("".join(f"{name}:{hashed}\n" for name in ("anna", "ben")))
    proxy = Wire(0)
    arguments = "--login", tmp_path / "users"
    arguments += "--allow-websocket-origin", f"127.0.0.1:{proxy.port}", "--prefix", "tools/stem"
    folders = {"LIVESTEM_CACHE": tmp_path / "cache", "LIVESTEM_RESULTS": tmp_path / "results"}
    settings = {name: str(folder) for name, folder in folders.items()}
    with served(scans / "lattice.npz", *arguments, **settings) as (process, found):
        proxy.target = int(found[1])
        url = f"http://127.0.0.1:{proxy.port}/tools/stem/app"
        yield SimpleNamespace(url=url, process=process, results=tmp_path / "results")
    proxy.close()


def test_a_room_behind_a_proxy_below_a_path_with_logins(chromium, site):
    def enter(name, url):
        context = chromium.new_context(viewport={"width": 1366, "height": 768})
        context.set_default_timeout(1000 * PATIENCE_S)
        page = context.new_page()
        page.goto(url)
        page.fill("[name=username]", name)
        page.fill("[name=password]", "right")
        page.click("[type=submit]")
        return page

    def until(condition):
        return wait_until(lambda: (anna.wait_for_timeout(50), condition())[1])

    def defocus(page):
        return page.locator("input[data-name=defocus]").first.input_value()

    def people(page):
        page.locator(".presence summary").click()
        mine = page.locator("[data-name=my-name]")
        others = page.locator(".presence li:not(.me) span").all_inner_texts()
        found = {mine.input_value(), *others}, mine.is_editable()
        page.locator(".presence summary").click()
        return found

    anna = enter("anna", site.url)
    until(lambda: anna.locator(".status .mode").inner_text() == "exact")
    anna.click("#share")
    link = anna.locator("input[data-name=steer-link]")
    until(link.input_value)
    assert link.input_value().startswith(f"{site.url}?room=")
    # The link leads a stranger to the form, and through it into the room.
    ben = enter("ben", link.input_value())
    until(lambda: ben.locator(".presence .count").inner_text() == "2 here")
    assert people(ben) == people(anna) == ({"anna", "ben"}, False)
    until(lambda: ben.locator(".status .mode").inner_text() == "exact")
    typed = ben.locator("input.typed[data-name=defocus]")
    typed.fill("7")
    typed.press("Enter")
    until(lambda: float(defocus(anna)) == 7)
    # A file is saved by each for themselves, and its copy is under the name of who saved it.
    ben.locator(".saver summary").click()
    with ben.expect_download():
        ben.locator("[data-kind=tiff]").click()
    (copy,) = site.results.iterdir()
    assert "_ben_" in copy.name
    for page in (anna, ben):
        page.context.close()
