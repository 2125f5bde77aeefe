"""The sheet over the images: what it shows, and what its buttons do."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from app.drawing.png import picture
from app.views.sheet import Card, Sheet, SheetPage


@pytest.fixture
def sheet():
    made = Sheet()
    made.show(
        SheetPage("focus", "Focus", cards=(Card("a", "−5 nm"), Card("b", "0 nm", chosen=True)))
    )
    return made


def test_a_button_says_of_which_page_and_card_it_is(sheet):
    told = []
    sheet.on_action = lambda *what: told.append(what)
    sheet._handle_msg({"does": "act", "key": "b", "name": "pick"})
    sheet._handle_msg({"does": "act", "key": "", "name": "save"})
    sheet._handle_msg({"does": "act", "key": "of another page", "name": "pick"})
    assert told == [("focus", "b", "pick"), ("focus", "", "save")]


def test_one_card_is_the_chosen_one(sheet):
    sheet.choose("a")
    assert [card["chosen"] for card in sheet.cards] == [True, False]
    sheet.choose(None)
    assert not any(card["chosen"] for card in sheet.cards)


def test_a_closed_sheet_keeps_no_pictures_and_answers_nothing(sheet):
    told = []
    sheet.on_action = lambda *what: told.append(what)
    assert sheet.showing("focus")
    sheet._handle_msg({"does": "close"})
    sheet._handle_msg({"does": "act", "key": "", "name": "save"})
    assert not sheet.showing("focus")
    assert (sheet.cards, told) == ([], [])


def opened(url):
    kind, _, content = url.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(BytesIO(b64decode(content))).convert("RGB"))


def test_a_picture_has_the_colours_of_its_values():
    image = np.repeat([[0.0, 0.5, 1.0]], 2, axis=0)
    drawn = opened(picture(image, (0, 1), [f"#{i:02x}0000" for i in range(256)]))
    assert drawn.shape == (2, 3, 3)
    assert drawn[0, :, 0].tolist() == [0, 128, 255]
    assert not drawn[..., 1:].any()


def test_a_large_picture_is_averaged_and_colours_are_kept():
    stripes = np.tile([0.0, 1.0], (400, 200))
    assert opened(picture(stripes, (0, 1), most=200)).shape[:2] == (200, 200)
    assert abs(opened(picture(stripes, (0, 1), most=200)).astype(int) - 128).max() <= 1
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    assert (opened(picture(red)) == [200, 0, 0]).all()
