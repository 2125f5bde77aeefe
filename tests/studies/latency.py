"""From a moving slider to new pixels in the browser: a benchmark, run by hand.

    python -m tests.studies.latency [--scan 512 1024] [--seconds 4] [--json FILE]

Serves the page with simulated scans, moves defocus in headless Chromium, and reads from the canvas
which value of the slider is displayed. The same is done with a bare Bokeh image of the same view,
which is written on each change without any computation: the least that the stack costs.

The phase carries the position of the slider in ten small squares along its first row, black or
white, too small to change the contrast; so the age of what is displayed is known, not guessed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import numpy as np

from tests.support.ports import free_port

BITS = 10
MIDDLE = 1 << (BITS - 1)
ENERGY, ANGLE = 80e3, 25.0
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def marked(phase, number):
    """`phase` with the slider's position, in steps from its middle, written into its first row."""
    phase = phase.copy()
    side, low, high = phase.shape[0] // 100, phase.min(), phase.max()
    number += MIDDLE
    for bit in range(BITS):
        start = (2 * bit + 1) * phase.shape[1] // (2 * BITS) - side // 2
        phase[:side, start : start + side] = high if number >> bit & 1 else low
    return phase


def write_scan(path, size, electrons=20):
    """A scan of noise over a bright-field disc: what it costs does not depend on the object."""
    from recon.io import write_events
    from recon.scan.events import ElectronEvents

    rng = np.random.default_rng(size)
    width, radius = 64, 20.0
    count = size * size * electrons
    r, angle = radius * np.sqrt(rng.random(count)), 2 * np.pi * rng.random(count)
    y, x = (np.rint(31.5 + r * f(angle)).astype(np.uint32) for f in (np.sin, np.cos))
    offsets = np.arange(0, count + 1, electrons, dtype=np.int64)
    metadata = {
        "energy": ENERGY,
        "semiangle_cutoff": ANGLE,
        "scan_sampling": (0.31, 0.31),
        "rotation_deg": 0.0,
        "transpose": False,
    }
    events = ElectronEvents(y * width + x, offsets, (size, size), (width, width), metadata)
    write_events(path, events)


def serve(port, data):
    """The real page, its phases marked; and the bare image at /bare."""
    os.environ["LIVESTEM_DATA"] = data
    import panel as pn

    # How messages are sent, as `livestem serve` has it.
    import app.app_hooks
    from app.page.open import open_page
    from app.pipeline import work
    from app.state.aberrations import reaches
    from recon.optics import electron_wavelength

    _, step = reaches(electron_wavelength(ENERGY), ANGLE)["defocus"]
    plain = work.redraw

    def redraw(engine, prepared, request, *rest):
        results = plain(engine, prepared, request, *rest)
        number = round(-request.aberrations.C10 / 10 / step)
        phase = results["phase"]
        return results | {"phase": replace(phase, array=marked(phase.array, number))}

    work.redraw = redraw

    def bare():
        from bokeh.models import ColumnDataSource, Slider
        from bokeh.plotting import figure

        size = int(pn.state.session_args["size"][0])
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 256, (min(size, 512),) * 2).astype(float)
        shown = figure(width=480, height=480, name="slot_main image", toolbar_location=None)
        shown.y_range.flipped = True
        source = ColumnDataSource(
            {
                "image": [marked(noise, 0).astype(np.uint8)],
                "x": [0.0],
                "y": [0.0],
                "dw": [1.0],
                "dh": [1.0],
            }
        )
        shown.image("image", "x", "y", "dw", "dh", source=source, palette="Greys256")
        slider = Slider(start=-200, end=200, step=1, value=0, name="defocus")

        def move(attr, old, new):
            picture = marked(np.roll(noise, int(new), 1), int(new)).astype(np.uint8)
            source.data = {**source.data, "image": [picture]}

        slider.on_change("value", move)
        return pn.Column(pn.pane.Bokeh(shown), pn.pane.Bokeh(slider))

    def app():
        pn.extension()
        open_page()

    pn.serve({"app": app, "bare": bare}, port=port, address="127.0.0.1", show=False)


PROBE = """
() => {
  const BITS = 10
  const plot = () => {
    for (const view of Bokeh.index.all_views())
      if (view.model.name === "slot_main image" && view.frame) return view
  }
  // Where the marks lie on the canvas; the picture's extent is that of its source.
  const places = () => {
    const view = plot()
    const glyph = view.model.renderers.find((r) => r.data_source.data.image)
    const {x, y, dw, dh} = glyph.data_source.data
    const canvas = view.canvas_view.primary
    const ratio = canvas.pixel_ratio ?? 1
    const at = []
    for (let bit = 0; bit < BITS; bit++) {
      const sx = view.frame.x_scale.compute(x[0] + dw[0] * (2 * bit + 1) / (2 * BITS))
      const sy = view.frame.y_scale.compute(y[0] + dh[0] * 0.004)
      at.push([Math.round(sx * ratio), Math.round(sy * ratio)])
    }
    return {at, context: canvas.ctx.canvas.getContext("2d")}
  }
  // The canvas of what moves has the picture's own pixels.
  const moving = ({canvas, context}) => {
    const y = Math.floor(canvas.height * 0.004)
    const row = context.getImageData(0, y, canvas.width, 1).data
    let number = 0
    for (let bit = 0; bit < BITS; bit++)
      if (row[4 * Math.floor(canvas.width * (2 * bit + 1) / (2 * BITS))] > 128) number |= 1 << bit
    return number - 512
  }
  window.displayed = () => {
    const over = plot().model.__moving
    if (over?.shown) return moving(over)
    const {at, context} = places()
    const [left, right] = [at[0][0], at[BITS - 1][0]]
    const row = context.getImageData(left, at[0][1], right - left + 1, 1).data
    let number = 0
    at.forEach(([x], bit) => { if (row[4 * (x - left)] > 128) number |= 1 << bit })
    return number - 512
  }
  const slider = () => {
    const found = [...document.querySelectorAll("*")]
    while (found.length) {
      const element = found.pop()
      if (element.matches("input[type=range][data-name=defocus]")) return element
      if (element.shadowRoot) found.push(...element.shadowRoot.querySelectorAll("*"))
    }
    const model = [...Bokeh.index.all_views()].find((v) => v.model.name === "defocus").model
    return {dispatchEvent() {}, set value(v) { model.value = v }, bare: true}
  }
  let element = null
  window.move = (value) => {
    element ??= slider()
    // The slider has 200 steps to either side of its middle.
    element.value = element.bare ? value : value * Number(element.max) / 200
    element.dispatchEvent(new Event("input", {bubbles: true, composed: true}))
  }
  const frame = () => new Promise(requestAnimationFrame)
  window.single = async (value) => {
    const start = performance.now()
    window.move(value)
    while (window.displayed() !== value) {
      if (performance.now() - start > 5000) return null
      await frame()
    }
    return performance.now() - start
  }
  window.drag = async (seconds) => {
    const moved = new Map()
    const ages = [], changes = []
    let shown = window.displayed()
    const start = performance.now()
    let value = -180
    while (performance.now() - start < 1000 * seconds) {
      value = value >= 180 ? -180 : value + 1
      const now = performance.now()
      moved.set(value, now)
      window.move(value)
      await frame()
      const seen = window.displayed()
      const after = performance.now()
      if (seen !== shown) {
        changes.push(after)
        shown = seen
      }
      if (moved.has(seen)) ages.push(after - moved.get(seen))
    }
    const last = value
    const end = performance.now()
    while (window.displayed() !== last && performance.now() - end < 5000) await frame()
    return {ages: ages.slice(3), images: changes.length, settle: performance.now() - end,
            events: moved.size, seconds}
  }
}
"""


def measure(page, url, seconds, moves=40):
    """Single moves and a drag, on a page that shows an image."""
    page.goto(url)
    page.wait_for_function("() => window.Bokeh && [...Bokeh.index.all_views()].length > 3")
    page.evaluate(PROBE)
    page.wait_for_function(
        "() => { try { return window.displayed() === 0 } catch { return false } }", timeout=60_000
    )
    page.wait_for_timeout(4000)
    page.evaluate("() => window.drag(1.5)")  # the browser compiles what it meets for the first time
    page.wait_for_timeout(1500)
    rng = np.random.default_rng(1)
    times = []
    for value in rng.integers(-190, 190, moves):
        times.append(page.evaluate("(value) => window.single(value)", int(value)))
        page.wait_for_timeout(350)
    if None in times:
        raise SystemExit("A move of the slider was not displayed within 5 s.")
    drag = page.evaluate("(seconds) => window.drag(seconds)", seconds)
    ages = np.array(drag["ages"])
    return {
        "median_ms": float(np.median(times)),
        "p95_ms": float(np.percentile(times, 95)),
        "images_per_s": drag["images"] / drag["seconds"],
        "age_median_ms": float(np.median(ages)),
        "age_p95_ms": float(np.percentile(ages, 95)),
        "age_max_ms": float(ages.max()),
        "settle_ms": drag["settle"],
    }


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scan", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", nargs=2, metavar=("PORT", "DATA"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(int(chosen.serve[0]), chosen.serve[1])
        return
    from playwright.sync_api import sync_playwright

    port = free_port()
    folder = tempfile.mkdtemp(prefix="livestem-latency-")
    for size in chosen.scan:
        write_scan(Path(folder) / f"noise{size}.npz", size)
    command = [sys.executable, "-m", "tests.studies.latency", "--serve", str(port), folder]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    results = {}
    try:
        wait_for(f"http://127.0.0.1:{port}/bare?size=512")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=FLAGS
            )
            for size in chosen.scan:
                addresses = {
                    "livestem": f"/app?dataset=noise{size}.npz",
                    "bare Bokeh": f"/bare?size={size}",
                }
                for name, address in addresses.items():
                    page = browser.new_page(viewport={"width": 1366, "height": 768})
                    url = f"http://127.0.0.1:{port}{address}"
                    results[f"{name} {size}"] = measure(page, url, chosen.seconds)
                    page.close()
            browser.close()
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
    names = list(next(iter(results.values())))
    print(f"{'':18}" + "".join(f"{name:>15}" for name in names))
    for name, row in results.items():
        print(f"{name:18}" + "".join(f"{row[key]:15.1f}" for key in names))
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=1))


def wait_for(url, seconds=60):
    """Wait until a server answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            urlopen(url, timeout=20).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


if __name__ == "__main__":
    main()
