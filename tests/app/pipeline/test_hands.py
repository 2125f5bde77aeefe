"""The more hands move, the longer each waits, so that none is starved."""

import pytest
from bokeh.document import Document

from app.pipeline import hands
from app.pipeline.hands import EACH_MS, RESTS_S, Hands


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

    monkeypatch.setattr(hands, "monotonic", lambda: Clock.now)
    return Clock


def test_one_hand_alone_never_waits(clock):
    moving, page = Hands(), Document()
    assert moving.wait_ms() == 0
    for _ in range(10):
        moving.move(page)
    assert moving.wait_ms() == 0


def test_each_hand_that_moves_adds_to_the_wait_until_it_rests(clock):
    moving, pages = Hands(), [Document() for _ in range(8)]
    for page in pages:
        moving.move(page)
    assert moving.wait_ms() == 7 * EACH_MS
    clock.now += 0.6 * RESTS_S
    moving.move(pages[0])
    clock.now += 0.6 * RESTS_S
    assert moving.wait_ms() == 0


def test_a_hand_among_others_rests_later_than_one_alone(clock):
    moving, pages = Hands(), [Document() for _ in range(8)]
    assert moving.pause_s(0.15) == 0.15
    moving.move(pages[0])
    assert moving.pause_s(0.15) == 0.15
    for page in pages:
        moving.move(page)
    # Each is looked at so seldom then; twice as long is no rest yet.
    assert moving.pause_s(0.15) > 2e-3 * moving.wait_ms()
    clock.now += 1.1 * RESTS_S
    assert moving.pause_s(0.15) == 0.15


def test_a_page_that_has_gone_is_not_kept(clock):
    moving = Hands()
    moving.move(Document())
    moving.move(Document())
    assert moving.wait_ms() == 0
