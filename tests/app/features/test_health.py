"""The health report in the page: what its sheet shows, and what its buttons do."""

from base64 import b64decode
from threading import Event

import numpy as np
import pytest
from bokeh.document import Document

from app.drawing import plots
from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.engine.health import Checked, Faults
from app.features.health import Checking
from app.page.page import Page
from app.pipeline.jobs import Job
from app.pipeline.lanes import ComputeService
from app.state.experiment import Experiment
from app.state.request import Reading, Treatment
from app.views import findings
from recon.io import write_events
from recon.quality.health import Finding
from recon.scan.events import from_frames
from recon.simulate.scan import truth
from tests.support.pages import StandIn, summary
from tests.support.scans import ABERRATIONS, CALIBRATION, FRAME_SHAPE, SCAN_SHAPE, weak_events
from tests.support.sessions import CALIBRATED, FakeEngine, Session
from tests.support.waiting import PATIENCE_S

HOT = np.zeros((20, 30), bool)
HOT[4, 25] = True
FINDINGS = (
    Finding("layout", {"rows": (1234, "positions")}, "ok", "NPZ."),
    Finding(
        "beam current",
        {"drift over the scan": (12.345, "%"), "error": (0.456, "%")},
        "look",
        "It drifts.",
        "Compare.",
        np.linspace(9, 10, 12),
    ),
    Finding("hot pixels", {"hot pixels": (1, "")}, "bad", "One.", "Mask it.", HOT),
    Finding("flyback", {}, "ok", "None.", "", np.ones(8)),
)
CHECKED = Checked(Reading("demo"), FINDINGS, np.ones((20, 30)), np.ones((12, 8)), 98765, "dropped")


def cards(masked=False):
    page = findings.sheet(CHECKED, Treatment(mask_faulty=masked))
    return {card.key: card for card in page.cards}


def drawn(address):
    return b64decode(address.partition(",")[2]).decode()


def test_the_worst_comes_first_and_the_rest_in_its_order():
    assert list(cards()) == ["hot pixels", "beam current", "layout", "flyback"]
    lead = findings.sheet(CHECKED, Treatment()).lead
    assert lead.startswith("2 findings")
    assert "12 × 8 positions" in lead


def test_a_number_stands_with_its_error_to_the_errors_second_digit():
    assert "drift over the scan: 12.35 ± 0.46 %" in cards()["beam current"].lines
    assert "rows: 1\N{NARROW NO-BREAK SPACE}234 positions" in cards()["layout"].lines


def test_what_is_done_about_it_is_offered_and_taken_back():
    names = [name for name, _, _ in cards()["hot pixels"].actions]
    assert names == ["mask"]
    masked = cards(masked=True)["hot pixels"]
    assert [name for name, _, _ in masked.actions] == ["unmask"]
    assert "left out now" in masked.lines[-1]
    assert [name for name, _, _ in cards()["flyback"].actions] == ["keep"]
    assert cards()["layout"].actions == ()


def test_a_single_pixel_is_ringed_where_it_is():
    """A map of 20 × 30 pixels, 264 wide: a pixel takes 8.8, and the map begins at 44."""
    picture = drawn(cards()["hot pixels"].image)
    (ring,) = [part for part in picture.split("<") if part.startswith("circle")]
    assert 'cx="224.4"' in ring  # 25.5 × 8.8
    assert 'cy="83.6"' in ring  # 44 + 4.5 × 8.8


def test_an_arrow_points_where_the_disc_goes():
    """To the right and down, at all places: y grows downwards."""
    field = np.zeros((2, 2, 2))
    field[0], field[1] = 3.0, 4.0
    paths = [p for p in drawn(plots.arrows(field)).split("<path d=") if p.startswith('"M')]
    assert len(paths) == 4
    for path in paths:
        start, end = path[2:].split("L")[:2]
        (x0, y0), (x1, y1) = (map(float, s.split("M")[0].split()) for s in (start, end))
        assert (y1 - y0) / (x1 - x0) == pytest.approx(0.75, abs=0.01)
        assert x1 > x0


# ---- in the page ----


class Performs(StandIn):
    def __init__(self, *args):
        super().__init__(*args)
        self.origin = None, {}


@pytest.fixture
def instrument(monkeypatch):
    monkeypatch.setattr("app.page.page.when_ready", lambda action: None)
    made = Page(Performs, Catalogue(), {}, Document())
    made.start()
    yield made
    made.close()


def checking(instrument):
    return next(f for f in instrument.features if isinstance(f, Checking))


def press(instrument, key, action):
    instrument.sheet._handle_msg({"does": "act", "key": key, "name": action})


def test_a_report_opens_its_sheet_and_its_buttons_set_the_state(instrument):
    checking(instrument).answer.result = CHECKED
    assert instrument.sheet.showing("health")
    press(instrument, "hot pixels", "mask")
    assert instrument.experiment.treatment.mask_faulty
    (hot, *_) = instrument.sheet.cards
    assert hot["actions"][0][0] == "unmask"
    press(instrument, "hot pixels", "unmask")
    assert not instrument.experiment.treatment.mask_faulty
    press(instrument, "flyback", "keep")
    assert instrument.experiment.scan.keep_flyback == "keep"


def test_a_scan_read_differently_is_checked_again_and_another_is_not(instrument):
    checking(instrument).answer.result = CHECKED
    instrument.experiment.scan.keep_flyback = "drop"
    instrument.pipeline.publish("scan", summary())
    assert [job.title for job in instrument.pipeline.performed] == ["Checking the scan"]
    checking(instrument).answer.result = CHECKED
    instrument.experiment.scan.dataset = "other"
    instrument.pipeline.publish("scan", summary())
    assert len(instrument.pipeline.performed) == 1
    assert not instrument.sheet.shown


def test_hot_pixels_are_offered_to_be_left_out_once(instrument):
    faults = Faults(Reading("demo"), 3, 0)
    instrument.pipeline.publish("faults", faults)
    (notice,) = instrument.notices.items
    assert "3 detector pixels are hot" in notice[2]
    instrument.notices._handle_msg({"does": "accept", "number": notice[0]})
    assert instrument.experiment.treatment.mask_faulty
    assert instrument.notices.items == []
    instrument.experiment.treatment.mask_faulty = False
    instrument.pipeline.publish("faults", faults)
    assert instrument.notices.items == []


@pytest.mark.parametrize("faults", [Faults(Reading("demo"), 0, 5), Faults(Reading("demo"), 0, 0)])
def test_a_detector_without_hot_pixels_is_not_talked_of(instrument, faults):
    instrument.pipeline.publish("faults", faults)
    assert instrument.notices.items == []


def test_what_is_known_of_a_scan_stands_beside_the_check(instrument):
    controls = checking(instrument).controls
    instrument.pipeline.publish("faults", Faults(Reading("demo"), 0, 171))
    assert controls.values["verdict"] == "171 dead pixels."
    said = "4 of 100 frames (4 %) are empty: the mean pattern stands in for them in G."
    instrument.pipeline.publish("current", said)
    assert controls.values["verdict"] == f"171 dead pixels. {said}"
    assert [item[2] for item in instrument.notices.items] == [said]
    # A figure that changes with the calibration is no news.
    instrument.pipeline.publish("current", said.replace("4 %", "4.0 %"))
    assert len(instrument.notices.items) == 1
    checking(instrument).answer.result = CHECKED
    assert controls.values["verdict"] == "2 findings"
    assert Faults(Reading("demo"), 1, 0).words == "1 hot pixel"
    assert Faults(Reading("demo"), 1, 2).words == "1 hot and 2 dead pixels"


def test_the_corrections_say_what_they_found(instrument):
    done = {"corrections": {"mask_faulty": "3 hot"}, "corrected": ("Left out.", "Moved.")}
    instrument.pipeline.publish("scan", summary(**done))
    (correcting,) = [f for f in instrument.features if hasattr(f, "corrections")]
    controls = correcting.corrections.controls
    assert controls.notes == {"mask_faulty": "3 hot"}
    assert controls.values["said"] == "Left out. Moved."
    assert controls.disabled == ["subpixel"]
    instrument.pipeline.publish("scan", summary(places=True))
    assert controls.disabled == []
    instrument.experiment.treatment.subpixel = 4
    instrument.pipeline.publish("scan", summary())
    assert controls.disabled == []  # or it could not be taken back


# ---- the job ----


def test_a_report_of_the_file_is_told_whatever_is_done_to_it_meanwhile():
    service = ComputeService()
    session = Session(FakeEngine({"demo": CALIBRATED, "bare": {}}), service).start()
    session.rest()
    hold = Event()
    job = Job("Checking", lambda c: hold.wait(PATIENCE_S), about=lambda request: request.reading)
    session.perform(job)
    session.experiment.treatment.mask_faulty = True
    hold.set()
    session.until(lambda: session.all("result"))
    hold.clear()
    session.perform(job)
    session.experiment.scan.dataset = "bare"
    hold.set()
    session.until(lambda: session.all("under_way")[-1] is False)
    assert len(session.all("result")) == 1
    assert [faults.hot for faults in session.all("faults")][:1] == [0]
    session.pipeline.close()
    service.close()


def test_a_session_tells_of_empty_frames_and_of_a_coarse_step(tmp_path):
    events = weak_events(400, metadata=truth(CALIBRATION, ABERRATIONS))
    frames = [f if n % 60 else f[:0] for n, f in enumerate(events.frames())]
    spoiled = from_frames(frames, SCAN_SHAPE, FRAME_SHAPE, metadata=events.metadata)
    write_events(tmp_path / "scan.npz", spoiled)
    engine, service = Engine(Catalogue(tmp_path)), ComputeService()
    session = Session(engine, service, Experiment("scan.npz")).start()
    session.until(lambda: session.all("current"))
    assert session.all("current")[-1].startswith("8 of 480 frames (1.7 %) are empty")
    assert any("undersamples" in note for note in session.all("scan")[-1].notes)
    session.pipeline.close()
    service.close()
    engine.close()
