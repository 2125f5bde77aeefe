"""The page in a browser, as a test handles it."""

import inspect
import time
from urllib.request import urlopen

import pytest

from tests.support.waiting import PATIENCE_S

PICTURE = """(name) => {
  for (const view of Bokeh.index.all_views()) {
    if (view.model.name !== name || !view.frame) continue
    const source = view.model.renderers.find((r) => r.data_source.data.image).data_source
    const over = view.model.__moving // what is shown over it while a hand moves
    const {image, x, y, dw, dh} = over?.shown ? over.drawn : source.data
    if (!image?.length) return null
    const {start, end} = view.model.x_range
    const values = [...image[0]]
    return {values, shape: image[0].shape, x: x[0], y: y[0], width: dw[0], height: dh[0],
            start, end, top: view.model.y_range.end, bottom: view.model.y_range.start}
  }
  return null
}"""


MOVES = """() => Bokeh.index.all_views().some((view) => view.model.__moving?.shown)"""
"""Whether a draft still lies over a figure: until Bokeh has painted what is below, frames later."""

COUNT = """(() => {
  const Socket = WebSocket
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given)
      const counted = window.counted = {sent: 0, answered: 0, received: 0}
      this.addEventListener("message", ({data}) => {
        counted.received += 1
        if (/^{"msgid".*"msgtype": *"(OK|ERROR)"/.test(data)) counted.answered += 1
      })
      this.counted = counted
    }
    send(data) {
      if (/^{"msgid".*"msgtype": *"PATCH-DOC"/.test(data)) this.counted.sent += 1
      super.send(data)
    }
  }
})()"""
"""Counts what the page has told the server, and what came back: each of the former is answered."""

NOTED = """mode => {
  mode.noted = []
  new MutationObserver(() => mode.noted.push(mode.textContent)).observe(mode, {childList: true})
}"""

COUNTED = """async () => {
  const frame = () => new Promise(requestAnimationFrame)
  await frame()
  await frame()
  return {...window.counted}
}"""


TEXT = """() => {
  const text = (node) => node.nodeType === Node.TEXT_NODE ? node.data
    : /^(STYLE|SCRIPT|TEMPLATE|OPTION)$/.test(node.nodeName) || node.hidden ? ""
    : [...(node.shadowRoot?.childNodes ?? []), ...node.childNodes].map(text).join(" ")
  return text(document.body)
}"""
"""What is written in the page and in its components, each of which has a tree of its own."""


class Instrument:
    """The page, as a test handles it."""

    def __init__(self, page, url, process=None):
        self.page, self.problems, self.outside = page, [], []
        self._process, self._crashed = process, False
        page.on("crash", self._crash)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._request)
        page.add_init_script(COUNT)
        page.goto(url)
        self._idle = "/".join([*url.split("/")[:3], "idle"])

    def _console(self, message):
        if message.type == "error":
            self.problems.append(message.text)

    def _crash(self, page):
        self._crashed = True

    def _request(self, request):
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.outside.append(request.url)

    @property
    def mode(self):
        """The word in the status line; empty while there is none."""
        return "".join(self.page.locator(".status .mode").all_inner_texts())

    def until(self, condition, seconds=PATIENCE_S):
        """Wait until `condition()` holds, and give what it gave; no longer than it can come.

        Ever less often: to look takes Playwright, Chromium and Python 17 ms of processor.
        """
        end, pause_ms = time.monotonic() + seconds, 40.0
        while not (result := condition()):
            why = self._ended()
            if not why and time.monotonic() > end:
                why = f"not within {seconds} s"
            if why:
                pytest.fail(f"{why}: {inspect.getsource(condition).strip()}; {self._looks()}")
            self.page.wait_for_timeout(pause_ms)
            pause_ms = min(1.2 * pause_ms, 160.0)
        return result

    def _ended(self):
        """Why nothing can come of this page any more; empty while something may."""
        if self._crashed or self.page.is_closed():
            return "the page has crashed" if self._crashed else "the page was closed"
        if self.page.url.startswith("chrome-error:"):
            return "the browser shows an error of its own"
        if self._process is not None and self._process.poll() is not None:
            return f"the server has ended: {self._process.said()[-2000:]}"
        return ""

    def _looks(self):
        """Address and text of the page, for whoever reads why a test has failed."""
        # Here: the conftest is read where there is no Playwright, too.
        from playwright.sync_api import Error

        try:
            text = self.page.evaluate(TEXT)
        except Error as error:
            text = f"it cannot be read: {error}"
        return f"the page at {self.page.url} says: {' '.join(text.split())[:3000]}"

    def settled(self):
        """Wait until the server has done all that the page told it, and the page shows it."""

        def still():
            before = self.page.evaluate(COUNTED)
            if before["sent"] != before["answered"] or not self._server_is_idle():
                return False
            # What it was handing over then, it has handed over before it answers again.
            return self._server_is_idle() and self.page.evaluate(COUNTED) == before

        self.until(still)

    def _server_is_idle(self):
        with urlopen(self._idle, timeout=PATIENCE_S) as answer:
            return answer.read() == b"idle"

    def exact(self):
        """Wait for the exact phase of all that is set, and give its picture."""
        self.until(lambda: self.mode == "exact" and self.picture())
        self.settled()
        self.until(lambda: self.mode == "exact" and not self.page.evaluate(MOVES))
        return self.picture()

    def modes(self):
        """Note from now on each word in the status line; gives a function that tells them."""
        mode = self.page.locator(".status .mode")
        mode.evaluate(NOTED)
        return lambda: mode.evaluate("mode => mode.noted")

    def picture(self, name="slot_main image"):
        """What a figure shows."""
        return self.page.evaluate(PICTURE, name)

    def typed(self, name):
        """The box of a control."""
        return self.page.locator(f"input.typed[data-name={name}]")

    def slider(self, name="defocus"):
        """The slider of a control."""
        return self.page.locator(f"input[type=range][data-name={name}]")

    def number(self, name="defocus"):
        """The value that a control shows."""
        return float(self.typed(name).input_value().replace("−", "-") or "nan")

    def enter(self, name, text):
        """Type a value."""
        self.typed(name).fill(text)
        self.typed(name).press("Enter")

    def words(self, name):
        """Words that change, such as "facts" or "main .readout"."""
        return self.page.locator(f".{name} .words").inner_text()

    def notices(self):
        """Sentences that stand there."""
        return self.page.locator(".notice span").all_inner_texts()

    def box(self, section="main"):
        """Where a part of the page is."""
        return self.page.locator(f"section.{section}").bounding_box()
