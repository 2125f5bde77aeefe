"""A scan is played at its pace, frame after frame."""

import pytest

import recon.live.replay as replay
from recon.live.replay import play
from tests.support.streams import some_scan


class Heard:
    """A sender that keeps what it was told, and when."""

    endpoint = "nowhere"

    def __init__(self, clock, deaf_after=None):
        self.clock, self.deaf_after, self.said = clock, deaf_after, []

    def begin(self, scan, number):
        self.said.append(("begin", number))

    def send(self, first, last):
        self.said.append((first, last, round(self.clock.now, 9)))
        return self.deaf_after is None or last < self.deaf_after

    def end(self):
        self.said.append("end")

    def close(self):
        self.said.append("close")


class Clock:
    """Time passes while one sleeps, and only then."""

    now = 100.0

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(replay, "monotonic", lambda: made.now)
    monkeypatch.setattr(replay, "sleep", made.sleep)
    return made


def test_frames_are_sent_when_the_beam_has_left_them(clock):
    sender = Heard(clock)
    assert list(play(some_scan((2, 3)), sender, 5e-3, scans=2)) == [
        (1, 2), (1, 4), (1, 6), (2, 2), (2, 4), (2, 6),
    ]  # fmt: skip
    assert sender.said == [
        ("begin", 1), (0, 2, 100.01), (2, 4, 100.02), (4, 6, 100.03), "end",
        ("begin", 2), (0, 2, 100.04), (2, 4, 100.05), (4, 6, 100.06), "end", "close",
    ]  # fmt: skip


def test_the_time_begins_when_someone_listens(clock):
    sender = Heard(clock)
    send, sender.send = sender.send, lambda *part: clock.sleep(7 * (part[0] == 0)) or send(*part)
    list(play(some_scan((2, 3)), sender, 5e-3))
    assert [said[2] for said in sender.said[1:4]] == [107.01, 107.02, 107.03]


def test_without_a_pace_rows_follow_each_other(clock):
    sender = Heard(clock)
    assert list(play(some_scan((2, 3)), sender)) == [(1, 3), (1, 6)]
    assert clock.now == 100.0


def test_it_ends_where_nobody_listens_or_it_is_told_to(clock):
    sender = Heard(clock, deaf_after=3)
    assert list(play(some_scan((2, 3)), sender, scans=None)) == []
    assert sender.said == [("begin", 1), (0, 3, 100.0), "close"]
    sender = Heard(clock)
    assert list(play(some_scan((2, 3)), sender, stop=lambda: True)) == []
    assert sender.said == [("begin", 1), "close"]
