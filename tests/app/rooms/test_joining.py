"""A page that has come into a room shows what the room's pipeline makes."""

from threading import Event

import pytest

from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.pipeline.jobs import Job
from recon.io import write_events
from tests.support.microscopes import came, listening, over
from tests.support.room_bench import Bench
from tests.ui.samples import lattice_scan

KNOWN = {"energy": 80e3, "semiangle_cutoff": 25.0, "scan_sampling": (0.6, 0.6), "rotation_deg": 0.0}


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Pages that look at a microscope, its source, and what it sends."""
    live, source = listening(tmp_path / "kept", **KNOWN)
    (tmp_path / "data").mkdir()
    events = lattice_scan()
    write_events(tmp_path / "data/stored.npz", events)
    engine = Engine(Catalogue(tmp_path / "data", live=live))
    bench = Bench(monkeypatch, engine)
    yield bench, live, source, events
    bench.close()
    engine.close()
    live.close()


def card(page):
    return page.roots()["live"]


def rows(page):
    phase = page.pipeline.drawing.phase
    return None if phase is None or phase.rows is None else phase.rows.sum()


def test_a_room_sees_what_a_microscope_makes_and_any_hand_holds_it_or_lets_it_go_on(lab):
    bench, live, source, events = lab
    anna = bench.open(dataset="stored.npz")
    card(anna)._handle_msg({"does": "follow"})
    source.begin(events)
    source.rows(events, 0, 24)
    came(live, 24)
    bench.until(lambda: rows(anna) == 24)

    ben = bench.open(anna.pipeline.invite().steer)
    both = anna, ben
    bench.until(lambda: all(rows(page) == 24 for page in both))
    assert all(card(page).following for page in both)
    source.rows(events, 24, 48)
    came(live, 48)
    bench.until(lambda: all(rows(page) == 48 for page in both))
    bench.until(lambda: all(("Rows", "48 of 72") in card(page).facts for page in both))
    assert all("not scanned yet" in card(page).provisional[0].lower() for page in both)

    # One holds the scan: it stays for both as the next one comes.
    card(ben)._handle_msg({"does": "hold"})
    bench.until(lambda: not any(card(page).following for page in both))
    source.rows(events, 48, 72)
    source.end(events.positions)
    over(live, 1)
    bench.until(lambda: all(rows(page) is None for page in both))
    source.begin(events)
    source.rows(events, 0, 12)
    came(live, 12)
    bench.until(lambda: all(len(card(page).scans) == 2 for page in both))
    assert {page.experiment.scan.dataset for page in both} == {"live:/1"}

    # The other goes on with it, by a button of a page that was there before the room.
    card(anna)._handle_msg({"does": "follow"})
    bench.until(lambda: all(page.experiment.scan.dataset == "live:/2" for page in both))
    bench.until(lambda: all(rows(page) == 12 for page in both))
    assert anna.pipeline.drawing.phase is ben.pipeline.drawing.phase
    assert anna.pipeline.preparing.prepared is None  # a page of a room computes nothing itself


def test_a_fit_goes_on_in_the_room_that_is_opened_meanwhile_and_all_see_it(monkeypatch):
    bench, may_end, began = Bench(monkeypatch), Event(), []

    def run(context):
        began.append(context.request.aberrations.defocus)
        while not may_end.wait(0.01):
            context.meter(0.5)
        return "found"

    def adopt(experiment, result):
        experiment.aberrations.C12a = 4.0

    anna = bench.open()
    anna.pipeline.aside.perform(Job("Fit", run, adopt), anna.fitted)
    bench.until(lambda: began)
    ben = bench.open(anna.pipeline.invite().steer)
    bench.until(lambda: len(began) == 2)
    assert began[0] == began[1]
    bench.until(lambda: anna.fitted.under_way and ben.fitted.under_way)
    may_end.set()
    bench.until(lambda: anna.fitted.result == ben.fitted.result == "found")
    bench.until(lambda: ben.experiment.aberrations.C12a == anna.experiment.aberrations.C12a == 4)
    bench.close()
