"""The page's address: written when the hand rests, and now and then while it goes on."""

from itertools import pairwise
from types import SimpleNamespace

import pytest

from app.page import address
from app.page.address import LATEST_S, LINK_MS, LOOKING_ON, Address
from app.state.experiment import Experiment


class Hand:
    """A hand on a slider, a clock that goes when it is told to, and what was written when."""

    def __init__(self, monkeypatch):
        self.now, self.due, self.written = 0.0, [], []
        monkeypatch.setattr(address, "monotonic", lambda: self.now)
        self.experiment = Experiment()
        self.address = Address(self.experiment, SimpleNamespace(default="demo"), self.after)
        monkeypatch.setattr(self.address, "_write", self.write)
        self.address.watch()

    def after(self, milliseconds, action):
        self.due.append((self.now + milliseconds / 1e3, action))
        return action

    def write(self):
        self.written.append((self.now, self.address.query().get("defocus")))

    def wait(self, seconds):
        end = self.now + seconds
        while ready := [each for each in self.due if each[0] <= end]:
            first = min(ready, key=lambda each: each[0])
            self.due.remove(first)
            self.now = first[0]
            first[1]()
        self.now = end

    def moves(self, seconds, every=0.05):
        for n in range(round(seconds / every)):
            self.experiment.aberrations.defocus = 1.0 + n
            self.wait(every)
        return f"{self.experiment.aberrations.defocus:g}"


@pytest.fixture
def hand(monkeypatch):
    return Hand(monkeypatch)


def test_it_is_written_once_when_the_hand_rests(hand):
    last = hand.moves(1.0)
    assert hand.written == []
    hand.wait(LINK_MS / 1e3 + 0.01)
    assert [value for _, value in hand.written] == [last]
    hand.wait(60)
    assert len(hand.written) == 1
    assert hand.due == []


def test_it_is_written_now_and_then_while_the_hand_goes_on(hand):
    last = hand.moves(10.0)
    hand.wait(60)
    times = [0.0, *(when for when, _ in hand.written)]
    gaps = [b - a for a, b in pairwise(times)]
    # The page itself remembers what was set in the last 3 s, for when the connection is lost.
    assert max(gaps) < LATEST_S + LINK_MS / 1e3 + 0.1 < 3
    assert len(hand.written) <= 10.0 / LATEST_S + 1
    assert hand.written[-1][1] == last


def test_a_page_that_looks_on_writes_what_anothers_hand_has_set_when_that_rests(hand):
    hand.address._looks_on = lambda: True
    last = hand.moves(4.0)
    assert hand.written == []
    hand.wait(LOOKING_ON * LINK_MS / 1e3 - 0.1)
    assert hand.written == []
    hand.wait(0.2)
    assert [value for _, value in hand.written] == [last]
    last = hand.moves(40.0)
    assert 2 <= len(hand.written) <= 1 + 40 / (LOOKING_ON * LATEST_S)
    hand.wait(60)
    assert hand.written[-1][1] == last


def test_a_page_that_was_closed_writes_nothing(hand):
    hand.experiment.aberrations.defocus = 3.0
    hand.address.close()
    hand.experiment.aberrations.defocus = 4.0
    assert len(hand.due) == 1
