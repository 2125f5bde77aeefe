"""Undo, compare and presets as the page has them, without a browser."""

import numpy as np
import pytest
from bokeh.document import Document
from test_page import SHAPE, STEP, StandIn, publish_all

from app.catalogue import Catalogue
from app.features.recall import Recall
from app.filling import FOUND
from app.page import Page
from app.results import DpcImage, PhaseImage


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr("app.page.when_ready", lambda action: None)
    monkeypatch.setattr(Page, "post", lambda page, action: action())
    made = Page(StandIn, Catalogue(), {}, Document())
    made.start()
    yield made
    made.close()


@pytest.fixture
def recall(page):
    return next(feature for feature in page.features if isinstance(feature, Recall))


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def press(recall, name):
    recall.tools._handle_msg({"does": name})


def phase(page, image, mode="exact"):
    page.pipeline.publish("phase", PhaseImage(image, mode, 3.0, STEP, 1))


def test_buttons_name_the_step_and_take_it_back(page, recall):
    focus = page.experiment.aberrations
    focus.defocus = 12
    recall.history.settle()
    assert recall.tools.undo == "defocus 0 → 12 nm"
    press(recall, "undo")
    assert (focus.defocus, recall.tools.undo, recall.tools.redo) == (0, "", "defocus 0 → 12 nm")
    press(recall, "redo")
    assert (focus.defocus, recall.tools.redo) == (12, "")


def test_a_held_picture_stays_while_the_live_one_goes_on(page, recall, image):
    publish_all(page, image)
    press(recall, "compare")
    held = recall.comparing.held
    assert recall.tools.comparing
    assert len(recall.held) == 1
    assert held.view.image is image
    page.experiment.aberrations.param.update(defocus=15, C12a=2)
    phase(page, 9 * image, "draft")
    assert held.view.image is image
    np.testing.assert_array_equal(page.slots["slot_main"].view.image, 9 * image)
    recall.comparing._tell()
    assert held.head.differs == "defocus 0 → 15 nm, C12a 0 → 2 nm"
    press(recall, "compare")
    assert not recall.tools.comparing
    assert len(recall.held) == 0


def test_both_pictures_have_one_scale_and_one_zoom_until_that_is_switched_off(page, recall, image):
    publish_all(page, image)
    live = page.slots["slot_main"]
    press(recall, "compare")
    held = recall.comparing.held
    page.experiment.aberrations.defocus = 15
    phase(page, 9 * image)
    assert (live.view.scale.low, live.view.scale.high) == (
        held.view.scale.low,
        held.view.scale.high,
    )
    assert held.link is live.link
    held.head._handle_msg({"does": "scale"})
    assert live.view.scale.high == pytest.approx(9 * held.view.scale.high)
    assert not held.head.common
    held.head._handle_msg({"does": "scale"})
    page.experiment.display.percentile_high = 60
    assert live.view.scale.high == held.view.scale.high < 1
    press(recall, "compare")
    assert live.view.scale.high > 1


def test_the_held_picture_shows_the_contrast_that_is_chosen(page, recall, image):
    publish_all(page, image)
    press(recall, "compare")
    page.experiment.aberrations.defocus = 15
    page.pipeline.publish("dpc", DpcImage(5 * image, np.ones(3), None, "iterative", STEP))
    page.experiment.display.slot_main = "dpc"
    held, live = recall.comparing.held, page.slots["slot_main"]
    assert held.view.image is image
    assert live.view.scale.high == held.view.scale.high
    page.experiment.display.slot_main = "amplitude"
    assert held.empty.text == "SSB amplitude was not there when A was held."


def test_a_held_draft_becomes_exact_until_the_first_change(page, recall, image):
    publish_all(page, image)
    phase(page, image, "draft")
    press(recall, "compare")
    phase(page, 2 * image, "exact")
    held = recall.comparing.held
    np.testing.assert_array_equal(held.view.image, 2 * image)
    assert held.mode.text == "exact"
    # What the pipeline finds is no change of the hand's.
    with page.experiment.fill(FOUND):
        page.experiment.scan.energy_kev = 80.0
    phase(page, 3 * image)
    np.testing.assert_array_equal(held.view.image, 3 * image)
    page.experiment.aberrations.defocus = 1
    page.experiment.aberrations.defocus = 0
    phase(page, 4 * image)
    np.testing.assert_array_equal(held.view.image, 3 * image)


def test_swapping_gives_back_the_state_and_holds_the_other(page, recall, image):
    publish_all(page, image)
    focus = page.experiment.aberrations
    focus.defocus = 5
    press(recall, "compare")
    focus.defocus = 15
    phase(page, 2 * image)
    recall.comparing.held.head._handle_msg({"does": "swap"})
    held, live = recall.comparing.held, page.slots["slot_main"]
    assert focus.defocus == 5
    assert live.view.image is image
    np.testing.assert_array_equal(held.view.image, 2 * image)
    assert held.head.differs == "defocus 15 → 5 nm"
    assert recall.tools.undo == "back to A: defocus 15 → 5 nm"
    press(recall, "undo")
    assert focus.defocus == 15
    held.head._handle_msg({"does": "drop"})
    assert focus.defocus == 15
    assert recall.comparing.held is None
