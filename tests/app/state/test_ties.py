"""Ties to the state: they follow, and let go."""

import gc
import weakref

import param

from app.state.aberrations import AberrationState
from app.state.scan import ScanState
from app.state.ties import Ties


def test_what_changes_together_is_followed_once_and_only_what_is_named():
    state, calls = AberrationState(), []
    ties = Ties().tie(state, lambda *events: calls.append({e.name for e in events}), "C30", "C50")
    assert ties
    state.param.update(C30=1.0, C50=2.0, defocus=3.0)
    state.defocus = 4.0
    assert calls == [{"C30", "C50"}]


def test_a_state_is_followed_whole():
    state, calls = AberrationState(), []
    Ties().tie_whole(state, lambda *events: calls.extend(e.name for e in events))
    state.param.update(**dict.fromkeys(AberrationState.names(), 1.0))
    assert set(calls) == set(AberrationState.names())


def test_all_is_untied_at_once_and_nothing_is_held():
    class Follower:
        def __init__(self, *states):
            self.calls, self.ties = [], Ties()
            for state in states:
                self.ties.tie_whole(state, self.follow)

        def follow(self, *events):
            self.calls.append(events)

    states = AberrationState(), ScanState()
    follower = Follower(*states)
    follower.ties.untie()
    follower.ties.untie()  # nothing is left to do
    states[0].defocus = 5.0
    states[1].rotation_deg = 6.0
    assert follower.calls == []
    assert not follower.ties
    gone = weakref.ref(follower)
    del follower
    gc.collect()
    assert gone() is None


class Results(param.Parameterized):
    first, second = param.Parameter(), param.Parameter()


def test_a_result_is_shown_as_it_is_and_as_it_becomes_and_all_of_it_before_it_is_counted():
    results, seen = Results(first=1), []
    ties = Ties().show(results.param.first, lambda value: seen.append(("count", value)), 1)
    ties.show(results.param.first, lambda value: seen.append(("first", value)))
    ties.show(results.param.second, lambda value: seen.append(("second", value)))
    assert seen == [("count", 1), ("first", 1)]  # there is no second yet
    del seen[:]
    results.param.update(first=2, second=3)
    assert seen == [("first", 2), ("second", 3), ("count", 2)]
    results.first = 2  # no news
    assert len(seen) == 3


def test_one_that_fails_is_logged_and_keeps_nothing_from_the_others(caplog):
    results, seen = Results(first=1), []
    ties = Ties().show(results.param.first, lambda value: 1 / 0)
    ties.show(results.param.first, seen.append)
    results.first = 2
    assert seen == [1, 2]
    assert caplog.text.count("could not show first") == 2
