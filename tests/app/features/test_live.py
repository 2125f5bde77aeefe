"""The card *Live*: what it says, and what its buttons do."""

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest

from app.engine.live_scan import MicroscopeState, ScanState
from app.pipeline.results import PhaseImage
from app.state.filling import FOUND
from app.state.request import Reading
from tests.support.pages import instrument  # noqa: F401 - a fixture

AT = datetime(2026, 5, 4, 12, 30)
SCAN = ScanState("live:/2", 2, AT, (100, 50), 40, 2_000_000, 4.0, False)
STATE = MicroscopeState("interactem", "tcp://host:5000", "scanning", scans=(SCAN,))


class Live:
    """In place of the microscope."""

    def __init__(self):
        self.pictures, self.stopped, self.state = {}, 0, STATE

    def picture(self, name, url):
        self.pictures[name] = url

    def stop(self):
        self.stopped += 1

    def leave(self, who):
        pass


@pytest.fixture
def page(instrument):
    instrument.pipeline.session.engine = SimpleNamespace(live=Live())
    return instrument


def card(page):
    return page.roots()["live"]


def facts(page):
    return dict(card(page).facts)


def test_without_a_microscope_the_demonstration_is_offered(page):
    assert (card(page).state, card(page).can_play, card(page).facts) == ("", True, [])


def test_it_says_what_has_come(page):
    page.pipeline.publish("microscope", STATE)
    assert (card(page).state, card(page).head) == ("scanning", "interactem at tcp://host:5000")
    assert card(page).share == 0.4
    assert not card(page).can_play  # it would take the microscope's place
    assert facts(page) == {
        "Scan 2": "under way",
        "Rows": "40 of 100",
        "Electrons": "2 M",
        "Electrons a second": "500 k",
    }
    page.experiment.scan.param.update(scan_step_y=10.0, scan_step_x=5.0)
    done = replace(SCAN, rows=100, over=True, lost=3, notes=("3 frames lost.",), kept="a.toml")
    page.pipeline.publish("microscope", replace(STATE, state="waiting", scans=(done,)))
    assert facts(page)["Dose"] == "8 e/Å²"  # 2 M on 100 × 50 positions of 50 Å²
    assert (facts(page)["Frames lost"], facts(page)["Kept as"]) == ("3", "a.toml")
    assert card(page).sentence == "3 frames lost."
    assert card(page).scans == [("live:/2", "2 · 12:30:00", "")]


def test_it_says_which_scan_is_open_as_soon_as_one_goes_back(page):
    older = replace(SCAN, name="live:/1", number=1, over=True, electrons=7)
    page.pipeline.publish("microscope", replace(STATE, scans=(SCAN, older)))
    assert "Scan 2" in facts(page)
    page.pipeline.publish("request", page.experiment.request())
    with page.experiment.fill(FOUND):
        page.experiment.scan.dataset = "live:/1"
    page.pipeline.publish("reading", Reading("live:/1"))
    assert (facts(page)["Scan 1"], facts(page)["Electrons"]) == ("ended early", "7")
    page.pipeline.publish("microscope", replace(STATE, scans=(replace(older, rows=100),)))
    assert facts(page)["Scan 1"] == "complete"
    assert card(page).shown == "live:/1"


def test_a_finished_phase_is_the_scans_small_picture(page, image):
    live = page.pipeline.session.engine.live
    page.pipeline.publish("dataset", "live:/2")
    grown = PhaseImage(image, "exact", 1.0, (1, 1), rows=np.arange(12) < 4)
    page.pipeline.publish("phase", grown)
    page.pipeline.publish("phase", PhaseImage(image, "draft", 1.0, (1, 1)))
    assert live.pictures == {}
    page.pipeline.publish("phase", PhaseImage(image, "exact", 1.0, (1, 1)))
    assert live.pictures["live:/2"].startswith("data:image/png;base64,")


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=(12, 16)).astype(np.float32)


def test_what_to_change_is_said_of_the_microscopes_own_scans(page):
    page.experiment.aberrations.defocus = 12.3
    assert card(page).correction == ""
    page.experiment.scan.dataset = "live:/2"
    page.pipeline.publish("microscope", STATE)
    assert card(page).correction == "change C10 by +12.3 nm."
    card(page)._handle_msg({"does": "convention", "name": "defocus"})
    assert card(page).correction == "change Δf by −12.3 nm."
    card(page)._handle_msg({"does": "convention", "name": "no such"})
    assert page.experiment.display.convention == "defocus"
    # The stigmators' angle is that of the scan: the detector is turned by 30° against it.
    page.experiment.aberrations.param.update(C12a=4.0)
    page.experiment.scan.rotation_deg = 30.0
    assert card(page).correction.endswith("C12 by 4 nm at 60°.")


def test_its_buttons_follow_hold_and_go_back(page):
    watching = page.pipeline.watching
    page.pipeline.publish("microscope", STATE)
    card(page)._handle_msg({"does": "follow"})
    assert (watching.following, page.experiment.scan.dataset) == (True, "live:/2")
    assert card(page).following
    card(page)._handle_msg({"does": "hold"})
    assert not card(page).following
    older = replace(SCAN, name="live:/1", number=1, over=True)
    page.pipeline.publish("microscope", replace(STATE, scans=(SCAN, older)))
    card(page)._handle_msg({"does": "show", "name": "live:/../1"})
    assert page.experiment.scan.dataset == "live:/2"
    card(page)._handle_msg({"does": "show", "name": "live:/1"})
    assert page.experiment.scan.dataset == "live:/1"
    assert not watching.following


def test_nobody_stops_a_microscope_from_the_page(page):
    page.pipeline.publish("microscope", STATE)
    card(page)._handle_msg({"does": "stop"})
    card(page)._handle_msg({"does": "play"})
    assert page.pipeline.session.engine.live.stopped == 0
