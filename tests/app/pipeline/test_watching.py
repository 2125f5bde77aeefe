"""A session that looks at a microscope: pictures grow with the scan, and end as its file's."""

import numpy as np
import pytest

from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.pipeline.lanes import ComputeService
from app.recall.history import History
from app.state.experiment import Experiment
from recon.io import write_events
from tests.support.microscopes import came, listening, over
from tests.support.sessions import Session
from tests.ui.samples import lattice_scan

KNOWN = {"energy": 80e3, "semiangle_cutoff": 25.0, "scan_sampling": (0.6, 0.6), "rotation_deg": 0.0}
ROWS = 72


@pytest.fixture(scope="module")
def events():
    return lattice_scan()


@pytest.fixture
def lab(tmp_path, events):
    """A microscope, its source, and a maker of sessions that look at it."""
    live, source = listening(tmp_path / "kept", **KNOWN)
    (tmp_path / "data").mkdir()
    write_events(tmp_path / "data/stored.npz", events)
    engine, service = Engine(Catalogue(tmp_path / "data", live=live)), ComputeService()
    made = []

    def session(dataset="demo"):
        made.append(Session(engine, service, Experiment(dataset)))
        return made[-1].start()

    # Else each would first make the demonstration.
    session.like_stored = lambda: session("stored.npz")
    yield live, source, session
    for each in made:
        each.pipeline.close()
    service.close()
    engine.close()
    live.close()


def phase(session):
    return session.pipeline.drawing.phase


def following(session):
    """A session that follows, whatever it has opened."""
    session.pipeline.watching.follow()
    return session


def test_dpc_leaves_the_cores_to_the_rows_and_stands_in_the_end(lab, events, monkeypatch):
    monkeypatch.setattr("app.pipeline.deriving.PAUSE", 1e6)  # hours, of any work
    _, source, session = lab
    seen = following(session.like_stored())
    stages = seen.pipeline
    source.begin(events)
    source.rows(events, 0, 24)
    seen.until(lambda: stages.deriving.dpc and stages.deriving.dpc.rows is not None)
    seen.until(lambda: stages.deriving._pause)
    made = stages.deriving.dpc
    source.rows(events, 24, 48)
    seen.until(lambda: phase(seen) and phase(seen).rows.sum() == 48)
    assert stages.deriving.dpc is made
    source.rows(events, 48, ROWS)
    source.end(events.positions)
    seen.until(lambda: stages.deriving.dpc.rows is None)


def test_pictures_grow_and_end_as_those_of_the_file(lab, events):
    live, source, session = lab
    seen = following(session.like_stored())
    source.begin(events)
    source.rows(events, 0, 24)
    came(live, 24)
    seen.until(lambda: phase(seen) and phase(seen).rows is not None)
    seen.until(lambda: phase(seen).rows.sum() == 24)
    assert seen.experiment.scan.dataset == "live:/1"
    assert phase(seen).came == "24 of 72 rows"
    # What changes with each row, the card says.
    assert seen.pipeline.preparing.scan.line.endswith("72 × 64 · under way")
    assert seen.pipeline.preparing.scan.found.endswith("under way.")
    assert seen.all("notice") == []
    first = phase(seen).array
    # A slider works meanwhile, without a further row.
    seen.experiment.aberrations.defocus = 40
    seen.until(lambda: phase(seen).mode == "exact" and phase(seen).array is not first)
    focused = phase(seen).array[8:16]
    assert focused.std() > 2 * first[8:16].std()
    source.rows(events, 24, 48)
    came(live, 48)
    stages = seen.pipeline
    seen.until(lambda: phase(seen).rows.sum() == 48)
    seen.until(lambda: stages.deriving.dpc and stages.deriving.dpc.rows.sum() == 48)
    assert stages.deriving.com.rows.sum() == stages.deriving.virtual.rows.sum() == 48
    assert not stages.deriving.virtual.images["bf"][48:].any()
    with pytest.raises(ValueError, match="not complete yet"):
        stages.to_save("hdf5")
    source.rows(events, 48, ROWS)
    source.end(events.positions)
    path = over(live, 1).kept
    seen.until(lambda: phase(seen).rows is None and stages.preparing.scan.format != "live")
    seen.until(lambda: stages.deriving.dpc.rows is None)

    stored = session("stored.npz")
    stored.experiment.aberrations.defocus = 40
    scan = stored.experiment.scan
    scan.param.update(energy_kev=80, semiangle_mrad=25, scan_step_y=0.6, scan_step_x=0.6)
    scan.param.update(rotation_deg=0.0, auto_orientation=False)
    stored.until(lambda: phase(stored) and phase(stored).mode == "exact")
    stored.until(lambda: stored.pipeline.deriving.dpc)
    seen.until(lambda: phase(seen).mode == "exact")
    assert path.startswith("live-")
    np.testing.assert_array_equal(phase(seen).array, phase(stored).array)
    np.testing.assert_array_equal(stages.deriving.dpc.array, stored.pipeline.deriving.dpc.array)
    np.testing.assert_array_equal(stages.preparing.pacbed.array, events_pacbed(events))


def test_a_hand_that_chooses_another_scan_ends_following(lab, events):
    live, source, session = lab
    seen = following(session.like_stored())
    source.whole(events)
    over(live, 1)
    seen.until(lambda: getattr(seen.pipeline.opening.reading, "dataset", "") == "live:/1")
    assert seen.pipeline.watching.following
    seen.experiment.scan.dataset = "stored.npz"
    assert not seen.pipeline.watching.following


def test_what_is_held_stays_while_the_next_is_recorded_behind_it(lab, events):
    live, source, session = lab
    seen = following(session.like_stored())
    source.whole(events)
    over(live, 1)
    seen.until(lambda: seen.pipeline.preparing.dataset == "live:/1")
    seen.pipeline.watching.follow(False)
    source.whole(events)
    over(live, 2)
    seen.until(lambda: len(seen.pipeline.watching.microscope.scans) == 2)
    assert seen.experiment.scan.dataset == "live:/1"
    seen.pipeline.watching.follow()
    seen.until(lambda: seen.pipeline.preparing.dataset == "live:/2")
    assert seen.experiment.scan.energy_kev == 80


def test_a_scan_that_is_followed_is_no_step_and_undo_stays_with_it(lab, events):
    live, source, session = lab
    seen = following(session.like_stored())
    history = History(seen.experiment, seen.pipeline, lambda milliseconds, action: None)
    for number in (1, 2):
        source.whole(events)
        over(live, number)
        seen.until(lambda name=f"live:/{number}": seen.pipeline.preparing.dataset == name)
        seen.until(lambda: phase(seen) and phase(seen).mode == "exact")
        history.settle()
        seen.experiment.aberrations.defocus += 10
        history.settle()
    assert [name for name, _ in history.past] == ["defocus 0 → 10 nm", "defocus 10 → 20 nm"]
    history.undo()
    history.undo()
    scan = seen.experiment.scan
    assert (seen.experiment.aberrations.defocus, scan.dataset) == (0, "live:/2")
    assert (scan.energy_kev, seen.pipeline.watching.following) == (80, True)
    # Back to the first by hand, and on to the newest with the button: the hand's step stays.
    seen.pipeline.watching.show("live:/1")
    seen.until(lambda: seen.pipeline.preparing.dataset == "live:/1")
    history.settle()
    seen.pipeline.watching.follow()
    seen.until(lambda: seen.pipeline.preparing.dataset == "live:/2")
    history.settle()
    source.whole(events)
    over(live, 3)
    seen.until(lambda: seen.pipeline.preparing.dataset == "live:/3")
    assert history.undoable == "scan 2 → 1"
    history.undo()
    seen.until(lambda: seen.pipeline.preparing.dataset == "live:/2")
    assert not seen.pipeline.watching.following
    history.close()


def events_pacbed(events):
    return np.bincount(events.pixels, minlength=40 * 40).reshape(40, 40)
