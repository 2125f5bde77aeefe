"""The page in a browser, following a microscope that is played to it."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from recon.io import write_events
from tests.support.cameras import camera
from tests.support.ports import free_port
from tests.support.servers import served
from tests.ui.idle import PROGRAM as IDLE
from tests.ui.instrument import Instrument
from tests.ui.samples import SCAN, lattice_scan

KNOWN = "energy=80&angle=25&step=0.6&rotation=0&left=bf"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A server that listens, and the scan that a camera sends to it up to any frame."""
    folder, port = tmp_path_factory.mktemp("lab"), free_port()
    events = lattice_scan()
    write_events(folder / "lattice.npz", events)
    source = f"accos:tcp://listen@127.0.0.1:{port}"
    settings = {"LIVESTEM_CACHE": str(folder / "cache")}
    # A camera that waits until a busy machine has shown what came has not stopped.
    where = folder / "lattice.npz", "--live", source, "--patience-s", 1e6
    where += "--keep", folder / "kept"
    with served(*where, program=IDLE, **settings) as (process, ready):
        yield SimpleNamespace(
            process=process, url=ready[0], port=port, events=events, kept=folder / "kept"
        )


def test_the_image_grows_sliders_work_and_the_end_is_that_of_the_file(lab, chromium):
    with camera(lab.events, f"tcp://127.0.0.1:{lab.port}") as far:
        followed(lab, far, chromium)


def followed(lab, far, chromium):
    context = chromium.new_context(viewport={"width": 1366, "height": 900})
    context.set_default_timeout(600_000)
    page = Instrument(context.new_page(), f"{lab.url}?{KNOWN}", lab.process)
    offline = page.exact()
    assert page.page.locator("#live").evaluate("card => card.open")  # where a microscope is
    card = page.page.locator(".live")
    assert "Waiting for the microscope" in card.inner_text()

    far(36)
    page.until(lambda: re.search(r"Rows\s+3\d of 72", card.inner_text()))
    page.until(lambda: "rows" in page.words("main .mode"))
    grown = np.array(page.picture()["values"]).reshape(page.picture()["shape"])
    assert grown[:16].std() > 0
    assert not grown[-16:].any()  # under the hatching
    page.enter("defocus", "40")
    page.until(lambda: "exact" in page.words("main .mode"))
    provisional = page.page.locator(".live .provisional")
    page.until(lambda: provisional.inner_text().startswith("Not scanned yet"))

    far(SCAN[0] + 1)
    page.until(lambda: "complete" in card.inner_text())
    page.until(lambda: page.words("main .mode") == "exact")
    card.locator("img").wait_for()
    assert "change C10 by" in card.inner_text()
    page.enter("defocus", "0")
    assert page.exact()["values"] == offline["values"]
    assert len(list(lab.kept.glob("live-*-1.toml"))) == 1
    context.close()
    assert page.problems == []
