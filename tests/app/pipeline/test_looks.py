"""How often a scan that grows is looked at."""

import pytest

from app.pipeline import preparing
from app.pipeline.preparing import LOOK_S, REST, Looks


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(preparing, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("took", [0.01, 0.1, 1.0, 4.0])
def test_a_look_that_takes_long_is_followed_by_a_long_rest(clock, took):
    looks = Looks()
    assert looks.may_begin()
    assert looks.begin() == 0
    assert not looks.may_begin()
    assert looks.due
    clock[0] += took
    looks.end()
    assert looks.may_begin()
    assert looks.begin() == pytest.approx(max(LOOK_S - took, REST * took))


def test_what_ends_a_look_twice_rests_once(clock):
    looks = Looks()
    looks.begin()
    clock[0] += 1
    looks.end()
    clock[0] += 5
    looks.end()
    assert looks.begin() == 0
