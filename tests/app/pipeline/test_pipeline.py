"""What a change of the state makes happen, with threads and a stand-in for the engine."""

import gc
import weakref
from threading import Event

import numpy as np
import pytest

from app.state.experiment import Experiment
from app.state.link import from_query
from app.state.request import Region
from app.state.ties import Ties
from tests.support.sessions import CALIBRATED, Session
from tests.support.waiting import PATIENCE_S, wait_until


@pytest.fixture
def moving(engine, service):
    """A session whose hand does not rest, however slow the machine is."""
    session = Session(engine, service, settle=PATIENCE_S).start()
    session.rest()
    yield session
    session.pipeline.close()


def test_a_scan_is_opened_and_everything_shown(session):
    results = {name for name, _ in session.seen}
    assert results >= {
        "scan", "pacbed", "phase", "tiles", "spectrum", "virtual", "com", "dpc", "status"
    }  # fmt: skip
    assert [phase.mode for phase in session.all("phase")] == ["exact"]
    assert session.all("phase")[-1].scan_sampling == (0.3, 0.25)
    assert session.all("com")[-1].unit == "mrad"
    assert session.all("status")[-1].entries == 123
    assert session.all("error") == session.all("notice") == []


def test_calibration_comes_from_the_file_and_says_so(session):
    scan = session.experiment.scan
    assert (scan.energy_kev, scan.semiangle_mrad) == (80, 25)
    assert (scan.scan_step_y, scan.scan_step_x, scan.rotation_deg) == (0.3, 0.25, 12)
    assert not scan.auto_orientation
    assert (scan.centre_y, scan.centre_x, scan.radius) == (1.5, 1.25, 2)
    sources = session.all("scan")[-1].sources
    assert sources["energy_kev"] == sources["rotation_deg"] == "file"
    assert sources["centre_y"] == "fit"


def test_moving_the_defocus_gives_a_draft_then_the_exact_phase_and_nothing_else(session):
    before = list(session.engine.calls)
    session.experiment.aberrations.defocus = 5
    session.rest()
    assert [phase.mode for phase in session.all("phase")] == ["exact", "draft", "exact"]
    assert session.engine.calls[len(before) :] == [("phase", "draft", 5), ("phase", "exact", 5)]


def test_the_spectrum_is_told_only_when_it_or_its_picks_change(session):
    session.experiment.aberrations.defocus = 5
    session.rest()
    assert len(session.all("spectrum")) == 1
    session.experiment.display.tile_count = 4
    session.until(lambda: len(session.all("spectrum")) == 2)
    assert session.all("spectrum")[1].array is session.all("spectrum")[0].array
    assert len(session.all("spectrum")[1].frequencies) == 4


def test_tiles_follow_each_draft(session):
    session.experiment.aberrations.defocus = 5
    session.until(lambda: "draft" in [phase.mode for phase in session.all("phase")])
    assert len(session.all("tiles")) == len(session.all("phase"))


def test_the_last_value_of_a_drag_is_always_shown_and_none_queues(session):
    hold = session.engine.hold["phase"] = Event()
    for value in range(1, 200):
        session.experiment.aberrations.defocus = value
    hold.set()
    session.rest()
    values = [phase.array[0, 0] for phase in session.all("phase")]
    assert values[-1] == 199
    assert len(values) <= 4


def test_exact_waits_until_the_hand_rests(moving):
    for value in range(1, 8):
        moving.experiment.aberrations.defocus = value
        moving.until(lambda value=value: moving.all("phase")[-1].array[0, 0] == value)
    moving.pipeline.session.settle = 0.0
    moving.experiment.aberrations.defocus = 8
    moving.rest()
    modes = [phase.mode for phase in moving.all("phase")]
    assert modes == ["exact", *["draft"] * 8, "exact"]


def test_an_annulus_redoes_virtual_images_only(session):
    before = list(session.engine.calls)
    session.experiment.detector.annulus_inner = 0.7
    session.until(lambda: len(session.all("virtual")) == 2)
    assert session.engine.calls[len(before) :] == [("virtual", 0.7)]


def test_dpc_settings_redo_dpc_only(session):
    before = list(session.engine.calls)
    session.experiment.dpc.iterations = 33
    session.until(lambda: len(session.all("dpc")) == 2)
    assert session.engine.calls[len(before) :] == [("dpc", 33)]


def test_display_settings_redo_nothing(session):
    before = list(session.engine.calls)
    session.experiment.display.param.update(colour_map="viridis", theme="light", freeze=True)
    session.turn()
    assert session.engine.calls == before


def test_the_amplitude_is_computed_only_where_it_is_shown(session):
    assert session.engine.count("transmission") == 0
    session.experiment.display.slot_left = "amplitude"
    session.until(lambda: session.all("amplitude"))
    assert ("transmission", "draft") not in session.engine.calls
    np.testing.assert_array_equal(session.all("amplitude")[-1].array, 2)


def test_resampling_builds_g_again_and_drafts_go_on_meanwhile(session):
    hold = session.engine.hold["sidebands"] = Event()
    session.experiment.detector.bright_field_pixels = 24
    wait_until(lambda: ("sidebands", 24) in session.engine.calls)
    session.experiment.aberrations.defocus = 9
    session.until(lambda: session.all("phase")[-1].array[0, 0] == 9)
    hold.set()
    session.until(lambda: session.engine.calls.count(("phase", "exact", 9)) >= 1)
    assert session.engine.count("events") == 1


def test_the_triple_overlap_needs_another_g_and_drafts_do_without_meanwhile(session):
    hold = session.engine.hold["sidebands"] = Event()
    session.experiment.detector.sideband = "full"
    session.until(lambda: len(session.all("phase")) >= 2)
    hold.set()
    session.until(lambda: session.engine.count("sidebands") == 2)
    session.experiment.aberrations.defocus = 1
    session.rest()
    assert session.all("error") == []


def test_a_rotation_entered_by_hand_ends_the_search_for_it(engine, service):
    session = Session(engine, service)
    session.experiment.scan.dataset = "bare"
    session.experiment.scan.param.update(
        energy_kev=300, semiangle_mrad=1, scan_step_y=30, scan_step_x=30
    )
    session.experiment.scan.pinned = frozenset(
        {"energy_kev", "semiangle_mrad", "scan_step_y", "scan_step_x"}
    )
    session.start().rest()
    scan = session.experiment.scan
    assert scan.auto_orientation
    assert (scan.rotation_deg, scan.transpose) == (30, True)
    sources = session.all("scan")[-1].sources
    assert sources["rotation_deg"] == "estimated from the data"
    assert sources["energy_kev"] == "link"
    assert "Turned by 30°." in session.all("scan")[-1].statements
    assert engine.count("find") == 1
    scan.rotation_deg = 31
    assert not scan.auto_orientation
    session.until(lambda: session.all("scan")[-1].sources["rotation_deg"] == "entered")
    session.pipeline.close()


def test_without_calibration_everything_that_needs_none_is_shown(engine, service):
    session = Session(engine, service, Experiment("bare")).start()
    session.until(lambda: session.all("com") and session.all("virtual") and session.all("pacbed"))
    com = session.all("com")[-1]
    assert com.unit == "px"
    np.testing.assert_allclose(com.array.mean(axis=(1, 2)), 0, atol=1e-6)
    # What has to be entered is said where the phase would be, and nothing else is told now.
    assert session.all("notice") == []
    missing = session.all("scan")[-1].missing
    assert missing[:2] == ("beam energy", "convergence semi-angle")
    assert session.all("phase") == session.all("error") == []
    session.experiment.scan.param.update(energy_kev=300, semiangle_mrad=1)
    session.experiment.scan.param.update(scan_step_y=30, scan_step_x=30)
    session.rest()
    assert session.all("com")[-1].unit == "mrad"
    assert session.all("scan")[-1].sources["energy_kev"] == "entered"
    assert session.all("notice").count("Turned by 30°.") == 1
    session.pipeline.close()


def test_a_slider_that_makes_g_stale_is_waited_for(moving):
    for pixels in range(20, 39):
        moving.experiment.detector.bright_field_pixels = pixels
    moving.pipeline.session.settle = 0.0
    moving.experiment.detector.bright_field_pixels = 39
    moving.until(lambda: ("sidebands", 39) in moving.engine.calls)
    assert moving.engine.count("sidebands") == 2


def test_another_scan_is_shown_whole(session):

    def integrations():
        return [call[0] for call in session.engine.calls].count("dpc")

    before = integrations()
    session.experiment.scan.crop_top = 1
    session.experiment.detector.detector_left = 1
    session.experiment.display.param.update(frequencies=[(1, 1)], view=(0, 1, 0, 1))
    session.until(lambda: integrations() > before)
    session.engine.metadata["other"] = CALIBRATED
    session.experiment.scan.dataset = "other"
    session.until(lambda: session.all("scan")[-1].dataset == "other")
    assert session.experiment.request().region == Region()
    assert session.experiment.display.view is None
    assert session.experiment.display.frequencies == []
    from_query(session.experiment, {"dataset": "demo", "crop_top": "1"})
    session.until(lambda: session.all("scan")[-1].dataset == "demo")
    assert session.experiment.scan.crop_top == 1


def test_a_closed_session_publishes_nothing_and_watches_nothing(session):
    session.pipeline.close()
    seen = len(session.seen)
    calls = len(session.engine.calls)
    session.experiment.aberrations.defocus = 3
    session.turn()
    assert len(session.seen) == seen
    assert len(session.engine.calls) == calls


def test_a_closed_session_leaves_nothing_behind(engine, service):
    session = Session(engine, service).start()
    session.rest()
    session.experiment.aberrations.defocus = 3
    session.rest()
    session.pipeline.close()
    pipeline = weakref.ref(session.pipeline)
    wait_until(lambda: not any(service._busy.values()))
    del session
    gc.collect()
    assert pipeline() is None


def test_who_comes_late_is_shown_what_is_there(session):
    late, ties = [], Ties()
    for stage in session.pipeline.stages:
        for name in stage.results():
            ties.show(stage.param[name], lambda value, name=name: late.append(name))
    assert set(late) >= {"scan", "phase", "tiles", "dpc"}
    ties.untie()
    count = len(late)
    session.experiment.aberrations.defocus = 3
    session.rest()
    assert len(late) == count


def test_at_most_two_frames_are_under_way_once_frames_are_acknowledged(engine, service):
    # No exact phase comes between the drafts.
    session = Session(engine, service, patience=PATIENCE_S, settle=PATIENCE_S).start()
    session.rest()
    session.pipeline.drawing.acknowledge()
    for value in (1, 2):
        session.experiment.aberrations.defocus = value
        session.until(lambda value=value: session.all("phase")[-1].array[0, 0] == value)
    frames = len(session.all("phase"))
    session.experiment.aberrations.defocus = 3
    session.turn()
    assert engine.calls[-1][-1] != 3
    assert len(session.all("phase")) == frames
    session.pipeline.drawing.acknowledge(session.all("phase")[-1].sequence)
    session.until(lambda: session.all("phase")[-1].array[0, 0] == 3)
    session.pipeline.close()


def test_a_lost_acknowledgement_does_not_stall(engine, service):
    session = Session(engine, service, patience=0.05).start()
    session.rest()
    session.pipeline.drawing.acknowledge()
    for value in (1, 2, 3, 4):
        session.experiment.aberrations.defocus = value
        session.until(lambda value=value: session.all("phase")[-1].array[0, 0] == value)
    session.rest()
    session.pipeline.close()
