"""What happens on which thread, and that no lane waits for another's work on the device."""

from threading import Event, Thread, get_ident
from types import SimpleNamespace

import numpy as np
import pytest

from app.pipeline.jobs import Job
from app.pipeline.pipeline import Pipeline
from app.pipeline.prepared import Picks
from app.pipeline.session import Session as Shared
from app.pipeline.session import Told
from app.pipeline.wiener import Weighting
from app.state.display import DisplayState
from app.state.experiment import Experiment
from app.state.request import TileChoice
from recon.optics import Aberrations
from tests.support.sessions import CALIBRATED, FakeEngine, Session
from tests.support.waiting import PATIENCE_S

SET = "Asked.request", "Preparing.prepared", "Drawing.phase", "Resting.flatness", "Told.error"
"""Some of what the session's thread sets."""


class FullDevice(FakeEngine):
    """Has room for one G: each asks for that of the one before."""

    def __init__(self):
        super().__init__({"demo": CALIBRATED})
        self.left = []

    def sidebands(self, scan, calibration, pixels, full=False, progress=None, let_go=None):
        let_go()
        self.left.append(self.pipeline.preparing.prepared)
        return super().sidebands(scan, calibration, pixels, full, progress)


@pytest.fixture
def session(service):
    session = Session(FullDevice(), service)
    session.engine.pipeline = session.pipeline
    yield session
    session.pipeline.close()


def test_the_state_and_what_follows_it_belong_to_the_sessions_thread(session, monkeypatch):
    here, threads = get_ident(), {}

    def note(what):
        threads.setdefault(what, set()).add(get_ident())

    class Noting(dict):
        def __setitem__(self, key, value):
            note("made")
            super().__setitem__(key, value)

    for kind in (Pipeline, Shared, Told, *map(type, session.pipeline.stages)):

        def setting(self, name, value, kind=kind):
            note(f"{kind.__name__}.{name}")
            object.__setattr__(self, name, value)

        monkeypatch.setattr(kind, "__setattr__", setting)
    request, results = Experiment.request, DisplayState.results.fget
    monkeypatch.setattr(Experiment, "request", lambda self: (note("request"), request(self))[1])
    shown = property(lambda self: (note("shown"), results(self))[1])
    monkeypatch.setattr(DisplayState, "results", shown)
    session.pipeline.resting._made = Noting()

    session.experiment.display.slot_left = "amplitude"
    session.start().rest()
    session.experiment.aberrations.defocus = 3  # a draft, and the exact phase after it
    session.rest()
    session.perform(Job("Doing", lambda context: context.request))
    session.until(lambda: session.all("result"))
    session.pipeline.resting.also |= {"flatness"}  # fails with this engine, which is told
    session.experiment.detector.bright_field_pixels = 10  # another G in its place
    session.until(lambda: session.pipeline.preparing.prepared not in (None, session.engine.left[0]))
    session.until(lambda: session.all("error"))
    session.until(lambda: len(session.engine.left) >= 2)

    assert session.engine.left == [None] * len(session.engine.left)
    assert {"request", "shown", "made", *SET} <= threads.keys()
    assert {what for what, seen in threads.items() if seen != {here}} == set()


def test_a_file_is_of_what_was_set_when_it_was_asked_for(session, monkeypatch):
    session.start().rest()
    made = lambda engine, prepared, request, *more: request.aberrations.defocus  # noqa: E731
    monkeypatch.setattr("app.pipeline.export.export", made)
    session.experiment.aberrations.defocus = 3
    make = session.pipeline.to_save("tiff")
    session.experiment.aberrations.defocus = 8
    assert make() == 30  # [Å]


def test_who_asks_a_session_that_ends_waits_no_longer(service):
    shared, done = Shared(None, service, lambda function: None), []
    thread = Thread(target=lambda: done.append(shared.ask(lambda: None, PATIENCE_S)))
    thread.start()
    shared.close()
    thread.join(PATIENCE_S / 2)
    assert done == [False]


# ---- locks ----


class Blocked:
    """An engine whose device is busy with what the first caller wants, until it is let go."""

    def __init__(self):
        self.begun, self.free, self.calls = Event(), Event(), 0

    def _work(self):
        self.calls += 1
        number = self.calls
        if number == 1:
            self.begun.set()
            assert self.free.wait(PATIENCE_S)
        return number

    def frequencies(self, g, choice):
        return np.full((choice.count, 2), self._work())

    def spectrum(self, g):
        return np.full((2, 2), self._work())

    def prior(self, g, aberrations):
        return SimpleNamespace(statement=f"estimate {self._work()}")


def both(engine, first, second):
    """What two lanes get: the second asks while the device works for the first."""
    results = {}
    threads = [
        Thread(target=lambda: results.update(first=first())),
        Thread(target=lambda: results.update(second=second())),
    ]
    threads[0].start()
    assert engine.begun.wait(PATIENCE_S)
    threads[1].start()
    threads[1].join(PATIENCE_S / 4)
    waited = threads[1].is_alive()
    engine.free.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not waited, "the second lane waited for the first one's work"
    return results["first"], results["second"]


def test_no_lane_waits_for_the_tiles_frequencies_of_another():
    engine, picks = Blocked(), Picks()
    few, many = TileChoice(4), TileChoice(9)
    first, second = both(
        engine, lambda: picks.of(engine, None, few), lambda: picks.of(engine, None, many)
    )
    assert (len(first), len(second)) == (4, 9)


def test_two_lanes_have_the_same_frequencies_though_both_looked_for_them():
    engine, picks = Blocked(), Picks()
    choice = TileChoice(4)
    first, second = both(engine, *[lambda: picks.of(engine, None, choice)] * 2)
    assert first is second is picks.of(engine, None, choice)


def test_no_lane_waits_for_the_spectrum_of_another_and_news_is_told_once():
    engine, picks, frequencies = Blocked(), Picks(), np.zeros((1, 2))
    first, second = both(engine, *[lambda: picks.news(engine, None, frequencies)] * 2)
    assert [power is None for power in (first, second)] == [True, False]


def test_no_lane_waits_for_the_weights_of_another():
    engine, weighting, aberrations = Blocked(), Weighting(), Aberrations()
    first, second = both(
        engine,
        lambda: weighting.of(engine, None, aberrations, moving=False),
        lambda: weighting.of(engine, None, aberrations, moving=True),
    )
    assert (first[2], second[2]) == ("estimate 1", "estimate 2")
