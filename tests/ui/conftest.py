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


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Note whether a test has failed, for whoever goes on with its page."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


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


def opened(chromium, running, query="dataset=lattice.npz", **options):
    """A page in a window of its own."""
    usual = {"viewport": {"width": 1366, "height": 768}, "accept_downloads": True}
    context = chromium.new_context(**(usual | options))
    context.set_default_timeout(1000 * PATIENCE_S)
    return Instrument(context.new_page(), f"{running.url}?{query}", running.process)


@pytest.fixture
def nothing_goes_wrong(running):
    """`nothing_goes_wrong(instrument)` for each page that a test had; nor in the server."""
    said = len(running.process.said())

    def check(instrument):
        assert instrument.problems == []
        assert instrument.outside == []

    yield check
    assert complaint(running.process.said(said)) == ""


@pytest.fixture
def open_page(chromium, running, nothing_goes_wrong):
    """`open_page(query)` gives an `Instrument`; whatever it did, nothing may have gone wrong."""
    pages = []

    def make(*query, **options):
        pages.append(opened(chromium, running, *query, **options))
        return pages[-1]

    yield make
    for instrument in pages:
        instrument.page.context.close()
        nothing_goes_wrong(instrument)


@pytest.fixture(scope="module")
def lent():
    """Pages that the tests of a file share, and how each is found and left, by what was asked."""
    pages = {}
    yield pages
    for instrument, _ in pages.values():
        instrument.page.context.close()


@pytest.fixture
def share_page(request, chromium, running, lent, nothing_goes_wrong):
    """`share_page(query)` is `open_page(query)` for tests that leave the page as they found it.

    Opened, and exact, for the first of a file's tests; anew after one that failed.
    """
    asked = {}

    def make(*query, **options):
        key = repr((query, options))
        if key not in lent:
            instrument = opened(chromium, running, *query, **options)
            lent[key] = asked[key] = instrument, None
            instrument.exact()
            lent[key] = instrument, state(instrument)
        asked[key] = lent[key]
        return lent[key][0]

    yield make
    left = []
    try:
        for key, (instrument, found) in asked.items():
            nothing_goes_wrong(instrument)
            if not request.node.stash[FAILED]:
                instrument.exact()
                instrument.until(lambda i=instrument, found=found: state(i) == found)
                left.append(key)
    finally:
        for key in asked.keys() - left:
            lent.pop(key)[0].page.context.close()


def state(instrument):
    """All that is set, as the address has it, and the size of the window."""
    return instrument.page.url, instrument.page.viewport_size
