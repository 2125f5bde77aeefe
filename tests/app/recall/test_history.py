"""What counts as a step, and what comes back when it is undone."""

from types import SimpleNamespace

import pytest

from app.features.comparing import at_rest
from app.pipeline.lanes import ComputeService
from app.recall import history as module
from app.recall.history import History
from app.recall.moment import Moment
from app.state.experiment import Experiment
from app.state.filling import FOUND
from tests.support.sessions import CALIBRATED, FakeEngine, Session


class Clock:
    """Time that stands still until it is told to pass."""

    def __init__(self):
        self.now, self.due = 100.0, []

    def after(self, milliseconds, action):
        self.due.append((self.now + milliseconds / 1e3, action))
        return action

    def hand_pauses(self, seconds):
        end = self.now + seconds
        while ready := sorted((d for d in self.due if d[0] <= end), key=lambda d: d[0]):
            self.due.remove(ready[0])
            self.now = ready[0][0]
            ready[0][1]()
        self.now = end


class Opened:
    """A pipeline that has a scan open, and counts what it is asked to compute."""

    def __init__(self, dataset="demo"):
        self.origin, self.restored = (dataset, {}), []
        self.opening = SimpleNamespace(restore=self.restored.append)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def bench(clock):
    experiment = Experiment()
    pipeline = Opened()
    history = History(experiment, pipeline, clock.after)
    yield SimpleNamespace(
        history=history,
        pipeline=pipeline,
        scan=experiment.scan,
        focus=experiment.aberrations,
        experiment=experiment,
        rest=lambda: clock.hand_pauses(1),
    )
    history.close()


def test_a_drag_is_one_step_and_is_named(bench, clock):
    for value in range(1, 31):
        bench.focus.defocus = value / 2
        clock.hand_pauses(0.1)
    assert bench.history.undoable == ""
    bench.rest()
    assert bench.history.undoable == "defocus 0 → 15 nm"
    bench.history.undo()
    assert (bench.focus.defocus, bench.history.undoable) == (0, "")
    assert bench.history.redoable == "defocus 0 → 15 nm"
    bench.history.redo()
    assert (bench.focus.defocus, bench.history.redoable) == (15, "")


def test_a_drag_there_and_back_is_no_step(bench):
    bench.focus.defocus = 1
    bench.focus.defocus = 0
    bench.rest()
    assert bench.history.undoable == ""


def test_coefficients_that_are_set_at_once_are_one_step(bench):
    names = bench.focus.names()[:12]
    bench.focus.param.update(**dict.fromkeys(names, 2.0))
    bench.rest()
    assert bench.history.undoable.startswith("12 aberrations: defocus 0 → 2 nm, C12a 0 → 2 nm")
    bench.history.undo()
    assert {getattr(bench.focus, name) for name in names} == {0}
    assert bench.history.undoable == ""


def test_another_control_is_another_step_even_before_the_hand_rests(bench, clock):
    bench.focus.defocus = 3
    clock.hand_pauses(0.2)
    bench.scan.crop_top = 4
    bench.rest()
    bench.history.undo()
    assert (bench.focus.defocus, bench.scan.crop_top) == (3, 0)
    bench.history.undo()
    assert bench.focus.defocus == 0


def test_one_action_on_several_parts_is_one_step(bench, clock):
    bench.focus.defocus = 3
    clock.hand_pauses(0.01)
    bench.scan.rotation_deg = 12
    bench.rest()
    bench.history.undo()
    assert (bench.focus.defocus, bench.scan.rotation_deg) == (0, 0)


def test_undo_takes_back_what_the_hand_has_only_just_done(bench):
    bench.focus.defocus = 3
    bench.history.undo()
    assert bench.focus.defocus == 0
    assert bench.history.redoable


def test_a_new_change_drops_what_was_undone(bench):
    for value in (1, 2):
        bench.focus.defocus = value
        bench.rest()
    bench.history.undo()
    bench.focus.C12a = 5
    bench.rest()
    assert bench.history.redoable == ""
    bench.history.redo()
    assert (bench.focus.defocus, bench.focus.C12a) == (1, 5)


def test_steps_are_bounded(bench):
    for value in range(1, 212):
        bench.focus.defocus = value
        bench.rest()
    for _ in range(300):
        bench.history.undo()
    assert bench.focus.defocus == 11


def test_everything_is_restored_with_one_event_a_part_and_computed_once(bench):
    names = bench.focus.names()
    bench.focus.param.update(**dict.fromkeys(names, 1.0))
    bench.scan.param.update(crop_top=2, crop_left=3)
    bench.rest()
    calls = []
    bench.focus.param.watch(lambda *events: calls.append(len(events)), list(names))
    bench.history.undo()
    assert calls == [25]
    assert len(bench.pipeline.restored) == 1


def test_where_one_looks_is_no_step_and_stays(bench):
    display = bench.experiment.display
    bench.focus.defocus = 3
    bench.rest()
    display.param.update(theme="light", view=(0, 1, 0, 1), slot_main="com", polar=True)
    bench.rest()
    assert bench.history.undoable == "defocus 0 → 3 nm"
    bench.history.undo()
    assert (display.theme, display.view, display.slot_main) == ("light", (0, 1, 0, 1), "com")


def test_what_was_found_before_a_hand_moved_belongs_to_the_state_before(bench):
    bench.focus.defocus = 3
    with bench.experiment.fill(FOUND):
        bench.scan.param.update(energy_kev=80.0)
    bench.rest()
    with bench.experiment.fill(FOUND):
        bench.scan.param.update(semiangle_mrad=25.0)
    bench.rest()
    bench.history.undo()
    assert (bench.focus.defocus, bench.scan.energy_kev, bench.history.undoable) == (0, 80, "")


def test_what_is_found_anew_is_not_set_back(bench):
    bench.scan.auto_orientation = True
    bench.rest()
    bench.focus.defocus = 3
    bench.rest()
    with bench.experiment.fill(FOUND):
        bench.scan.param.update(rotation_deg=30.0, radius=9.0)
    bench.history.undo()
    # Nothing that it is found from has changed, so nobody would find it again.
    assert (bench.scan.rotation_deg, bench.scan.radius) == (30, 9)
    bench.history.undo()
    assert (bench.scan.rotation_deg, bench.scan.auto_orientation) == (0, False)


def test_a_closed_history_follows_no_more(bench):
    bench.history.close()
    bench.focus.defocus = 3
    bench.rest()
    assert bench.history.undoable == ""


# ---- with a pipeline ----


@pytest.fixture
def session(clock):
    service = ComputeService()
    files = {
        "demo": {**CALIBRATED, "rotation_deg": 12.0},
        "other": {"energy": 300e3, "semiangle_cutoff": 2.0, "scan_sampling": (4.0, 4.0)},
        "bare": {},
    }
    session = Session(FakeEngine(files), service)
    session.history = History(session.experiment, session.pipeline, clock.after)
    session.start()
    session.rest()

    def settle():
        session.rest()
        clock.hand_pauses(2)
        return session.history.undoable

    session.settle = settle
    yield session
    session.history.close()
    session.pipeline.close()
    service.close()


def opened(session, dataset):
    """Choose a scan and wait until it is open and its fits are done."""
    session.experiment.scan.dataset = dataset
    shown(session, dataset)
    return session.settle()


def shown(session, dataset):
    session.until(lambda: session.all("scan")[-1].dataset == dataset)


def test_opening_the_page_is_no_step(session):
    assert session.settle() == ""
    session.experiment.aberrations.defocus = 3
    assert session.settle() == "defocus 0 → 3 nm"


def test_another_scan_and_all_it_brings_is_one_step(session):
    scan, display = session.experiment.scan, session.experiment.display
    scan.param.update(crop_top=1)
    display.frequencies = [(1, 1)]
    assert session.settle()
    assert opened(session, "other") == "scan demonstration → other"
    assert (scan.energy_kev, scan.crop_top, display.frequencies) == (300, 0, [])
    assert scan.auto_orientation
    session.history.undo()
    shown(session, "demo")
    session.rest()
    # The earlier scan is back with its own calibration and region, not with its file's alone.
    assert (scan.energy_kev, scan.scan_step_x, scan.rotation_deg) == (80, 0.25, 12)
    assert not scan.auto_orientation
    assert (scan.crop_top, display.frequencies) == (1, [(1, 1)])
    session.history.redo()
    shown(session, "other")
    session.rest()
    assert (scan.energy_kev, scan.auto_orientation, scan.rotation_deg) == (300, True, 30)
    assert session.all("scan")[-1].sources["energy_kev"] == "file"


def test_what_was_entered_for_an_earlier_scan_comes_back_and_says_where_it_came_from(session):
    scan = session.experiment.scan
    scan.energy_kev = 100
    session.settle()
    opened(session, "other")
    session.history.undo()
    shown(session, "demo")
    session.rest()
    assert scan.energy_kev == 100
    sources = session.all("scan")[-1].sources
    assert (sources["energy_kev"], sources["semiangle_mrad"]) == ("entered", "file")
    # A scan chosen after that is filled from its own file again.
    opened(session, "other")
    assert scan.energy_kev == 300


def test_a_change_while_a_scan_is_read_belongs_to_its_step(session, clock):
    hold = session.engine.hold["events"] = SimpleNamespace(wait=lambda seconds: hold.done)
    hold.done = False
    session.experiment.scan.dataset = "other"
    clock.hand_pauses(20)
    session.experiment.aberrations.defocus = 7
    clock.hand_pauses(20)
    assert session.history.undoable == ""
    hold.done = True
    shown(session, "other")
    assert session.settle() == "scan demonstration → other"
    session.history.undo()
    assert (session.experiment.scan.dataset, session.experiment.aberrations.defocus) == ("demo", 0)


def test_a_rotation_typed_after_a_search_goes_back_to_the_search(session):
    opened(session, "other")
    scan = session.experiment.scan
    scan.rotation_deg = 5
    assert not scan.auto_orientation
    session.settle()
    session.history.undo()
    session.rest()
    session.until(lambda: scan.rotation_deg == 30)
    assert scan.auto_orientation
    session.history.redo()
    assert (scan.rotation_deg, scan.auto_orientation) == (5, False)


def test_values_that_go_with_a_choice_come_back_with_it(session):
    dpc = session.experiment.dpc
    usual = dpc.highpass
    dpc.method = "direct"
    assert dpc.highpass != usual
    session.settle()
    session.history.undo()
    assert (dpc.method, dpc.highpass) == ("iterative", usual)


def test_a_file_that_cannot_be_opened_is_no_step(session):
    session.engine.fail["events"] = OSError("Damaged.")
    session.experiment.scan.dataset = "other"
    session.until(lambda: session.all("error"))
    assert session.settle() == ""
    assert session.experiment.scan.dataset == "demo"


def test_a_scan_that_is_gone_leaves_everything_as_it_was_before_undo(session):
    opened(session, "other")
    before = Moment.of(session.experiment, {})
    session.engine.fail["events"] = OSError("It is gone.")
    session.history.undo()
    assert session.experiment.scan.dataset == "demo"
    session.until(lambda: session.all("error"))
    assert Moment.of(session.experiment, {}).values == before.values
    assert session.history.undoable == "scan demonstration → other"
    assert session.history.redoable == ""


def test_all_that_is_set_has_been_computed_only_when_g_is_that_of_what_is_set(session):
    session.until(lambda: at_rest(session.pipeline))
    hold = session.engine.hold["sidebands"] = SimpleNamespace(wait=lambda seconds: hold.done)
    hold.done = False
    session.experiment.detector.bright_field_pixels = 24
    session.until(lambda: ("sidebands", 24) in session.engine.calls)
    assert not at_rest(session.pipeline)
    hold.done = True
    session.until(lambda: at_rest(session.pipeline))
    assert session.all("phase")[-1].mode == "exact"
    session.experiment.aberrations.defocus = 3
    assert not at_rest(session.pipeline)
    session.until(lambda: at_rest(session.pipeline))
    session.turn()
    assert session.all("phase")[-1].array[0, 0] == 3


def test_undo_while_a_scan_is_read_stays_with_the_one_that_is_open(session):
    hold = session.engine.hold["events"] = SimpleNamespace(wait=lambda seconds: hold.done)
    hold.done = False
    session.experiment.scan.dataset = "other"
    session.history.undo()
    # Forward would be a scan that was never open.
    assert session.history.redoable == ""
    hold.done = True
    session.experiment.aberrations.defocus = 4
    session.settle()
    scan = session.experiment.scan
    assert (scan.dataset, scan.energy_kev) == ("demo", 80)
    assert session.history.redoable == ""
    session.history.undo()
    opened(session, "other")
    assert scan.energy_kev == 300
