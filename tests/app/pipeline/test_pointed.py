"""What a pointer over the scan shows of its frames."""

import numpy as np
import pytest

from app.pipeline.lanes import LANES, ComputeService
from app.pipeline.pointed import FRAMES, Place, pattern_at
from recon.batch.geometry import Found
from recon.scan.events import from_frames
from recon.scan.frames import of_array
from tests.support.sessions import CALIBRATED, FakeEngine, Session

FOUND = Found((1.5, 1.25), 2.0, True, "A disc.", 30.0, True, "", (), None, False)


@pytest.fixture
def session():
    service = ComputeService(LANES)
    made = Session(FakeEngine({"demo": CALIBRATED}), service).start()
    made.rest()
    yield made
    made.pipeline.close()
    service.close()


def test_a_position_tells_its_electrons(session):
    assert session.pipeline.pointed.scan_shape == (2, 3)
    session.pipeline.pointed.show(Place.of(1, 0))
    session.until(lambda: session.all(FRAMES))
    (found,) = session.all(FRAMES)
    # The fourth frame has electrons in the pixels 4 and 5 of a detector 4 pixels wide.
    expected = np.zeros((4, 4))
    expected[1, :2] = 1
    np.testing.assert_array_equal(found.array, expected)
    assert found.label == "2 electrons at (1, 0)"
    assert (found.centre, found.radius, found.passing) == ((1.5, 1.25), 2.0, False)


def test_a_rectangle_tells_all_of_its_electrons(session):
    place = Place.of(1, 2).with_(Place.of(0, 1))
    assert place == Place((0, 2), (1, 3))
    session.pipeline.pointed.show(place)
    session.until(lambda: session.all(FRAMES))
    (found,) = session.all(FRAMES)
    np.testing.assert_array_equal(found.array.ravel()[:4], [0, 1, 2, 1])
    assert found.label == "4 electrons of 2 × 2"


def test_the_place_pointed_at_last_is_shown(session):
    for column in range(3):
        session.pipeline.pointed.show(Place.of(0, column), passing=True)
    session.until(lambda: session.all(FRAMES) and session.all(FRAMES)[-1].place.columns == (2, 3))
    assert session.all(FRAMES)[-1].label == "1 electron at (0, 2)"


def test_beside_the_scan_and_after_the_end_nothing_is_read(session):
    session.pipeline.pointed.show(Place.of(2, 0))
    assert not session.pipeline.session.service.pending(session.pipeline.session.key, "point")
    session.pipeline.close()
    session.pipeline.pointed.show(Place.of(0, 0))
    session.turn()
    assert session.all(FRAMES) == []


def test_what_cannot_be_read_is_said(session, monkeypatch):
    def fail(*arguments):
        raise OSError("The disk is gone.")

    monkeypatch.setattr("app.pipeline.pointed.pattern_at", fail)
    session.pipeline.pointed.show(Place.of(0, 0))
    session.until(lambda: session.all("error"))
    assert session.all(FRAMES) == []


def test_frames_tell_their_sum():
    cube = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 2, 2)
    found = pattern_at(of_array(cube), FOUND, Place.of(1, 2), False)
    np.testing.assert_array_equal(found.array, cube[1, 2])
    assert found.label == f"sum {cube[1, 2].sum():.4g} at (1, 2)"


def test_a_frame_without_electrons_says_so():
    events = from_frames([[], [0] * 1234], (1, 2), (2, 2))
    assert pattern_at(events, FOUND, Place.of(0, 0), True).label == "0 electrons at (0, 0)"
    assert pattern_at(events, FOUND, Place.of(0, 1), True).label == "1,234 electrons at (0, 1)"
