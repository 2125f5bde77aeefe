"""Whose hand is on which control."""

from app.rooms.holds import HOLD_S, Holds

KEY = ("aberrations", "defocus")


def test_a_hand_holds_a_control_for_a_moment_after_each_move():
    holds = Holds()
    assert holds.take(KEY, "anna", 0.0)
    assert not holds.take(KEY, "anna", 0.9)  # no news: it was there
    assert holds.holder(KEY, 0.9 + HOLD_S - 0.01) == "anna"
    assert holds.holder(KEY, 0.9 + HOLD_S) is None
    assert holds.others("ben", 1.0) == {KEY: "anna"}
    assert holds.others("anna", 1.0) == {}
    assert holds.next_rest() == 0.9 + HOLD_S
    assert not holds.let_go(1.0)
    assert holds.let_go(0.9 + HOLD_S)
    assert holds.next_rest() is None


def test_who_leaves_lets_go():
    holds = Holds()
    holds.take(KEY, "anna", 0.0)
    holds.drop("anna")
    assert holds.take(KEY, "ben", 0.1)
