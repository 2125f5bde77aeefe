"""A page that has lost its server says so, takes nothing, and comes back with what was set."""

from contextlib import ExitStack

import numpy as np
import pytest

from tests.support.servers import served
from tests.support.waiting import PATIENCE_S
from tests.ui.conftest import FAILED, Instrument
from tests.ui.idle import PROGRAM
from tests.ui.tcp_proxy import Wire

playwright = pytest.importorskip("playwright.sync_api")


TAKE_AWAY = "all => { all.forEach((words) => words.remove()); return all.length }"


class Line:
    """A server of its own, and the wire that leads to it."""

    def __init__(self, scans, cache, stack):
        self._scans, self._cache, self._stack = scans, cache, stack
        self.wire = Wire(0)
        stack.callback(self.wire.close)
        self.start()

    def start(self):
        """Start a server, and lead the wire to it."""
        origin = f"--allow-websocket-origin=127.0.0.1:{self.wire.port}"
        cache = {"LIVESTEM_CACHE": str(self._cache)}
        started = served(self._scans, origin, program=PROGRAM, **cache)
        self.process, found = self._stack.enter_context(started)
        self.wire.target = int(found[1])


class Caller:
    """A page at the end of a line."""

    def __init__(self, line, context):
        self.line, self.wire = line, line.wire
        address = f"http://127.0.0.1:{self.wire.port}/app?dataset=lattice.npz"
        self.instrument = Instrument(context.new_page(), address)
        self.page = self.instrument.page

    @property
    def says(self):
        """What stands over everything; empty while nothing does."""
        try:
            return "".join(self.page.locator(".lost").all_inner_texts())
        except playwright.Error:  # the page is being loaded anew
            return ""

    def lost(self):
        self.instrument.until(lambda: self.says)
        return self.says

    def back(self):
        """Wait for the page to be there again, with its exact picture."""
        page, instrument = self.page, self.instrument
        instrument.until(lambda: page.locator(".found").count())
        assert not self.says
        # Said once; and whoever waits for it again waits for new words.
        assert page.locator(".found").evaluate_all(TAKE_AWAY) == 1
        return instrument.exact()["values"]

    def rests_at(self, text):
        """Set defocus, and give the picture once it rests."""
        self.instrument.enter("defocus", text)
        self.page.wait_for_timeout(700)
        return self.instrument.exact()["values"]


@pytest.fixture(scope="module")
def line(scans, tmp_path_factory):
    with ExitStack() as stack:
        yield Line(scans, tmp_path_factory.mktemp("cache"), stack)


@pytest.fixture(scope="module")
def kept():
    """The page that a test was done with, if it came back: the next goes on with it."""
    callers = []
    yield callers
    for caller in callers:
        caller.page.context.close()


@pytest.fixture
def opened(request, chromium, line, kept):
    line.wire.mend()
    if not kept:
        context = chromium.new_context(viewport={"width": 1366, "height": 768})
        context.set_default_timeout(1000 * PATIENCE_S)
        kept.append(Caller(line, context))
    yield kept[0]
    if request.node.stash[FAILED] or kept[0].says:
        kept.pop().page.context.close()


def same(a, b):
    """Whether two pictures are the same, up to a grey level of rounding."""
    return len(a) == len(b) and np.abs(np.subtract(a, b, dtype=float)).max() <= 1


@pytest.mark.slow
def test_a_wire_that_is_cut_for_a_while(opened):
    seven, twelve = opened.rests_at("7"), opened.rests_at("12")
    assert not same(seven, twelve)
    opened.wire.cut()
    assert "connection to the server is lost" in opened.lost()
    # Nothing is taken: neither what is typed nor what is dragged.
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.type("99")
    box = opened.instrument.slider().bounding_box()
    opened.page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
    assert opened.instrument.number() == 12
    opened.page.wait_for_timeout(4000)
    assert opened.says
    opened.wire.mend()
    assert same(opened.back(), twelve)
    assert opened.instrument.number() == 12
    opened.rests_at("5")
    assert same(opened.rests_at("7"), seven)


@pytest.mark.slow
def test_a_server_that_answers_a_moment_longer(opened):
    twelve = opened.rests_at("12")
    # As one that is being stopped: a page loaded from it now would stay the browser's own error.
    opened.wire.drop()
    opened.page.wait_for_timeout(400)
    opened.wire.cut()
    opened.page.wait_for_timeout(3000)
    assert "connection to the server is lost" in opened.says
    opened.wire.mend()
    assert same(opened.back(), twelve)


def test_a_wire_that_is_cut_while_a_slider_is_dragged(opened):
    opened.rests_at("12")
    instrument, page = opened.instrument, opened.page
    box = instrument.slider().bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for part in np.linspace(0.5, 0.7, 15):
        page.mouse.move(box["x"] + part * box["width"], y)
        page.wait_for_timeout(20)
    opened.wire.cut()
    opened.lost()
    set_last = instrument.number()
    page.mouse.move(box["x"] + 0.9 * box["width"], y)
    page.mouse.up()
    opened.wire.mend()
    shown = opened.back()
    # What the hand had reached, though the server may never have heard of it.
    assert instrument.number() == set_last
    assert same(opened.rests_at(f"{set_last:g}"), shown)


def test_a_server_that_is_killed_and_started_again(opened):
    # Before it has written the address: where it is busy that may take it longer than any while.
    opened.instrument.exact()
    opened.page.evaluate("history.pushState = () => {}")
    twelve = opened.rests_at("-12")
    opened.page.wait_for_timeout(3500)
    opened.page.locator("#theme").click()  # the server answers, and is heard since
    opened.instrument.settled()
    assert "defocus=-12" not in opened.page.url
    opened.line.process.kill()
    assert "connection to the server is lost" in opened.lost()
    opened.line.start()
    assert same(opened.back(), twelve)
    assert opened.instrument.number() == -12


@pytest.mark.slow
def test_a_wire_that_is_dead_without_a_word(opened):
    opened.rests_at("12")
    opened.wire.hold()  # a laptop that slept, a router that forgot: nobody ends the connection
    assert "server does not answer" in opened.lost()
    opened.wire.mend()
    opened.back()
    assert opened.instrument.number() == 12


def the_words_fit(page):
    for width, height in ((1366, 768), (390, 844), (844, 390)):
        page.set_viewport_size({"width": width, "height": height})
        box = page.locator(".lost > div").bounding_box()
        assert min(box["x"], box["y"]) >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        # It lies over everything: whatever is touched is the notice.
        for at in ((5, 5), (width - 5, height - 5), (width / 2, 10)):
            assert page.evaluate("(at) => document.elementFromPoint(...at).className", at) == "lost"


def test_what_to_do_is_said_when_it_takes_long_and_the_words_fit_the_page(opened):
    opened.rests_at("12")
    opened.wire.cut()
    opened.lost()
    the_words_fit(opened.page)
    # The page's clock, which goes on from there.
    opened.page.clock.install()
    opened.page.clock.fast_forward(31_000)
    opened.instrument.until(lambda: "network or VPN" in opened.says, 90)
    assert "link" in opened.says
    the_words_fit(opened.page)


@pytest.mark.slow
def test_a_page_that_is_never_let_connect_says_so(opened):
    opened.rests_at("12")
    # As with a proxy that knows no websockets: pages come, connections end at once.
    opened.page.route_web_socket("**/ws*", lambda socket: socket.close())
    opened.page.reload()
    opened.instrument.until(lambda: "cannot stay connected" in opened.says, 90)
    assert "websocket" in opened.says
