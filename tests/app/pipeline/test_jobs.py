"""Jobs asked for once, and extras made only while they are shown."""

from threading import Event

import pytest

from app.pipeline.jobs import Job
from app.pipeline.lanes import ComputeService
from app.pipeline.on_show import Extra
from app.pipeline.resting import Resting
from recon.errors import Unfitted
from tests.support.sessions import CALIBRATED, FakeEngine, Session
from tests.support.waiting import PATIENCE_S


@pytest.fixture
def session():
    service = ComputeService()
    made = Session(FakeEngine({"demo": CALIBRATED, "bare": {}}), service).start()
    made.rest()
    yield made
    made.pipeline.close()
    service.close()


def set_defocus(experiment, value):
    experiment.aberrations.defocus = value


def job(run, **more):
    return Job("Looking", run, set_defocus, lambda r: r.aberrations, "defocus", **more)


def perform(session, run):
    session.perform(job(run))


def test_a_result_is_told_and_adopted_and_redrawn(session):
    perform(session, lambda context: 7.0)
    session.until(lambda: session.all("result"))
    session.rest()
    assert session.experiment.aberrations.defocus == 7
    assert session.all("under_way") == [True, False]


def test_the_hand_wins_over_a_result(session):
    hold = Event()
    perform(session, lambda context: hold.wait(PATIENCE_S) and 7.0)
    session.experiment.aberrations.defocus = 3
    hold.set()
    session.until(lambda: session.all("result"))
    session.rest()
    assert session.experiment.aberrations.defocus == 3
    assert "defocus" in session.all("notice")[-1]


def test_what_was_found_in_another_scan_is_not_told(session):
    hold = Event()
    perform(session, lambda context: hold.wait(PATIENCE_S) and 7.0)
    session.experiment.scan.dataset = "bare"
    session.until(lambda: session.all("scan")[-1].dataset == "bare")
    hold.set()
    session.until(lambda: session.all("under_way")[-1] is False)
    session.rest()
    assert session.all("result") == []
    assert session.experiment.aberrations.defocus == 0


def test_a_refusal_changes_nothing_and_is_told(session):
    def refuse(context):
        raise Unfitted("Too few electrons.")

    perform(session, refuse)
    session.until(lambda: session.all("error"))
    assert session.all("error") == ["Too few electrons."]
    assert session.experiment.aberrations.defocus == 0
    assert session.all("result") == []
    assert session.all("under_way")[-1] is False


def test_a_cancelled_job_is_never_adopted(session):
    started, ended = Event(), Event()

    def work(context):
        started.set()
        try:
            while True:
                context.meter(0.5)
        finally:
            ended.set()

    perform(session, work)
    assert started.wait(PATIENCE_S)
    session.pipeline.cancel()
    assert ended.wait(PATIENCE_S)
    session.until(lambda: session.all("under_way")[-1] is False)
    assert session.all("result") == session.all("error") == []


def test_a_new_job_takes_the_place_of_the_last(session):
    hold = Event()
    perform(session, lambda context: hold.wait(PATIENCE_S) and 1.0)
    perform(session, lambda context: 2.0)
    hold.set()
    session.until(lambda: session.all("result"))
    assert session.all("result") == [2.0]


def test_a_job_knows_what_is_missing(session):
    session.experiment.scan.energy_kev = None
    session.until(lambda: session.pipeline.preparing.prepared.sidebands is None)
    perform(session, lambda context: context.g)
    session.until(lambda: session.all("error"))
    assert "beam energy" in session.all("error")[-1]


# ---- extras ----


class Stopwatch(Resting):
    """Of a table of its own, which notes the defocus that each was begun with [Å]."""

    def __init__(self, session, make=None):
        self.begun = []

        def curve(context):
            self.begun.append(context.request.aberrations.defocus)
            return make(context) if make else self.begun[-1]

        self.TABLE = {
            "curve": Extra("Curve", lambda request: request.aberrations, curve),
            "broken": Extra("Broken", lambda request: None, lambda context: 1 / 0),
        }
        pipeline = session.pipeline
        before = {"asked": pipeline.asked, "preparing": pipeline.preparing}
        super().__init__(pipeline.session, **before)
        session.watch(self, "curve", "broken")


def test_an_extra_is_made_once_for_each_setting_and_only_if_wanted(session):
    extras = Stopwatch(session)
    extras.also = frozenset({"phase", "dpc"})
    extras.also = frozenset({"phase", "curve"})
    session.until(lambda: session.all("curve") == [0.0])
    extras.also = frozenset({"curve"})
    session.experiment.aberrations.defocus = 2
    session.rest()
    session.until(lambda: len(session.all("curve")) == 2)
    extras.also = frozenset()
    session.experiment.aberrations.defocus = 3
    session.rest()
    assert extras.begun == [0.0, 20.0]


def test_one_that_fails_says_so_once_and_holds_up_no_other(session):
    extras = Stopwatch(session)
    extras.also = frozenset({"broken", "curve"})
    session.until(lambda: session.all("curve"))
    session.experiment.display.theme = "light"
    session.turn()
    (refused,) = session.all("broken")
    assert session.all("error") == [refused.sentence]
    assert "failed unexpectedly (ZeroDivisionError" in refused.sentence
    assert extras.begun == [0.0]


def test_a_drag_makes_only_the_last(session):
    extras = Stopwatch(session)
    # While the hand moves nothing is begun, however slowly it does.
    session.pipeline.session.settle = PATIENCE_S
    extras.also = frozenset({"curve"})
    for value in range(1, 6):
        session.pipeline.session.settle = PATIENCE_S if value < 5 else 0
        session.experiment.aberrations.defocus = value
    session.until(lambda: session.all("curve"))
    assert extras.begun == [50.0]


def test_a_change_of_something_else_lets_an_extra_go_on(session):
    hold = Event()

    def make(context):
        while not hold.wait(0.002):
            context.meter(0.5)
        return context.request.aberrations.defocus

    extras = Stopwatch(session, make)
    extras.also = frozenset({"curve"})
    session.until(lambda: extras.begun)
    session.experiment.display.theme = "light"
    hold.set()
    session.until(lambda: session.all("curve"))
    assert extras.begun == [0.0]
    # What another value asks for stops it still, and so does what is shown no more.
    hold.clear()
    for value in (2, 3):
        session.experiment.aberrations.defocus = value
        session.until(lambda value=value: extras.begun[-1] == 10 * value)
    extras.also = frozenset()
    hold.set()
    session.rest()
    assert session.all("curve") == [0.0]
