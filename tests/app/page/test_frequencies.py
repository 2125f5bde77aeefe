import numpy as np

from app.pipeline.results import PhaseImage, Tiles
from tests.support.pages import (
    STEP,
    image,  # noqa: F401 - a fixture
    instrument,  # noqa: F401 - a fixture
    publish_all,
)


def test_tiles_wait_for_the_phase_while_a_hand_moves_and_end_up_right(instrument, image):
    drawn = []
    instrument.frequencies.tiles.show = lambda array, labels: drawn.append(labels)

    def move(mode, label):
        instrument.pipeline.publish("phase", PhaseImage(image, mode, 3.0, STEP, 1))
        values = np.ones((1, 6, 6), complex)
        instrument.pipeline.publish("tiles", Tiles(values, np.array([[1, 2]]), (label,), True))

    move("draft", "first")
    move("draft", "second")
    assert drawn == []
    instrument.frequencies._due()
    assert drawn == [("second",)]
    move("draft", "third")
    move("exact", "last")
    assert drawn == [("second",), ("last",)]
    instrument.frequencies._due()  # nothing older comes after it
    assert drawn == [("second",), ("last",)]


def test_who_looks_on_sees_some_tiles_while_a_hand_moves_and_the_last_ones(instrument, image):
    drawn = []
    instrument.frequencies.looks_on = lambda: True
    instrument.frequencies.tiles.show = lambda array, labels: drawn.append(*labels)
    for n, mode in enumerate(["draft"] * 10 + ["exact"]):
        instrument.pipeline.publish("phase", PhaseImage(image, mode, 3.0, STEP, 1))
        values = np.ones((1, 6, 6), complex)
        instrument.pipeline.publish("tiles", Tiles(values, np.array([[1, 2]]), (str(n),), True))
    assert drawn == ["3", "7", "10"]
    assert instrument.frequencies._timer is None


def test_picking_adds_a_frequency_and_picking_again_takes_it_away(instrument, image):
    publish_all(instrument, image)
    display = instrument.experiment.display
    instrument.frequencies.pick(-5, -9)  # the other half of the plane holds the same
    assert display.frequencies == [(1, 2), (3, 4), (5, 9)]
    assert display.tile_count == 3
    instrument.frequencies.pick(4, 9)  # near enough
    assert display.frequencies == [(1, 2), (3, 4)]
    instrument.frequencies.pick(0, 0)
    assert display.frequencies == [(1, 2), (3, 4)]
    instrument.panels._strongest()
    assert display.frequencies == []
