"""Whose hand is on which control."""

from app.recall.moment import Key

HOLD_S = 1.0
"""For so long after a hand has moved a control, others' hands on that control wait."""


class Holds:
    """The controls that were moved just now; times are a clock's [s]."""

    def __init__(self):
        self._held: dict[Key, tuple[object, float]] = {}

    def holder(self, key: Key, now: float):
        """Whose hand is on a control; None where nobody's is."""
        member, until = self._held.get(key, (None, 0.0))
        return member if now < until else None

    def take(self, key: Key, member, now: float) -> bool:
        """Note a hand on a control; whether it was not there before."""
        news = self.holder(key, now) is not member
        self._held[key] = member, now + HOLD_S
        return news

    def let_go(self, now: float) -> bool:
        """Forget the hands that have rested; whether there were any."""
        over = [key for key, (_, until) in self._held.items() if until <= now + 1e-3]
        for key in over:
            del self._held[key]
        return bool(over)

    def drop(self, member) -> None:
        """Forget the hands of a member."""
        self._held = {key: each for key, each in self._held.items() if each[0] is not member}

    def next_rest(self) -> float | None:
        """When the next hand rests; None where there is none."""
        return min((until for _, until in self._held.values()), default=None)

    def others(self, member, now: float) -> dict[Key, object]:
        """On which controls others have their hands, and whose they are."""
        return {
            key: holder
            for key, (holder, until) in self._held.items()
            if holder is not member and now < until
        }
