"""Where the time of one move goes, leg by leg: a benchmark, run by hand.

    python -m tests.studies.latency_legs [--scan 512 1024] [--moves 20]

Serves the page of `tests.studies.latency`, moves defocus, and notes when each part begins, in the
server and in the browser, by the one clock of the machine that both run on. Printed is the median
time from the move itself to each mark, and to the mark from the one before.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

import numpy as np

from tests.studies.latency import FLAGS, PROBE, serve, wait_for, write_scan
from tests.support.ports import free_port

LEGS = {
    "told": "the browser tells the value",
    "heard": "the server has the message",
    "set": "Panel and Param set it",
    "redraw": "a thread begins the redraw",
    "redrawn": "phase and tiles are there",
    "draw": "the document's thread begins",
    "drawn": "limits, Datashader's means, eight bits",
    "received": "other views, message, websocket",
    "shown": "Bokeh parses, our canvas draws",
    "seen": "the next frame reads it",
}

BROWSER = """() => {
  window.marks = []
  const mark = (name) => window.marks.push([performance.timeOrigin + performance.now(), name])
  window.mark = mark
  const send = WebSocket.prototype.send
  WebSocket.prototype.send = function (data) {
    if (String(data).includes('"values"')) mark("told")
    return send.call(this, data)
  }
  const heard = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage")
  Object.defineProperty(WebSocket.prototype, "onmessage", {set(act) {
    heard.set.call(this, (event) => {
      if (event.data.byteLength > 20000) mark("received")
      act(event)
    })
  }})
  const put = CanvasRenderingContext2D.prototype.putImageData
  CanvasRenderingContext2D.prototype.putImageData = function (...given) {
    put.apply(this, given)
    mark("shown")
  }
}"""


def marked(owner, name, before=None, after=None, marks=None):
    """Have the marks taken when a method is called, and when it is over."""
    plain = getattr(owner, name)

    def method(*given, **named):
        if before:
            marks.append((1e3 * time.time(), before))
        result = plain(*given, **named)
        if after:
            marks.append((1e3 * time.time(), after))
        return result

    setattr(owner, name, method)


def serve_marked(port, data):
    """The page with marks, which /marks gives and forgets."""
    import panel as pn
    from bokeh.server.views.ws import WSHandler
    from tornado.web import RequestHandler

    from app.pipeline.drawing import Drawing
    from app.views.controls import Controls
    from app.views.image import ImageView

    marks = []
    marked(WSHandler, "on_message", "heard", None, marks)
    marked(Controls, "_to_state", None, "set", marks)
    marked(Drawing, "_numbered", "redrawn", None, marks)
    marked(ImageView, "show", "draw", "drawn", marks)

    class Marks(RequestHandler):
        def get(self):
            self.write(json.dumps(marks))
            marks.clear()

    plain = pn.serve

    def with_marks(apps, **how):
        from app.pipeline import work

        marked(work, "redraw", "redraw", None, marks)
        return plain(apps, extra_patterns=[("/marks", Marks)], **how)

    pn.serve = with_marks
    serve(port, data)


def legs(page, url, moves):
    """(n, legs) ms from each move to each mark; NaN where one was not taken."""
    page.add_init_script(f"({BROWSER})()")
    page.goto(f"{url[0]}{url[1]}")
    page.wait_for_function("() => window.Bokeh && [...Bokeh.index.all_views()].length > 3")
    page.evaluate(PROBE)
    page.wait_for_function(
        "() => { try { return window.displayed() === 0 } catch { return false } }", timeout=60_000
    )
    page.wait_for_timeout(4000)
    page.evaluate("() => window.drag(1.5)")
    page.wait_for_timeout(1500)
    rows = []
    for value in np.random.default_rng(1).integers(-190, 190, moves):
        page.evaluate("() => { window.marks.length = 0 }")
        urlopen(f"{url[0]}/marks").close()
        start, end = page.evaluate(
            """async (value) => {
              const now = () => performance.timeOrigin + performance.now()
              const start = now()
              await window.single(value)
              return [start, now()]
            }""",
            int(value),
        )
        taken = json.loads(urlopen(f"{url[0]}/marks").read()) + page.evaluate("window.marks")
        first = {"seen": end - start}
        for when, name in sorted(taken):
            if start <= when <= end:
                first.setdefault(name, when - start)
        rows.append([first.get(name, np.nan) for name in LEGS])
        page.wait_for_timeout(600)
    return np.array(rows)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scan", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--moves", type=int, default=20)
    parser.add_argument("--serve", nargs=2, metavar=("PORT", "DATA"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve_marked(int(chosen.serve[0]), chosen.serve[1])
        return
    from playwright.sync_api import sync_playwright

    port, folder = free_port(), tempfile.mkdtemp(prefix="livestem-legs-")
    for size in chosen.scan:
        write_scan(Path(folder) / f"noise{size}.npz", size)
    command = [sys.executable, "-m", "tests.studies.latency_legs", "--serve", str(port), folder]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    found, place = {}, f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{place}/marks")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=FLAGS
            )
            for size in chosen.scan:
                page = browser.new_page(viewport={"width": 1366, "height": 768})
                url = place, f"/app?dataset=noise{size}.npz"
                found[size] = np.nanmedian(legs(page, url, chosen.moves), axis=0)
                page.close()
            browser.close()
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{'':42}" + "".join(f"{size:>9}²{'leg':>7}" for size in found))
    for n, words in enumerate(LEGS.values()):
        row = ((at[n], at[n] - (at[n - 1] if n else 0)) for at in found.values())
        print(f"{words:42}" + "".join(f"{at:10.1f}{leg:7.1f}" for at, leg in row))


if __name__ == "__main__":
    main()
