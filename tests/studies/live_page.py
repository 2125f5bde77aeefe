"""The whole page at the microscope, on a quiet machine: `python -m tests.studies.live_page`.

A camera of its own process sends the paper's scan (1024² positions, 52 million electrons) at its
pace; the served page follows in headless Chromium while defocus is dragged without a pause. Server,
browser and camera share the cores. Printed are the images a second that the browser painted, the
longest time between two of them, what was lost, and how long after the last row the exact image
stood, once all rows of it and once that of all pixels.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import sync_playwright

from recon.io import open_scan, write_events
from tests.support.ports import free_port
from tests.support.servers import served
from tests.ui.conftest import FLAGS
from tests.ui.samples import lattice_scan

KNOWN = "energy=80&angle=25&step=0.316&rotation=0&left=bf"

DRAG = """() => {
  const find = root => {
    for (const each of root.querySelectorAll("*")) {
      if (each.matches("input[type=range][data-name=defocus]")) return each
      const inner = each.shadowRoot && find(each.shadowRoot)
      if (inner) return inner
    }
  }
  const seen = window.seen = {frames: [], modes: [], drag: true}
  Bokeh.documents[0].on_change(event => {
    // Told after the frame was painted, as the page itself tells the server.
    if (event.attr === "frame")
      requestAnimationFrame(() => setTimeout(() => seen.frames.push(Date.now())))
  })
  const mode = [...Bokeh.index.all_views()].find(v => v.shadow_el?.querySelector(".mode"))
    .shadow_el.querySelector(".mode")
  const note = () => seen.modes.push([Date.now(), mode.textContent])
  new MutationObserver(note).observe(mode, {childList: true, subtree: true, characterData: true})
  const slider = find(document), began = performance.now()
  const move = () => {
    if (!seen.drag) return slider.dispatchEvent(new Event("change"))
    slider.value = 20 + 15 * Math.sin((performance.now() - began) / 250)
    slider.dispatchEvent(new Event("input"))
    requestAnimationFrame(move)
  }
  move()
}"""
"""A hand on the defocus slider, and what the browser paints meanwhile."""


def camera(port: int, rows: int, columns: int, dwell_us: float):
    """A camera that is ready to send."""
    where = f"tcp://127.0.0.1:{port}"
    size = map(str, (rows, columns, 18, 50, 1e-6 * dwell_us))
    sender = subprocess.Popen(
        [sys.executable, "-m", "recon.bench.camera", "interactem", where, *size],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    sender.stdout.readline()
    return sender


def sent(sender) -> dict:
    """What the camera tells of its scan."""
    told = json.loads(sender.stdout.readline())
    sender.stdin.close()
    sender.wait()
    sender.stdout.close()
    return told


def begin(sender) -> None:
    sender.stdin.write("begin\n")
    sender.stdin.flush()


def follow(page, port: int, rows: int, columns: int, dwell_us: float) -> dict:
    """One scan, dragged from its first row to its last."""
    card, mode = page.locator(".live"), page.locator(".status .mode")
    sender = camera(port, rows, columns, dwell_us)
    began = time.time()
    begin(sender)
    while not re.search(rf"Rows\s+[1-9]\d* of {rows}", card.inner_text()):
        page.wait_for_timeout(20)
        if time.time() - began > 60:
            raise SystemExit(f"The page does not follow: {card.inner_text()}")
    page.evaluate(DRAG)
    told = sent(sender)
    page.evaluate("() => { window.seen.drag = false }")
    while mode.inner_text() != "exact" or f"{rows} of {rows}" not in card.inner_text():
        page.wait_for_timeout(20)
    page.wait_for_timeout(3000)
    seen, last = page.evaluate("() => window.seen"), 1e3 * told["last"]
    frames = [at for at in seen["frames"] if last - 1e4 <= at <= last]
    return {
        "images/s of the last 10 s": len(frames) / min(10.0, told["last"] - began),
        "longest gap [ms]": max((b - a for a, b in pairwise(frames)), default=None),
        "late frames of the camera": told["late"],
        "last row to exact [ms]": [
            (round(at - last), text) for at, text in seen["modes"] if at > last - 500
        ],
        "card": " · ".join(card.inner_text().split("\n")),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--dwell-us", type=float, default=11.5)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        write_events(folder / "lattice.npz", lattice_scan())
        where = "--live", f"interactem:tcp://listen@127.0.0.1:{port}", "--keep", folder / "kept"
        settings = {"LIVESTEM_CACHE": str(folder / "cache")}
        with served(folder / "lattice.npz", *where, **settings) as (_, ready):
            path = os.environ.get("LIVESTEM_CHROMIUM") or shutil.which("chromium")
            browser = driver.chromium.launch(executable_path=path, args=FLAGS)
            page = browser.new_page(viewport={"width": 1366, "height": 900})
            page.set_default_timeout(300_000)
            page.goto(f"{ready[0]}?{KNOWN}")
            page.locator(".status .mode").get_by_text("exact").wait_for()
            follow(page, port, 256, 256, 40)  # kernels are compiled
            for _ in range(chosen.rounds):
                told = follow(page, port, chosen.side, chosen.side, chosen.dwell_us)
                print(*(f"{name}: {value}" for name, value in told.items()), sep="\n", flush=True)
                kept = max((folder / "kept").glob("*.toml"), key=lambda p: p.stat().st_mtime)
                print(f"kept: {open_scan(kept).electrons:,} electrons\n", flush=True)
            browser.close()


if __name__ == "__main__":
    main()
