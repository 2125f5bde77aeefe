"""The served application with a small scan, and a browser that looks at it."""

import asyncio
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from recon.io import write_events
from tests.support.servers import ROOT
from tests.support.servers import server as server_process
from tests.support.waiting import PATIENCE_S
from tests.ui.instrument import Instrument
from tests.ui.kept import Kept
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


@contextmanager
def driven(loop):
    """Playwright's event loop runs on this thread meanwhile, on which no other could."""
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(None)


@pytest.fixture(scope="session")
def launched():
    """Debian's Chromium, or the one that Playwright brought, and the loop that drives it."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("LIVESTEM_CHROMIUM") or shutil.which("chromium")
    driver = playwright.sync_playwright().start()
    loop = asyncio.get_running_loop()
    try:
        with driven(loop):
            try:
                running = driver.chromium.launch(
                    executable_path=path, args=FLAGS, timeout=1000 * PATIENCE_S
                )
            except playwright.Error as error:
                pytest.skip(f"no Chromium: {error}")
        yield running, loop
        with driven(loop):
            running.close()
    finally:
        with driven(loop):
            driver.stop()


@pytest.fixture(scope="session")
def keep(launched):
    """The pages that are kept, by what they were opened with."""
    pages = {}
    yield pages
    with driven(launched[1]):
        for each in pages.values():
            each.context.close()


@pytest.fixture(scope="module")
def chromium(launched):
    """One for all files, whose loop runs while a file is at it."""
    running, loop = launched
    with driven(loop):
        yield running


def opened(chromium, running, query, options):
    """A page in a context of its own: both."""
    context = chromium.new_context(
        **({"viewport": {"width": 1366, "height": 768}, "accept_downloads": True} | options)
    )
    context.set_default_timeout(1000 * PATIENCE_S)
    return context, Instrument(context.new_page(), f"{running.url}?{query}", running.process)


@pytest.fixture
def well(running):
    """Pages of the server of which, whatever a test does, nothing may have gone wrong."""
    looked_at, said = [], len(running.process.said())
    yield looked_at
    for instrument in looked_at:
        assert instrument.problems == []
        assert instrument.outside == []
    assert complaint(running.process.said(said)) == ""


@pytest.fixture
def open_page(chromium, running, well):
    """`open_page(query)` gives an `Instrument` on a new page."""
    contexts = []

    def make(query="dataset=lattice.npz", **options):
        context, instrument = opened(chromium, running, query, options)
        contexts.append(context)
        well.append(instrument)
        return instrument

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def kept_page(chromium, running, well, keep, request):
    """`kept_page(query)` gives one that others have used, at rest and put back to its start.

    One a query and screen; what cannot be put back, or belongs to a test that failed, is closed.
    """
    used, failed = set(), request.session.testsfailed

    def make(query="dataset=lattice.npz", **options):
        key = query, str(options)
        used.add(key)
        if key in keep and not keep[key].put_back():
            keep.pop(key).context.close()
        if key not in keep:
            keep[key] = Kept(*opened(chromium, running, query, options))
        well.append(keep[key].instrument)
        return keep[key].instrument

    yield make
    if request.session.testsfailed > failed:
        for key in keep.keys() & used:
            keep.pop(key).context.close()
