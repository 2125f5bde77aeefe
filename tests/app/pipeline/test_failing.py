"""What fails, is stopped or overtaken costs a session nothing, with a stand-in for the engine."""

from threading import Event

from app.state.ties import Ties
from tests.support.sessions import Session
from tests.support.waiting import wait_until


def test_a_scan_that_cannot_be_read_leaves_the_open_one(session):
    session.engine.fail["events"] = ValueError("That is no scan.")
    session.experiment.scan.dataset = "broken"
    session.until(lambda: session.all("error"))
    assert session.all("error") == ["That is no scan."]
    assert session.experiment.scan.dataset == "demo"
    del session.engine.fail["events"]
    session.experiment.aberrations.defocus = 3
    session.rest()


def test_a_first_scan_that_cannot_be_read_is_told_once(engine, service):
    engine.fail["events"] = ValueError("That is no scan.")
    session = Session(engine, service).start()
    session.until(lambda: session.all("error"))
    session.experiment.aberrations.defocus = 3
    session.turn()
    assert engine.count("events") == 1
    del engine.fail["events"]
    session.pipeline.opening.read()
    session.rest()
    assert session.all("error") == ["That is no scan."]
    session.pipeline.close()


def test_a_crop_that_leaves_nothing_is_told_once_and_can_be_undone(session):
    session.engine.fail["scan"] = ValueError("Nothing is left.")
    session.experiment.scan.crop_top = 5
    session.until(lambda: session.all("error"))
    session.experiment.aberrations.defocus = 3
    session.rest()
    assert session.all("error") == ["Nothing is left."]
    del session.engine.fail["scan"]
    count = session.engine.count("sidebands")
    session.experiment.scan.crop_top = 0
    session.until(lambda: session.engine.count("sidebands") == count + 1)


def test_an_unexpected_failure_is_one_sentence_and_logged(session, caplog):
    session.engine.fail["phase"] = KeyError("oops")
    session.experiment.aberrations.defocus = 3
    session.until(lambda: session.all("error"))
    assert "failed unexpectedly (KeyError" in session.all("error")[0]
    assert "Unexpected failure" in caplog.text
    session.engine.fail.clear()
    session.experiment.aberrations.defocus = 4
    session.rest()


def test_cancelled_reading_leaves_the_open_scan_and_says_nothing(session):
    session.engine.hold["events"] = Event()
    session.experiment.scan.dataset = "bare"
    wait_until(lambda: ("events", "bare") in session.engine.calls)
    session.pipeline.cancel()
    assert session.experiment.scan.dataset == "demo"
    session.engine.hold.clear()
    session.experiment.aberrations.defocus = 3
    session.rest()
    assert session.all("error") == []
    assert session.all("scan")[-1].dataset == "demo"


def test_cancelled_g_leaves_the_old_one_until_it_is_tried_again(session):
    session.engine.hold["sidebands"] = Event()
    session.experiment.detector.bright_field_pixels = 24
    wait_until(lambda: ("sidebands", 24) in session.engine.calls)
    session.pipeline.cancel()
    del session.engine.hold["sidebands"]
    session.experiment.aberrations.defocus = 3
    session.rest()
    assert session.engine.calls.count(("sidebands", 24)) == 1
    session.pipeline.opening.read()
    session.until(lambda: session.engine.calls.count(("sidebands", 24)) == 2)


def test_of_two_scans_chosen_in_a_row_the_second_is_shown(session):
    hold = session.engine.hold["events"] = Event()
    session.experiment.scan.dataset = "one"
    wait_until(lambda: ("events", "one") in session.engine.calls)
    session.experiment.scan.dataset = "bare"
    hold.set()
    session.until(lambda: session.all("scan")[-1].dataset == "bare")
    assert session.experiment.scan.dataset == "bare"
    assert "one" not in [scan.dataset for scan in session.all("scan")]


def test_a_view_that_fails_keeps_nothing_from_the_others(session, caplog):
    later, ties, phase = [], Ties(), session.pipeline.drawing.param.phase
    ties.show(phase, lambda value: 1 / 0).show(phase, later.append)
    session.experiment.aberrations.defocus = 3
    session.rest()
    assert later[-1] is session.pipeline.drawing.phase
    assert "could not show" in caplog.text
