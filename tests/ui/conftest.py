"""The served application with a small scan, and a browser that looks at it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.io import write_events
from recon.optics import Aberrations
from recon.simulate import simulate_events

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
ROOT = Path(__file__).resolve().parents[2]
SCAN, STEP, DEFOCUS = (72, 64), 0.6, 40.0
"""Positions, step [Å] and defocus [nm] of the scan that is served."""


def pytest_collection_modifyitems(items):
    for item in items:
        if "ui" in Path(str(item.fspath)).parts:
            item.add_marker("ui")


def lattice_scan():
    """A weak lattice, out of focus."""
    y, x = np.indices(SCAN)
    phase = 0.1 * (np.cos(2 * np.pi * x / 8) + np.cos(2 * np.pi * (y / 9 + x / 16)))
    calibration = Calibration(
        energy=80e3,
        semiangle_cutoff=25.0,
        scan_sampling=(STEP, STEP),
        centre=(19.5, 19.5),
        radius=12.0,
    )
    return simulate_events(
        phase,
        calibration,
        Aberrations(C10=-10 * DEFOCUS),
        dose=3e3,
        frame_shape=(40, 40),
        seed=1,
    )


TRUTH = Aberrations(C10=-150, C12a=40)
"""Of the scan of atoms."""


def atoms_scan():
    """Atoms at random places, out of focus and turned by -30°."""
    y, x = np.indices((48, 48))
    phase = np.zeros((48, 48))
    for row, column in np.random.default_rng(3).uniform(0, 48, (70, 2)):
        # The scan is periodic.
        off = (np.mod(axis - at + 24, 48) - 24 for axis, at in ((y, row), (x, column)))
        phase += 0.2 * np.exp(-sum(part**2 for part in off) / 3)
    calibration = Calibration(80e3, 25.0, (0.4, 0.4), (19.6, 19.3), 12.0, -30.0)
    return simulate_events(phase, calibration, TRUTH, dose=8e3, frame_shape=(40, 40), seed=1)


@pytest.fixture(scope="session")
def scans(tmp_path_factory):
    """Folder with good scans and one that is none."""
    folder = tmp_path_factory.mktemp("scans")
    events = lattice_scan()
    write_events(folder / "lattice.npz", events)
    write_events(folder / "other.h5", events)
    write_events(folder / "atoms.npz", atoms_scan())
    (folder / "broken.h5").write_bytes(b"no scan at all")
    return folder


@pytest.fixture(scope="session")
def server(scans, tmp_path_factory):
    """Address of the page, served as the README says: `panel serve app`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "server.log"
    command = [sys.executable, "-m", "panel", "serve", "app", "--address", "127.0.0.1"]
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=ROOT,
            env=os.environ | {"LIVESTEM_DATA": str(scans), "LIVESTEM_CACHE": str(log.parent)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}/app"
    try:
        _wait_for(f"http://127.0.0.1:{port}/static/js/bokeh.min.js", process, log)
        yield address
    finally:
        process.terminate()
        process.wait(20)
    text = log.read_text()
    # Tornado tells of sockets that were closed while it wrote; what is ours must not appear.
    assert f'File "{ROOT}' not in text, text


def _wait_for(url, process, log):
    end = time.monotonic() + 90
    while True:
        try:
            urlopen(url, timeout=10).close()
            return
        except OSError:
            if time.monotonic() > end or process.poll() is not None:
                pytest.fail(f"The server did not start.\n{log.read_text()}")
            time.sleep(0.3)


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, or the one that Playwright brought."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("LIVESTEM_CHROMIUM") or shutil.which("chromium")
    with playwright.sync_playwright() as driver:
        try:
            running = driver.chromium.launch(executable_path=path, args=FLAGS)
        except playwright.Error as error:
            pytest.skip(f"no Chromium: {error}")
        yield running
        running.close()


@pytest.fixture
def open_page(chromium, server):
    """`open_page(query)` gives an `Instrument`; whatever it did, nothing may have gone wrong."""
    opened = []

    def make(query="dataset=lattice.npz", **options):
        context = chromium.new_context(
            **({"viewport": {"width": 1366, "height": 768}, "accept_downloads": True} | options)
        )
        instrument = Instrument(context.new_page(), f"{server}?{query}")
        opened.append((context, instrument))
        return instrument

    yield make
    for context, instrument in opened:
        context.close()
        assert instrument.problems == []
        assert instrument.outside == []


PICTURE = """(name) => {
  for (const view of Bokeh.index.all_views()) {
    if (view.model.name !== name || !view.frame) continue
    const source = view.model.renderers.find((r) => r.data_source.data.image).data_source
    const {image, x, y, dw, dh} = source.data
    if (!image?.length) return null
    const {start, end} = view.model.x_range
    const values = [...image[0]]
    return {values, shape: image[0].shape, x: x[0], y: y[0], width: dw[0], height: dh[0],
            start, end, top: view.model.y_range.end, bottom: view.model.y_range.start}
  }
  return null
}"""


class Instrument:
    """The page, as a test handles it."""

    def __init__(self, page, url):
        self.page, self.problems, self.outside = page, [], []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._request)
        page.goto(url)

    def _console(self, message):
        if message.type == "error":
            self.problems.append(message.text)

    def _request(self, request):
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.outside.append(request.url)

    @property
    def mode(self):
        """The word in the status line."""
        return self.page.locator(".status .mode").inner_text()

    def until(self, condition, seconds=60):
        """Wait until `condition()` holds, and give what it gave."""
        end = time.monotonic() + seconds
        while not (result := condition()):
            if time.monotonic() > end:
                pytest.fail(f"not within {seconds} s: {condition}; mode {self.mode!r}")
            self.page.wait_for_timeout(50)
        return result

    def exact(self):
        """Wait for the exact phase, and give its picture."""
        self.until(lambda: self.mode == "exact" and self.picture())
        self.page.wait_for_timeout(400)
        self.until(lambda: self.mode == "exact")
        return self.picture()

    def picture(self, name="slot_main image"):
        """What a figure's source holds."""
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
