"""What is received is kept, held for all, and told; by a source that a test works."""

import errno
from threading import Event

import numpy as np
import pytest

from app.engine.catalogue import Catalogue
from app.engine.microscope import LAST, Microscope
from recon.io import open_events, open_scan
from recon.live.recorder import Recorder
from recon.live.source import Late, Told
from recon.scan.events import from_frames
from tests.support.growing_scans import rows_of
from tests.support.microscopes import came, listening, over
from tests.support.waiting import wait_until

SCAN = from_frames([[n % 16, 3] for n in range(24)], (6, 4), (4, 4))


@pytest.fixture
def lab(tmp_path):
    live, source = listening(tmp_path / "kept", energy=80e3)
    yield live, source, tmp_path / "kept"
    live.close()


def test_a_scan_grows_and_is_then_its_file(lab):
    live, source, folder = lab
    source.begin(SCAN)
    source.rows(SCAN, 0, 4, step=2)
    came(live, 4)
    state = live.state
    assert (state.state, state.endpoint, state.title) == ("scanning", source.endpoint, "scripted")
    (scan,) = state.scans
    assert (scan.name, scan.rows, scan.electrons, scan.over) == ("live:/1", 4, 32, False)
    growing = live.growing("live:/1").scan
    assert growing.metadata == {"energy": 80e3}
    # Already it lies on the disk.
    assert open_scan(next(folder.glob("*.unfinished.toml"))).electrons == 32
    source.rows(SCAN, 4, 6)
    source.end(24)
    scan = over(live, 1)
    stored = open_scan(folder / scan.kept)
    np.testing.assert_array_equal(stored.pixels, SCAN.pixels)
    assert stored.metadata["energy"] == 80e3
    assert live.growing("live:/1") is None
    assert live.scan("live:/1").scan is None  # what lies in the file is held no longer
    wait_until(lambda: live.state.state == "waiting")


def test_whoever_watches_is_told_until_they_leave(lab):
    live, source, _ = lab
    told, me = Event(), object()
    live.watch(me, told.set)
    source.whole(SCAN)
    over(live, 1)
    wait_until(told.is_set)
    live.leave(me)
    live.picture("live:/1", "data:image/png;base64,")
    assert live.state.scans[0].picture == "data:image/png;base64,"


def test_what_goes_wrong_is_told_and_the_rest_goes_on(lab):
    live, source, _ = lab
    source.begin(SCAN)
    source.rows(SCAN, 0, 2)
    source.give(Told("A batch made no sense."), Late(0, rows_of(SCAN, 0, 1)))
    wait_until(lambda: live.state.sentence == "A batch made no sense.")
    source.end(8, 16, "The scan was stopped.")
    scan = over(live, 1)
    assert (scan.rows, scan.lost, scan.notes) == (2, 16, ("The scan was stopped.",))
    source.fails = "The line is dead."
    wait_until(lambda: live.state.state == "stopped")
    assert live.state.sentence == "The line is dead."
    assert source.closed


def test_a_disk_that_cannot_be_written_leaves_the_scan_in_memory(lab):
    live, source, folder = lab
    wait_until(folder.exists)
    folder.rmdir()
    folder.touch()
    source.whole(SCAN)
    scan = over(live, 1)
    assert (scan.kept, scan.rows) == ("", 6)
    assert "nothing is kept" in " ".join(scan.notes)
    assert live.scan("live:/1").scan.events().electrons == SCAN.electrons


def test_a_disk_that_gets_full_is_told_with_its_row_and_the_picture_goes_on(lab, monkeypatch):
    live, source, folder = lab
    append = Recorder._append

    def full(recorder, block):
        if block.first_row >= 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(recorder, block)

    monkeypatch.setattr(Recorder, "_append", full)
    source.begin(SCAN)
    source.rows(SCAN, 0, 6, step=1)
    came(live, 6)
    assert live.state.sentence == "From row 3 on nothing is kept: the disk is full."
    np.testing.assert_array_equal(live.growing("live:/1").sums().counts(), SCAN.counts)
    source.end(SCAN.positions)
    scan = over(live, 1)
    assert (scan.rows, scan.kept, live.state.state) == (6, "", "waiting")
    assert scan.notes == ("From row 3 on nothing is kept: the disk is full.",)
    # All of it is shown from memory; the file has the rows before.
    assert live.scan("live:/1").scan.events().electrons == SCAN.electrons
    (left,) = folder.glob("*.unfinished.toml")
    np.testing.assert_array_equal(open_events(left).counts, SCAN.counts[:3])
    # The next one finds room again.
    monkeypatch.undo()
    source.whole(SCAN)
    assert over(live, 2).kept


def test_the_catalogue_offers_the_scans_and_no_other_names(lab, tmp_path):
    live, source, folder = lab
    catalogue = Catalogue(live=live)
    source.whole(SCAN)
    scan = over(live, 1)
    assert [entry.id for entry in catalogue.entries()] == ["demo", "live:/1"]
    assert catalogue.path("live:/1") == folder.resolve() / scan.kept
    assert catalogue.title("live:/1").startswith("scan 1 of ")
    for name in ("live:/2", "live:/../1", f"live:/{scan.kept}", "live:"):
        with pytest.raises(ValueError, match="not among the scans"):
            catalogue.path(name)


def test_a_loop_of_scans_leaves_no_more_than_the_last_of_a_demonstration():
    live, source = listening(None)
    for number in range(1, LAST + 9):
        source.whole(SCAN)
        path = live.scan(over(live, number).name).path
    assert len(live.state.scans) == LAST
    folder = path.parent
    assert len(list(folder.glob("*.toml"))) == LAST
    assert all(live.scan(scan.name).scan is None for scan in live.state.scans)
    live.close()
    assert not folder.exists()


def test_another_source_takes_the_place_of_the_first(tmp_path):
    live, first = listening(tmp_path)
    assert live.running
    live.stop()
    assert (live.running, first.closed, live.state.state) == (False, True, "stopped")
    live.close()


def test_nothing_is_listened_to_before_it_is_asked_for():
    live = Microscope()
    assert (live.running, live.state.scans, live.state.title) == (False, (), "")
    live.close()
