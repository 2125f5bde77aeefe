"""A microscope's scans come and show by themselves: undo takes back what a hand did."""

from types import SimpleNamespace

import pytest

from app.recall.history import History
from app.state.experiment import Experiment
from app.state.filling import CAME, FOUND


@pytest.fixture
def bench():
    """The steps of a page whose hand rests when it is told to."""
    experiment, restored = Experiment(), []
    opening = SimpleNamespace(restore=restored.append)
    pipeline = SimpleNamespace(origin=("demo", {}), opening=opening, restored=restored)
    history = History(experiment, pipeline, lambda milliseconds, action: None)
    yield SimpleNamespace(
        history=history,
        pipeline=pipeline,
        scan=experiment.scan,
        focus=experiment.aberrations,
        experiment=experiment,
        rest=history.settle,
    )
    history.close()


def came(bench, dataset, **values):
    """The microscope's next scan, and what its stream says of it."""
    with bench.experiment.fill(CAME):
        bench.scan.dataset = dataset
    bench.pipeline.origin = dataset, dict.fromkeys(values, "file")
    with bench.experiment.fill(CAME):
        bench.scan.param.update(**values)


def test_a_scan_that_comes_by_itself_is_no_step_and_is_not_left_by_undo(bench):
    bench.focus.defocus = 3
    bench.rest()
    came(bench, "live:/1", scan_step_x=0.5)
    bench.rest()
    bench.focus.defocus = 5
    bench.rest()
    came(bench, "live:/2", scan_step_x=0.7)
    bench.rest()
    for defocus in (3, 0):
        bench.history.undo()
        assert (bench.focus.defocus, bench.scan.dataset, bench.scan.scan_step_x) == (
            defocus,
            "live:/2",
            0.7,
        )
        assert bench.pipeline.restored[-1]["scan_step_x"] == "file"
    assert bench.history.undoable == ""
    came(bench, "live:/3")
    for defocus in (3, 5):
        bench.history.redo()
        assert (bench.focus.defocus, bench.scan.dataset) == (defocus, "live:/3")
    assert bench.history.redoable == ""


def test_a_drag_goes_on_while_the_next_scan_comes(bench):
    bench.focus.defocus = 3
    with bench.experiment.fill(CAME):
        bench.scan.dataset = "live:/2"
    bench.focus.defocus = 5
    bench.history.undo()
    assert (bench.focus.defocus, bench.scan.dataset) == (0, "live:/2")
    bench.history.redo()
    assert (bench.focus.defocus, bench.scan.dataset) == (5, "live:/2")


def test_the_scan_that_a_hand_has_left_comes_back_whatever_came_since(bench):
    came(bench, "live:/2")
    bench.scan.dataset = "live:/1"
    bench.pipeline.origin = "live:/1", {}
    bench.rest()
    came(bench, "live:/3")
    assert bench.history.undoable == "scan 2 → 1"
    bench.history.undo()
    assert bench.scan.dataset == "live:/2"


def test_a_scan_that_comes_ends_the_choice_under_way(bench):
    bench.pipeline.origin = "live:/1", {}
    bench.scan.dataset = "live:/1"
    came(bench, "live:/3")
    bench.history.undo()
    assert bench.scan.dataset == "demo"


def test_a_rotation_that_was_found_stays_when_an_earlier_step_is_undone(bench):
    bench.scan.auto_orientation = True
    bench.rest()
    came(bench, "live:/1")
    bench.focus.defocus = 3
    bench.rest()
    with bench.experiment.fill(FOUND):
        bench.scan.rotation_deg = -12.0
    came(bench, "live:/2", auto_orientation=False)
    bench.history.undo()
    assert (bench.focus.defocus, bench.scan.rotation_deg) == (0, -12.0)
    assert not bench.scan.auto_orientation


def test_a_next_scan_that_cannot_be_read_leaves_the_steps_with_the_one_before(bench):
    bench.focus.defocus = 3
    bench.rest()
    came(bench, "live:/1")
    with bench.experiment.fill(CAME):
        bench.scan.dataset = "live:/2"
    with bench.experiment.fill(FOUND):
        bench.scan.dataset = "live:/1"
    bench.history.undo()
    assert (bench.focus.defocus, bench.scan.dataset) == (0, "live:/1")
