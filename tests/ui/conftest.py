"""The served application with a small scan, and a browser that looks at it."""

import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from recon.io import write_events
from tests.support.servers import ROOT
from tests.support.servers import server as server_process
from tests.support.waiting import PATIENCE_S
from tests.ui.instrument import Instrument
from tests.ui.samples import atoms_scan, lattice_scan

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
TRACEBACK = re.compile(r"^Traceback .*\n(?:[ \t].*\n|\n)*(\S.*)", re.MULTILINE)
CLOSED = ("tornado.websocket.WebSocketClosedError", "tornado.iostream.StreamClosedError")
"""How Tornado tells of a page that was closed while something was written to it."""


def pytest_collection_modifyitems(items):
    for item in items:
        if "ui" in Path(str(item.fspath)).parts:
            item.add_marker("ui")


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
def running(scans, tmp_path_factory):
    """The server, and the address of its page: `panel serve app`, as the README says."""
    command = ["-m", "panel", "serve", "app", "--address", "127.0.0.1", "--port", "0"]
    command += ["--plugins", "tests.ui.idle"]
    cache = tmp_path_factory.mktemp("cache")
    settings = {"LIVESTEM_DATA": str(scans), "LIVESTEM_CACHE": str(cache)}
    ready = r"running at: (http://\S+/app)"
    with server_process(command, ready, **settings) as (process, found):
        yield SimpleNamespace(process=process, url=found[1])
        assert complaint(process.said()) == ""


@pytest.fixture(scope="session")
def server(running):
    """Address of the page."""
    return running.url


def complaint(log):
    """What the server said, if our own code failed in it: not for want of a page that has gone."""
    rest = TRACEBACK.sub(lambda told: "" if told[1].startswith(CLOSED) else told[0], log)
    return rest if f'File "{ROOT}' in rest else ""


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium, or the one that Playwright brought.

    Closed with each file: Playwright leaves its event loop running on this thread meanwhile, on
    which no other test could run one.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("LIVESTEM_CHROMIUM") or shutil.which("chromium")
    with playwright.sync_playwright() as driver:
        try:
            running = driver.chromium.launch(
                executable_path=path, args=FLAGS, timeout=1000 * PATIENCE_S
            )
        except playwright.Error as error:
            pytest.skip(f"no Chromium: {error}")
        yield running
        running.close()


@pytest.fixture
def open_page(chromium, running):
    """`open_page(query)` gives an `Instrument`; whatever it did, nothing may have gone wrong."""
    opened, said = [], len(running.process.said())

    def make(query="dataset=lattice.npz", **options):
        context = chromium.new_context(
            **({"viewport": {"width": 1366, "height": 768}, "accept_downloads": True} | options)
        )
        context.set_default_timeout(1000 * PATIENCE_S)
        instrument = Instrument(context.new_page(), f"{running.url}?{query}", running.process)
        opened.append((context, instrument))
        return instrument

    yield make
    for context, instrument in opened:
        context.close()
        assert instrument.problems == []
        assert instrument.outside == []
    assert complaint(running.process.said(said)) == ""
