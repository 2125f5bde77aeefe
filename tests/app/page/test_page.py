"""The page without a browser: what is published is drawn, and what is set reaches the pipeline."""

import gc
import weakref

import numpy as np
import panel as pn
import pytest
from bokeh.document import Document

from app.engine.catalogue import Catalogue
from app.page.open import open_page, template
from app.page.page import Page
from app.pipeline.results import (
    PhaseImage,
    Progress,
)
from recon.device.failure import DeviceError
from tests.support.pages import (
    STEP,
    StandIn,
    image,  # noqa: F401 - a fixture
    instrument,  # noqa: F401 - a fixture
    publish_all,
    summary,
)


def test_every_root_of_the_page_has_its_place(instrument):
    from app.views.assets import asset

    html = asset("page.html")
    for name in instrument.roots():
        assert html.count(f"embed(roots.{name})") == 1
    assert html.count("embed(roots.") == len(instrument.roots()) + 1  # and the location


def test_the_template_has_no_other_host(instrument):
    document = Document()
    template(instrument)._init_doc(document)
    assert len(document.roots) > len(instrument.roots())
    from app.views.assets import asset

    for name in ("page.html", "style.css", "controls.js", "shell.css"):
        assert "://" not in asset(name)


def test_results_are_drawn_where_they_belong(instrument, image):
    publish_all(instrument, image)
    np.testing.assert_array_equal(instrument.slots["slot_main"].view.image, image)
    np.testing.assert_array_equal(instrument.slots["slot_left"].view.image, image)
    assert len(instrument.slots["slot_right"].view.disc.data) == 1
    assert instrument.facts.text == "demonstration · 12 × 16 · 12.3 k e⁻"
    assert instrument.frequencies.tiles.labels.columns()["text"] == ["a", "b"]
    assert instrument.frequencies.spectrum.words.columns()["text"] == ["1", "2"]
    assert (instrument.status.mode, instrument.status.line) == (
        "exact",
        "redraw 3.0 ms · 1 k entries",
    )
    status = instrument.status
    assert (status.device, status.memory) == ("NVIDIA H200", "12.0 of 139 GB")
    assert status.full == pytest.approx(12 / 139, abs=1e-3)
    assert status.details == ["G: 1 GB"]


def test_a_painted_frame_is_acknowledged(instrument, image):
    instrument.pipeline.publish("phase", PhaseImage(image, "draft", 3.0, STEP, 7))
    assert instrument.shell.frame == 7
    instrument.shell._handle_msg({"does": "painted", "number": 7})
    assert instrument.pipeline.acknowledged == [7]


def test_what_is_missing_is_said_where_the_image_would_be(instrument):
    instrument.pipeline.publish("scan", summary(missing=("beam energy", "convergence semi-angle")))
    assert "beam energy, convergence semi-angle" in instrument.slots["slot_main"].empty.text
    assert instrument.shell.missing


def test_a_scan_without_a_phase_does_not_stand_beside_that_of_another(instrument, image):
    publish_all(instrument, image)
    instrument.pipeline.publish("scan", summary(missing=("beam energy",)))
    shown = [slot.view.image is not None for slot in instrument.slots.values()]
    assert shown == [False, False, True]  # the pattern needs no energy
    for view in (instrument.frequencies.tiles, instrument.frequencies.spectrum):
        assert view.pane.styles == {"visibility": "hidden"}
    assert instrument.status.mode == ""


def test_errors_become_notices_and_leave_the_picture(instrument, image):
    publish_all(instrument, image)
    instrument.pipeline.publish("error", "The file is damaged.")
    assert [item[2] for item in instrument.notices.items] == ["The file is damaged."]
    assert instrument.slots["slot_main"].view.image is image
    instrument.pipeline.publish("scan", summary())
    assert instrument.notices.items == []


def test_progress_is_shown_and_cancelled(instrument):
    instrument.pipeline.publish("progress", Progress("Reading a", 0.25, 12.0, True))
    assert (instrument.status.task, instrument.status.fraction, instrument.status.running) == (
        "Reading a",
        0.25,
        True,
    )
    instrument.status._handle_msg({"does": "cancel"})
    assert instrument.pipeline.cancelled == 1


def test_what_was_stopped_can_be_tried_again(instrument, image):
    instrument.status._handle_msg({"does": "cancel"})
    assert instrument.status.stopped
    instrument.status._handle_msg({"does": "retry"})
    assert (instrument.pipeline.retried, instrument.status.stopped) == (1, False)
    instrument.pipeline.publish("error", "a.h5 cannot be read.")
    assert instrument.status.stopped
    instrument.pipeline.publish("scan", summary())
    assert not instrument.status.stopped
    publish_all(instrument, image)
    instrument.pipeline.publish("error", "b.h5 cannot be read.")
    assert not instrument.status.stopped  # the picture of a.h5 stands as it stood


def test_the_address_gives_the_state_and_says_what_it_cannot_take():
    page = Page(StandIn, Catalogue(), {"defocus": "12", "tiles": "900"}, Document())
    assert page.experiment.aberrations.defocus == 12
    assert page.experiment.display.tile_count == 9
    assert len(page.notices.items) == 1
    assert page.address.query() == {"defocus": "12"}
    page.close()


def test_a_server_of_one_file_opens_it(tmp_path):
    file = tmp_path / "only.h5"
    file.write_bytes(b"")
    page = Page(StandIn, Catalogue(file), {}, Document())
    assert page.experiment.scan.dataset == "only.h5"
    assert "dataset" not in page.address.query()
    page.experiment.scan.dataset = "demo"
    assert page.address.query()["dataset"] == "demo"
    page.close()


def test_zooming_is_kept_in_the_state_and_given_back(instrument, image):
    publish_all(instrument, image)
    instrument.link.source.data = {"cx": [1.6], "cy": [1.2], "zoom": [2.0]}
    assert instrument.experiment.display.view == pytest.approx((0.8, 2.4, 0.6, 1.8))
    instrument.experiment.display.view = None
    assert instrument.link.source.data["zoom"] == [0.0]


def test_the_zoom_of_a_link_waits_for_the_scan_and_is_then_left_alone(instrument, image):
    instrument.experiment.display.view = (0.8, 2.4, 0.6, 1.8)
    assert instrument.link.source.data["zoom"] == [0.0]
    publish_all(instrument, image)
    assert instrument.link.source.data["zoom"] == pytest.approx([2.0])
    exact = {"cx": [1.6000001], "cy": [1.2], "zoom": [2.0]}
    instrument.link.source.data = exact
    instrument.pipeline.publish("phase", PhaseImage(image, "draft", 3.0, STEP, 2))
    assert instrument.link.source.data == exact


def test_the_theme_reaches_all_figures(instrument, image):
    publish_all(instrument, image)
    instrument.shell._handle_msg({"does": "theme", "theme": "light"})
    views = [
        instrument.frequencies.tiles,
        instrument.frequencies.spectrum,
        *(slot.view for slot in instrument.slots.values()),
    ]
    assert {view.theme for view in views} == {"light"}
    instrument.shell._handle_msg({"does": "theme", "theme": "nonsense"})
    assert instrument.experiment.display.theme == "light"


def test_the_simulations_values_can_be_set(instrument):
    instrument.pipeline.publish(
        "scan", summary(metadata={"aberrations": {"C10": -400.0, "C12a": 20.0}})
    )
    assert instrument.panels.focus_foot.hidden == []
    instrument.panels.focus_foot._handle_msg({"press": "truth"})
    assert instrument.experiment.aberrations.defocus == 40
    assert instrument.experiment.aberrations.C12a == 2
    instrument.panels.focus_foot._handle_msg({"press": "zero"})
    assert instrument.experiment.aberrations.defocus == 0


def test_sliders_reach_as_far_as_the_aperture_makes_sense_of(instrument):
    scan = instrument.experiment.scan
    ends = {}
    for angle in (25.0, 1.0):
        scan.param.update(energy_kev=80.0, semiangle_mrad=angle)
        instrument.pipeline.publish("scan", summary())
        (defocus,) = instrument.panels.defocus.specs
        size = next(s for s in instrument.panels.polar[1].specs if s["name"] == "C12")
        turn = next(s for s in instrument.panels.polar[1].specs if s["name"] == "phi12")
        assert defocus["start"] == -defocus["end"]
        assert (size["start"], turn["end"]) == (0, 90)
        ends[angle] = defocus["end"]
    # A depth of focus goes with the square of the angle; ends are rounded to 1, 2, 5.
    assert 250 <= ends[1.0] / ends[25.0] <= 1600


def test_what_cannot_be_saved_is_told(instrument, monkeypatch):
    monkeypatch.setattr(instrument.saving, "_post", lambda function: function())
    instrument.save("tiff")
    assert instrument.notices.items[0][2] == "There is nothing to save yet."
    instrument.saving.make(instrument.pipeline.to_save("hdf5"))
    saver = instrument.saving.saver
    assert (saver.filename, saver.data, saver.serial) == ("a.h5", b"all", 1)


def test_an_upload_that_is_no_scan_is_refused(instrument):
    instrument.panels.upload._begin({"transfer": 1, "name": "picture.jpg", "size": 9})
    assert "picture.jpg" in instrument.notices.items[0][2]


def test_a_closed_page_draws_nothing_and_lets_go(image):
    page = Page(StandIn, Catalogue(), {}, Document())
    pipeline = page.pipeline
    page.close()
    assert pipeline.closed
    pipeline.publish("phase", PhaseImage(image, "exact", 1.0, STEP, 1))
    page.post(lambda: pytest.fail("posted"))
    page.experiment.aberrations.defocus = 3
    assert page.shell.frame == 0


def test_a_session_that_ended_is_forgotten(image):
    page = Page(StandIn, Catalogue(), {}, Document())
    publish_all(page, image)
    gone = weakref.ref(page)
    page.close()
    del page
    gc.collect()
    assert gone() is None


def test_the_scan_is_turned_by_half_a_turn(instrument):
    scan = instrument.experiment.scan
    calibration = instrument.panels.calibration
    names = [each["name"] for each in calibration.specs]
    assert names[names.index("rotation_deg") + 1] == "turn"
    for angle, turned in ((30.0, -150.0), (-12.5, 167.5), (0.0, 180.0)):
        scan.rotation_deg = angle
        calibration._handle_msg({"press": "turn"})
        assert scan.rotation_deg == turned
        assert calibration.values["rotation_deg"] == turned


def test_a_server_that_cannot_work_says_why_on_its_page(monkeypatch):
    def shared():
        raise DeviceError("No GPU: <none>.")

    shown = []
    monkeypatch.setattr("app.page.open.shared", shared)
    monkeypatch.setattr(pn.pane.HTML, "servable", lambda pane, title: shown.append(pane.object))
    assert open_page() is None
    assert shown == ["livestem could not start: No GPU: &lt;none&gt;."]
