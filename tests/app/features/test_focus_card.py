"""What the page offers around the focus, without a browser and with a pipeline that waits."""

from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
from bokeh.document import Document
from PIL import Image

from app.drawing.movie import gif
from app.engine.catalogue import Catalogue
from app.features.fit import FitFound
from app.features.tile_proof import Earlier, with_residuals
from app.page.page import Page
from app.pipeline.chart import Chart
from app.pipeline.proof import CURVE_DEPTHS, FocusSeries, curve_key, curve_middle, depth_of_focus
from app.pipeline.results import Flatness, PhaseImage
from app.state.request import Geometry, Reading, Request
from recon.optics import Aberrations, electron_wavelength
from tests.support.pages import (
    StandIn,
    image,  # noqa: F401 - a fixture
    instrument,  # noqa: F401 - a fixture
    publish_all,
    summary,
)

FOUND = FitFound(
    {"defocus": 12.0}, {"defocus": 0.1}, (), None, None, Aberrations(), 0.06, 0.5, 0.98, 1.1, 300
)


def feature(page, root):
    """The feature that owns a part of the page."""
    return next(each for each in page.features if root in each.roots())


def press(page, name):
    feature(page, "fit").controls._handle_msg({"press": name})
    return page.pipeline.performed[-1]


def exact(page, image):
    page.pipeline.publish("phase", PhaseImage(image, "exact", 3.0, (2.0, 2.0), 1))


def test_the_button_asks_for_a_fit(instrument):
    instrument.experiment.fit.orders = 3
    assert press(instrument, "focus").title == "Focusing"
    focusing = feature(instrument, "fit")
    instrument.fitted.under_way = True
    assert focusing.controls.disabled == ["focus"]
    instrument.fitted.under_way = False
    instrument.fitted.result = FOUND
    assert focusing.controls.disabled == []
    assert focusing.report.rows == [["Defocus", "12.00 ± 0.10", "nm"]]
    # Another value is set meanwhile, and then what was found.
    assert (focusing.report.stale, focusing.report.action) == (True, "Set these values")
    focusing.report._handle_msg({"does": "act"})
    assert instrument.experiment.aberrations.defocus == 12.0
    assert (focusing.report.stale, focusing.report.action) == (False, "Use the full overlap")
    focusing.report._handle_msg({"does": "act"})
    assert instrument.experiment.detector.sideband == "full"
    assert focusing.report.action == ""
    instrument.pipeline.publish("scan", summary(dataset="other.h5"))
    assert focusing.report.summary == ""


@pytest.mark.parametrize(
    ("query", "dataset", "offered"),
    [({}, "a.h5", True), ({}, "demo", False), ({"C12a": "4"}, "a.h5", False)],
    ids=["a file", "the demonstration teaches dragging", "a link says the aberrations"],
)
def test_focusing_is_offered_where_nobody_has_focused(image, query, dataset, offered):
    page = Page(StandIn, Catalogue(), query, Document())
    page.pipeline.publish("scan", summary(dataset=dataset))
    exact(page, image)
    assert ("Focus for me" in page.panels.hint.text) == offered
    assert page.pipeline.performed == []
    page.pipeline.publish("flatness", Flatness(0.9, Aberrations(), np.zeros((0, 2)), np.zeros(0)))
    assert "Focus for me" not in page.panels.hint.text
    page.close()


def test_if_wanted_every_scan_that_a_hand_opens_is_focused(instrument, image):
    asked = instrument.pipeline.performed
    instrument.experiment.fit.on_opening = True
    instrument.experiment.aberrations.defocus = 40  # those of the scan before
    instrument.experiment.scan.dataset = "a.h5"
    instrument.pipeline.publish("scan", summary(dataset="a.h5"))
    exact(instrument, image)
    exact(instrument, image)
    assert [job.title for job in asked] == ["Focusing"]
    with instrument.experiment.fill("restored"):
        instrument.experiment.scan.dataset = "b.h5"
    instrument.pipeline.publish("scan", summary(dataset="b.h5"))
    exact(instrument, image)
    assert len(asked) == 1  # undo brings the aberrations along


def test_a_lock_holds_both_parts_of_a_term_and_the_sliders_agree(instrument):
    panels, state = instrument.panels, instrument.experiment.fit
    lock = next(each["lock"] for each in panels.polar[2].specs if each["name"] == "C21")
    panels.polar[2].locked = lock
    assert state.locked == ["C21a", "C21b"]
    assert panels.orders[2].locked == panels.defocus.locked == ["C21a", "C21b"]
    panels.defocus.locked = ["nonsense"]
    assert panels.defocus.locked == state.locked == ["C21a", "C21b"]


def test_what_a_fit_sets_is_not_set_again_in_rounded_polar_form(instrument):
    aberrations = instrument.experiment.aberrations
    aberrations.param.update(C12a=3.4875123, C12b=-2.0085456)
    assert (aberrations.C12a, aberrations.C12b) == (3.4875123, -2.0085456)
    polar = instrument.panels.polar[1]
    polar.values = polar.values | {"C12": 2.0, "phi12": 0.0}
    assert aberrations.C12a == pytest.approx(2.0)
    assert aberrations.C12b == pytest.approx(0.0)


# ---- tiles ----


def judged(value, aberrations=None, residual=(0.2, np.nan)):
    aberrations = aberrations or Aberrations()
    return Flatness(value, aberrations, np.array([[1, 2], [3, 4]]), np.array(residual))


def test_tiles_tell_what_is_left_in_them_only_for_what_is_set(instrument, image):
    publish_all(instrument, image)
    instrument.pipeline.publish("flatness", judged(0.83))
    assert instrument.status.quality == "flat 83 %"
    assert instrument.frequencies.tiles.labels.columns()["text"] == ["a · 0.20 rad", "b"]
    instrument.experiment.aberrations.defocus = 3
    assert instrument.status.quality == ""
    instrument.pipeline.publish("flatness", judged(0.5))  # of before
    assert instrument.status.quality == ""
    instrument.experiment.aberrations.defocus = 0  # and nothing is judged again
    exact(instrument, image)
    assert instrument.status.quality == "flat 50 %"


def test_what_is_left_of_nothing_has_no_sign():
    left = np.array([-0.0, -0.003, np.nan])
    assert with_residuals(("a", "b", "c"), left) == ("a\n0.00 rad", "b\n0.00 rad", "c")


def test_no_verdict_of_other_electrons_stands_beside_the_tiles(instrument, image):
    publish_all(instrument, image)
    instrument.pipeline.publish("flatness", judged(0.83))
    publish_all(instrument, image)  # another dose, or another scan
    assert instrument.status.quality == ""
    assert instrument.frequencies.tiles.labels.columns()["text"] == ["a", "b"]
    instrument.pipeline.publish("flatness", judged(0.4))
    assert instrument.status.quality == "flat 40 %"


def test_the_tiles_before_a_fit_can_be_seen_until_a_hand_moves(instrument, image):
    publish_all(instrument, image)
    switch = feature(instrument, "tiles_switch").switch
    instrument.fitted.result = FOUND
    assert switch.hidden == ["which"]  # not taken over
    instrument.experiment.aberrations.defocus = 12.0
    assert switch.hidden == []
    switch.values = {"which": "before"}
    assert instrument.pipeline.performed[-1].title == "Tiles before the fit"
    before = Earlier(np.ones((2, 6, 6), complex), ("a · 1.8 rad", "b"))
    instrument.pipeline.answer.result = before
    assert instrument.frequencies.tiles.labels.columns()["text"] == ["a · 1.8 rad", "b"]
    publish_all(instrument, image)  # another band limit, or other electrons
    assert [j.title for j in instrument.pipeline.performed] == ["Tiles before the fit"] * 2
    instrument.experiment.aberrations.defocus = 13.0
    assert switch.hidden == ["which"]
    assert instrument.frequencies.tiles.labels.columns()["text"] == ["a", "b"]


# ---- defocus ----


def test_the_present_defocus_is_marked_in_the_curve_and_a_click_sets_it(instrument):
    display, aberrations = instrument.experiment.display, instrument.experiment.aberrations
    aberrations.defocus = -4
    display.slot_left = "focus_curve"
    x = np.linspace(-10, 10, 5)
    instrument.pipeline.publish("focus_curve", Chart(x, {"a": x}, "defocus (nm)"))
    view = instrument.slots["slot_left"].view
    assert (view.marks.data, view.words.columns()["text"]) == ([(-4.0,)], [" −4 nm"])
    aberrations.defocus = 2
    assert view.marks.data == [(2.0,)]
    view._tapped(SimpleNamespace(x=7.12345))
    assert aberrations.defocus == 7.123
    display.slot_left = "frc"
    view._tapped(SimpleNamespace(x=0.5))
    assert aberrations.defocus == 7.123  # a frequency is no defocus


def test_the_curve_is_made_again_only_where_the_defocus_leaves_it():
    def request(defocus):
        geometry = Geometry(energy=80e3, semiangle_cutoff=25.0)
        return Request(Reading("a"), geometry=geometry, aberrations=Aberrations(C10=-defocus))

    depth = depth_of_focus(request(0))
    assert depth == pytest.approx(electron_wavelength(80e3) / 0.025**2)
    assert curve_key(request(0)) == curve_key(request(1.9 * depth))
    for defocus in (30 * depth, -57.3 * depth):
        reach = CURVE_DEPTHS * depth
        assert abs(curve_middle(request(defocus)) - defocus) < 0.3 * reach


def test_a_picture_of_the_series_sets_its_defocus_and_stays_marked(instrument):
    press(instrument, "series")
    images = np.random.default_rng(1).normal(size=(3, 8, 10)).astype(np.float32)
    instrument.pipeline.answer.result = FocusSeries(np.array([-2.0, 0.0, 2.0]), images)
    sheet, aberrations = instrument.sheet, instrument.experiment.aberrations
    assert sheet.layout == "strip"
    assert [card["chosen"] for card in sheet.cards] == [False, True, False]
    sheet._handle_msg({"does": "act", "key": "2", "name": "pick"})
    assert aberrations.defocus == 2
    assert [card["chosen"] for card in sheet.cards] == [False, False, True]
    aberrations.defocus = 50
    assert not any(card["chosen"] for card in sheet.cards)
    sheet._handle_msg({"does": "act", "key": "", "name": "save"})
    saver = instrument.saving.saver
    assert saver.filename.endswith("-through-focus.gif")
    with Image.open(BytesIO(saver.data)) as film:
        assert film.n_frames == 4
    instrument.pipeline.publish("scan", summary(dataset="another.h5"))
    assert not sheet.shown


def test_a_movie_goes_there_and_back_in_one_scale_of_grey():
    images = np.stack([np.full((40, 50), level) for level in (0.0, 0.5, 1.0)])
    with Image.open(BytesIO(gif(images, ["a", "b", "c"], (0.0, 1.0)))) as film:
        assert film.n_frames == 4
        assert film.size == (300, 240)
        corner = []
        for n in range(4):
            film.seek(n)
            corner.append(film.convert("L").getpixel((290, 230)))
    assert corner == pytest.approx([0, 128, 255, 128], abs=1)
