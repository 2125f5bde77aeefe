"""The contact sheet of orientations: what its cards say, and what a click does."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from app.features.orientations import Oriented, chosen, oriented, sheet_page
from app.pipeline.meter import Meter
from recon.calibration import Calibration
from recon.device.backend import CPU
from recon.optics import Aberrations
from recon.orientation.sheet import OrientationCandidate, OrientationSheet
from recon.scan.frames import DenseFrames
from recon.simulate.scan import simulate_events
from tests.support.pages import (
    instrument,  # noqa: F401 - a fixture
    summary,
)

pytestmark = pytest.mark.usefixtures("few_frequencies")


def candidate(rotation_deg, transpose=False, curl=0.03, coherence=50.0, atoms=0.99):
    return OrientationCandidate(rotation_deg, transpose, 0, curl, coherence, -100.0, atoms, "")


@pytest.fixture
def found():
    candidates = (
        candidate(-11.96),
        candidate(78.0, curl=0.97, coherence=4.0, atoms=0.6),
        candidate(168.0, atoms=0.01),
        candidate(-102.0, True, curl=0.24),
        candidate(10.0, True, curl=float("nan"), coherence=float("nan")),
    )
    judged = False, None, None, 6.0, True
    sheet = OrientationSheet(candidates, *judged, "They disagree: -12° and -30°.")
    return Oriented(sheet, tuple(np.eye(8, dtype=np.float32) for _ in candidates))


def test_cards_say_who_agrees(found):
    page = sheet_page(found, "1")
    assert page.lead.startswith("They disagree: −12° and −30°.")
    assert [card.title for card in page.cards] == [
        "−12.0° · best",
        "78.0°",
        "168.0°",
        "−102.0° · transposed",
        "10.0° · transposed",
    ]
    assert page.cards[0].lines == (
        "COM: curl 3 %, agrees",
        "Sidebands: 50 σ",
        "Atoms: positive, 99 % sure",
    )
    assert "97 %, disagrees" in page.cards[1].lines[0]
    assert page.cards[2].lines[2] == "Atoms: negative, 99 % sure"
    assert "disagrees" in page.cards[3].lines[0]
    assert page.cards[4].lines[0] == "COM: shows nothing"
    assert [card.chosen for card in page.cards] == [False, True, False, False, False]


def test_the_present_orientation_is_found_among_them(found):
    assert chosen(found, -11.0, False) == "0"
    assert chosen(found, 349.0, False) == "0"
    assert chosen(found, -11.0, True) is None
    assert chosen(found, -102.5, True) == "3"


def test_one_click_sets_rotation_and_transpose_and_ends_the_search(instrument, found):
    scan = instrument.experiment.scan
    scan.auto_orientation = True
    instrument.panels.calibration._handle_msg({"press": "orientations"})
    assert instrument.pipeline.performed[-1].title == "Comparing the orientations"
    instrument.pipeline.answer.result = found
    changes = []
    scan.param.watch(lambda *events: changes.append({event.name for event in events}),
                     ["rotation_deg", "transpose"])  # fmt: skip
    instrument.sheet._handle_msg({"does": "act", "key": "3", "name": "pick"})
    assert (scan.rotation_deg, scan.transpose) == (-102.0, True)
    assert changes == [{"rotation_deg", "transpose"}]  # one change, one step to undo
    assert [card["chosen"] for card in instrument.sheet.cards].index(True) == 3
    instrument.pipeline.publish("scan", summary(dataset="another.h5"))
    assert not instrument.sheet.shown
    instrument.sheet._handle_msg({"does": "act", "key": "0", "name": "pick"})
    assert scan.rotation_deg == -102.0


@pytest.mark.parametrize(
    "dense",
    [
        pytest.param(False, id="electrons"),
        pytest.param(True, marks=pytest.mark.slow, id="frames"),
    ],
)
def test_the_pictures_are_those_of_their_orientation(dense):
    """The best of the eight looks like the object, and half a turn from it is its negative."""
    rotation, transpose = -100.0, True
    y, x = np.indices((40, 44))
    rng = np.random.default_rng(5)
    places = rng.uniform(3, 37, (30, 2))
    atoms = sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / 2.5) for a, b in places)
    calibration = Calibration(80e3, 25.0, (0.6, 0.6), (11.5, 11.5), 8.0, rotation, transpose)
    events = simulate_events(
        0.15 * atoms, calibration, Aberrations(C10=-60), dose=2e4, frame_shape=(24, 24), seed=3
    )
    wrong = replace(calibration, rotation_deg=0.0, transpose=False)
    if dense:
        size = events.frame_shape[0] * events.frame_shape[1]
        counts = np.zeros(events.positions * size, np.uint16)
        position = np.repeat(np.arange(events.positions), np.diff(events.offsets))
        np.add.at(counts, position * size + events.pixels, 1)
        frames = counts.reshape(events.positions, *events.frame_shape)
        events = DenseFrames(
            lambda a, b: frames[a:b], events.scan_shape, events.frame_shape, np.uint16
        )
    scan, found = SimpleNamespace(events=events), SimpleNamespace(calibration=wrong)
    made = oriented(
        SimpleNamespace(
            g=SimpleNamespace(device=CPU),
            meter=Meter(lambda progress: None),
            engine=SimpleNamespace(events_on=lambda scan, device, report: scan.events),
            prepared=SimpleNamespace(scan=scan, found=found),
            request=SimpleNamespace(bright_field_pixels=18),
        )
    )
    assert chosen(made, rotation, transpose) == "0"
    likeness = [np.corrcoef(each.ravel(), atoms.ravel())[0, 1] for each in made.images]
    opposite = int(chosen(made, rotation + 180, transpose))
    np.testing.assert_array_equal(made.images[opposite], -made.images[0])
    assert likeness[0] > 0.7
    assert max(likeness[1:]) < 0.7 * likeness[0]
