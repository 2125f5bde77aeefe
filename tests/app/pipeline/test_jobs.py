"""Jobs asked for once, and extras made only while they are shown."""

from threading import Event

import pytest

from app.pipeline.extras import Extras
from app.pipeline.jobs import Job
from app.pipeline.lanes import ComputeService
from app.pipeline.on_show import Extra
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
    return Job("found", "Looking", run, set_defocus, lambda r: r.aberrations, "defocus", **more)


def perform(session, run):
    session.pipeline.aside.perform(job(run))


def test_a_result_is_told_and_adopted_and_redrawn(session):
    perform(session, lambda context: 7.0)
    session.until(lambda: session.all("found"))
    session.rest()
    assert session.experiment.aberrations.defocus == 7
    assert [getattr(u, "topic", None) for u in session.all("aside")] == ["found", None]


def test_the_hand_wins_over_a_result(session):
    hold = Event()
    perform(session, lambda context: hold.wait(PATIENCE_S) and 7.0)
    session.experiment.aberrations.defocus = 3
    hold.set()
    session.until(lambda: session.all("found"))
    session.rest()
    assert session.experiment.aberrations.defocus == 3
    assert "defocus" in session.all("notice")[-1]


def test_what_was_found_in_another_scan_is_not_told(session):
    hold = Event()
    perform(session, lambda context: hold.wait(PATIENCE_S) and 7.0)
    session.experiment.scan.dataset = "bare"
    session.until(lambda: session.all("scan")[-1].dataset == "bare")
    hold.set()
    session.until(lambda: session.all("aside")[-1] is None)
    session.rest()
    assert session.all("found") == []
    assert session.experiment.aberrations.defocus == 0


def test_a_refusal_changes_nothing_and_is_told(session):
    def refuse(context):
        raise Unfitted("Too few electrons.")

    perform(session, refuse)
    session.until(lambda: session.all("error"))
    assert session.all("error") == ["Too few electrons."]
    assert session.experiment.aberrations.defocus == 0
    assert session.all("found") == []
    assert session.all("aside")[-1] is None


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
    session.until(lambda: session.all("aside")[-1] is None)
    assert session.all("found") == session.all("error") == []


def test_a_new_job_takes_the_place_of_the_last(session):
    hold = Event()
    perform(session, lambda context: hold.wait(PATIENCE_S) and 1.0)
    perform(session, lambda context: 2.0)
    hold.set()
    session.until(lambda: session.all("found"))
    assert session.all("found") == [2.0]


def test_a_job_knows_what_is_missing(session):
    session.experiment.scan.energy_kev = None
    session.until(lambda: session.pipeline.prepared.sidebands is None)
    perform(session, lambda context: context.g)
    session.until(lambda: session.all("error"))
    assert "beam energy" in session.all("error")[-1]


# ---- extras ----


@pytest.fixture
def extras(session):
    made = []

    def make(context):
        made.append(context.request.aberrations.defocus)
        return made[-1]

    table = {
        "curve": Extra("Curve", lambda request: request.aberrations, make),
        "broken": Extra("Broken", lambda request: None, lambda context: 1 / 0),
    }
    return Extras(session.pipeline, table), made


def test_an_extra_is_made_once_for_each_setting_and_only_if_wanted(session, extras):
    follower, made = extras
    follower.follow(("phase", "dpc"))
    follower.follow(("phase", "curve"))
    session.until(lambda: session.all("curve") == [0.0])
    follower.follow(("curve",))
    session.experiment.aberrations.defocus = 2
    session.rest()
    follower.follow(("curve",))
    session.until(lambda: len(session.all("curve")) == 2)
    assert made == [0.0, 20.0]


def test_one_that_fails_says_so_once_and_holds_up_no_other(session, extras):
    follower, made = extras
    follower.follow(("broken", "curve"))
    session.until(lambda: session.all("curve"))
    follower.follow(("broken", "curve"))
    assert len(session.all("error")) == 1
    assert session.all("broken") == [None]
    assert made == [0.0]


def test_a_drag_makes_only_the_last(session, extras):
    follower, made = extras
    for value in range(1, 6):
        session.experiment.aberrations.defocus = value
        # While the hand moves nothing is begun, however slowly it does.
        follower.follow(("curve",), delay=PATIENCE_S if value < 5 else 0)
    session.until(lambda: session.all("curve"))
    assert made == [50.0]


def test_a_change_of_something_else_lets_an_extra_go_on(session):
    hold, begun = Event(), []

    def make(context):
        begun.append(context.request.aberrations.defocus)
        while not hold.wait(0.002):
            context.meter(0.5)
        return begun[-1]

    follower = Extras(session.pipeline, {"curve": Extra("Curve", lambda r: r.aberrations, make)})
    follower.follow(("curve",))
    session.until(lambda: begun)
    session.experiment.display.theme = "light"
    follower.follow(("curve",))
    hold.set()
    session.until(lambda: session.all("curve"))
    assert begun == [0.0]
    # What another value asks for stops it still, and so does a slot that shows it no more.
    hold.clear()
    for value, wanted in ((2, ("curve",)), (3, ("curve",)), (4, ())):
        expected = 10 * min(value, 3)
        session.experiment.aberrations.defocus = value
        follower.follow(wanted)
        session.until(lambda expected=expected: begun[-1] == expected)
    hold.set()
    session.rest()
    assert session.all("curve") == [0.0]
