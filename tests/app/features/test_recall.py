"""Undo, compare and presets as the page has them, without a browser."""

import gc
import weakref

import numpy as np
import pytest
from bokeh.document import Document

from app.engine.catalogue import Catalogue
from app.features.recall import Recall
from app.page.page import Page
from app.pipeline.results import DpcImage, PhaseImage
from app.recall.presets import Preset, Presets
from app.state.filling import FOUND
from app.views.sheet import SheetPage
from app.views.slot import Slot
from tests.support.pages import SHAPE, STEP, StandIn, publish_all


class Resting:
    """Whether the pipeline has computed all that is set."""

    yes = True

    def __call__(self, pipeline):
        return self.yes


@pytest.fixture
def resting():
    return Resting()


@pytest.fixture
def instrument(monkeypatch, resting):
    monkeypatch.setattr("app.features.recall.at_rest", resting)
    monkeypatch.setattr("app.page.page.when_ready", lambda action: None)
    monkeypatch.setattr(Page, "post", lambda page, action: action())
    made = Page(StandIn, Catalogue(), {}, Document())
    made.start()
    yield made
    made.close()


@pytest.fixture
def recall(instrument):
    return next(feature for feature in instrument.features if isinstance(feature, Recall))


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def press(recall, name):
    recall.tools._handle_msg({"does": name})


def phase(instrument, image, mode="exact"):
    instrument.pipeline.publish("phase", PhaseImage(image, mode, 3.0, STEP, 1))


def test_buttons_name_the_step_and_take_it_back(instrument, recall):
    focus = instrument.experiment.aberrations
    focus.defocus = 12
    recall.history.settle()
    assert recall.tools.undo == "defocus 0 → 12 nm"
    press(recall, "undo")
    assert (focus.defocus, recall.tools.undo, recall.tools.redo) == (0, "", "defocus 0 → 12 nm")
    press(recall, "redo")
    assert (focus.defocus, recall.tools.redo) == (12, "")


def test_a_held_picture_stays_while_the_live_one_goes_on(instrument, recall, image):
    publish_all(instrument, image)
    instrument.sheet.show(SheetPage("a", "A"))
    press(recall, "compare")
    assert not instrument.sheet.shown  # it would hide both
    held = recall.comparing.held
    assert recall.tools.comparing
    assert len(recall.held) == 1
    assert held.view.image is image
    instrument.experiment.aberrations.param.update(defocus=15, C12a=2)
    phase(instrument, 9 * image, "draft")
    assert held.view.image is image
    np.testing.assert_array_equal(instrument.slots["slot_main"].view.image, 9 * image)
    recall.comparing._look()
    assert held.head.differs == "defocus 0 → 15 nm, C12a 0 → 2 nm"
    press(recall, "compare")
    assert not recall.tools.comparing
    assert len(recall.held) == 0


def test_a_session_that_ends_while_it_compares_is_forgotten(resting, image, monkeypatch):
    monkeypatch.setattr("app.features.recall.at_rest", resting)
    page = Page(StandIn, Catalogue(), {}, Document())
    publish_all(page, image)
    feature = next(each for each in page.features if isinstance(each, Recall))
    feature.compare()
    gone = weakref.ref(page)
    page.close()
    del page, feature
    gc.collect()
    assert gone() is None


def test_a_page_that_closes_while_it_compares_draws_nothing_more(resting, image, monkeypatch):
    monkeypatch.setattr("app.features.recall.at_rest", resting)
    page = Page(StandIn, Catalogue(), {}, Document())
    publish_all(page, image)
    feature = next(each for each in page.features if isinstance(each, Recall))
    feature.compare()
    held = feature.comparing.held
    monkeypatch.setattr(Slot, "draw", lambda *args: pytest.fail("it draws"))
    page.close()
    assert feature.comparing.held is None
    assert not held._views
    # What comes last was closed too.
    assert page.sheet.on_action is None


def test_both_pictures_have_one_scale_until_that_is_switched_off(instrument, recall, image):
    publish_all(instrument, image)
    live = instrument.slots["slot_main"]
    press(recall, "compare")
    held = recall.comparing.held
    instrument.experiment.aberrations.defocus = 15
    phase(instrument, 9 * image)
    assert (live.view.scale.low, live.view.scale.high) == (
        held.view.scale.low,
        held.view.scale.high,
    )
    assert held.link is live.link
    held.head._handle_msg({"does": "scale"})
    assert live.view.scale.high == pytest.approx(9 * held.view.scale.high)
    assert not held.head.common
    held.head._handle_msg({"does": "scale"})
    instrument.experiment.display.percentile_high = 60
    assert live.view.scale.high == held.view.scale.high < 1
    press(recall, "compare")
    assert live.view.scale.high > 1


def test_the_held_picture_shows_the_contrast_that_is_chosen(instrument, recall, image):
    publish_all(instrument, image)
    press(recall, "compare")
    instrument.experiment.aberrations.defocus = 15
    instrument.pipeline.publish("dpc", DpcImage(5 * image, np.ones(3), None, "iterative", STEP))
    instrument.experiment.display.slot_main = "dpc"
    held, live = recall.comparing.held, instrument.slots["slot_main"]
    assert held.view.image is image
    assert live.view.scale.high == held.view.scale.high
    instrument.experiment.display.slot_main = "amplitude"
    assert held.empty.text == "SSB amplitude was not there when A was held."


def test_a_follows_the_hand_until_its_picture_has_been_computed(instrument, recall, resting, image):
    publish_all(instrument, image)
    focus, resting.yes = instrument.experiment.aberrations, False
    focus.defocus = 5  # of which there is no picture yet
    press(recall, "compare")
    held = recall.comparing.held
    assert held.head.waiting
    focus.defocus = 6
    phase(instrument, 2 * image, "draft")
    assert held.mode.text == "draft"
    phase(instrument, 3 * image, "exact")
    resting.yes = True
    recall.comparing._look()
    assert (held.head.waiting, held.mode.text) == (False, "")
    # What the pipeline finds is no change of the hand's.
    with instrument.experiment.fill(FOUND):
        instrument.experiment.scan.energy_kev = 80.0
    phase(instrument, 4 * image)
    np.testing.assert_array_equal(held.view.image, 4 * image)
    focus.defocus = 7
    recall.comparing._look()
    assert held.head.differs == "defocus 6 → 7 nm"
    focus.defocus = 6
    phase(instrument, 5 * image)
    np.testing.assert_array_equal(held.view.image, 4 * image)


def test_swapping_waits_for_the_picture_that_is_to_be_held(instrument, recall, resting, image):
    publish_all(instrument, image)
    press(recall, "compare")
    focus, resting.yes = instrument.experiment.aberrations, False
    focus.defocus = 15
    recall.comparing.held.head._handle_msg({"does": "swap"})
    assert focus.defocus == 15
    phase(instrument, 2 * image)
    resting.yes = True
    recall.comparing._look()
    assert focus.defocus == 0
    np.testing.assert_array_equal(recall.comparing.held.view.image, 2 * image)
    assert not recall.comparing.held.head.waiting


def test_swapping_gives_back_the_state_and_holds_the_other(instrument, recall, image):
    publish_all(instrument, image)
    focus = instrument.experiment.aberrations
    focus.defocus = 5
    press(recall, "compare")
    focus.defocus = 15
    phase(instrument, 2 * image)
    recall.comparing.held.head._handle_msg({"does": "swap"})
    held, live = recall.comparing.held, instrument.slots["slot_main"]
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


def test_a_preset_is_saved_loaded_as_one_step_and_deleted(instrument, recall, tmp_path):
    recall.presetting.presets = Presets(tmp_path)
    focus, menu = instrument.experiment.aberrations, recall.menu
    focus.param.update(defocus=12, C12a=3)
    menu._handle_msg({"does": "save", "name": "mine", "kind": "aberrations"})
    assert (menu.items, menu.said) == ([["mine", "aberrations"]], "“mine” is saved.")
    menu._handle_msg({"does": "save", "name": "mine", "kind": "settings"})
    assert menu.refused
    assert menu.items == [["mine", "aberrations"]]
    focus.param.update(defocus=1, C30=2, C12a=3)
    recall.history.settle()
    menu._handle_msg({"does": "load", "name": "mine"})
    assert (focus.defocus, focus.C30, focus.C12a, menu.refused) == (12, 0, 3, False)
    assert recall.tools.undo == "preset “mine”"
    menu._handle_msg({"does": "load", "name": "mine"})
    assert menu.said == "Already set as in “mine”."
    press(recall, "undo")
    assert (focus.defocus, focus.C30, focus.C12a) == (1, 2, 3)
    menu._handle_msg({"does": "delete", "name": "mine"})
    assert menu.items == []
    menu._handle_msg({"does": "load", "name": "mine"})
    assert menu.said == "The preset “mine” no longer exists."


def test_what_a_preset_cannot_set_becomes_a_notice(instrument, recall, tmp_path):
    recall.presetting.presets = Presets(tmp_path)
    recall.presetting.presets.save("old", Preset("aberrations", {"defocus": "much", "C30": "2"}))
    recall.menu._handle_msg({"does": "load", "name": "old"})
    assert instrument.experiment.aberrations.C30 == 2
    assert "defocus=much" in instrument.notices.items[0][2]
