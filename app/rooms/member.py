"""One page in a room: what it has still to fetch, and what its hand does."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import param

from app.state.experiment import Experiment
from app.state.filling import RESTORED
from app.state.ties import Ties

STEER, WATCH = "steer", "watch"
"""What a member may do."""

PEOPLE, HANDS, MOVED, POINTERS, STEPS, VIEW, LINKS, END = (
    "people",
    "hands",
    "moved",
    "pointers",
    "steps",
    "view",
    "links",
    "end",
)
"""What else there may be news of."""

OWN = frozenset(
    ("display", name) for name in ("view", "theme", "polar", "slot_main", "slot_left", "slot_right")
)
"""What each page sets for itself."""

COLOURS = ["#ffb000", "#4cc2ff", "#ff7ab6", "#6ee787", "#c49bff", "#ff8f5a", "#5ee6d0", "#f2e85c"]
"""Of the members' pointers and names, by their numbers."""

WINDOW = 2
"""Frames that may be under way to a page that only looks on."""
PATIENCE_S = 3.0
"""After which a page that has not painted one is sent another all the same."""


@dataclass(eq=False)
class Seat:
    """What a page brings along into a room.

    Attributes
    ----------
    experiment : Experiment
        Its own, to which its views are tied.
    post : callable
        `post(function)` runs `function()` soon on the page's thread; safe from any thread.
    targets : dict of str to Parameterized
        What the room's results are shown in, by the names of `app.rooms.relayed.RELAYED`.
    user : str, optional
        Who it is, where people log in.
    heed : callable
        `heed(news)` is told on the page's thread what there is news of, as a set of words.
    """

    experiment: Experiment
    post: Callable[[Callable[[], None]], None]
    targets: dict[str, param.Parameterized]
    user: str | None = None
    heed: Callable[[set[str]], None] = field(default=lambda news: None)


class Member:
    """A page in a room; made by `Room.enter`.

    What has changed is noted by name alone. The values are fetched when the page gets to it, the
    newest ones: so a page that is slow, or away for a while, skips what it has missed.
    """

    def __init__(self, room, seat: Seat, number: int, name: str, role: str):
        self.room, self.seat, self.number, self.name, self.role = room, seat, number, name, role
        self.pointer: tuple[float, float] | None = None
        self.follows: Member | None = None
        self.painted = 0
        """Number of the last frame that the page has said to have painted."""
        self.values = {key for key in room.values() if key not in OWN}
        # What the room has not made yet would take away what the page shows meanwhile.
        self.results = set(room.relayed.there())
        self.said: deque[Callable[[], None]] = deque(maxlen=200)
        self.news = {PEOPLE, HANDS, STEPS, LINKS}
        self._posted = False
        self._sent: deque[tuple[int, float]] = deque()
        self._parts = {id(state): part for part, state in seat.experiment.parts().items()}
        self._ties = Ties()
        for state in seat.experiment.parts().values():
            self._ties.tie_whole(state, self._changed)

    @property
    def steers(self) -> bool:
        """Whether it may change anything."""
        return self.role == STEER

    @property
    def colour(self) -> str:
        """Of its pointer and its name."""
        return COLOURS[(self.number - 1) % len(COLOURS)]

    @property
    def view(self):
        """The part of the scan that its page shows."""
        return self.seat.experiment.display.view

    # ---- from the room to the page ----

    def note(self, new: dict[tuple[str, str], object]) -> bool:
        """Note what is set in the room, (part, parameter) -> value; whether the page has it not.

        What a page's own hand sets comes back to it as it is: nothing has to be fetched for that.
        """
        parts = self.seat.experiment.parts()
        stale = {(part, n) for (part, n), value in new.items() if getattr(parts[part], n) != value}
        self.values |= stale
        return bool(stale)

    @property
    def ready(self) -> bool:
        """Whether the page can take another frame."""
        now = monotonic()
        while self._sent and now - self._sent[0][1] > PATIENCE_S:
            self._sent.popleft()
        return not self._posted and (not self.painted or len(self._sent) < WINDOW)

    def wake(self) -> None:
        """Have the page fetch what is new, unless it is about to."""
        if not self._posted and self.room is not None:
            self._posted = True
            self.seat.post(self.fetch)

    def fetch(self) -> None:
        """Take over all that is new; on the page's thread."""
        self._posted = False
        if self.room is None:
            return
        began = monotonic()
        for take in (self._take_values, self._take_results, self._take_words, self._take_news):
            try:
                take()
            except Exception:
                logging.getLogger(__name__).exception("A page in a room could not show something.")
        if self.room is not None:
            self.room.fetched(self, monotonic() - began)

    def _take_values(self) -> None:
        values, self.values = self.values, set()
        mine, theirs = self.seat.experiment, self.room.experiment
        with mine.fill(RESTORED):
            for part, state in mine.parts().items():
                source = getattr(theirs, part)
                new = {n: getattr(source, n) for owner, n in values if owner == part}
                new = {n: value for n, value in new.items() if getattr(state, n) != value}
                if new:
                    copies = {n: list(v) if isinstance(v, list) else v for n, v in new.items()}
                    state.param.update(**copies)
        scan = theirs.scan
        mine.scan.pinned, mine.scan.settled = scan.pinned, scan.settled

    def _take_results(self) -> None:
        results, self.results = self.results, set()
        for group, source in self.room.relayed.sources.items():
            target = self.seat.targets.get(group)
            new = {name: getattr(source, name) for owner, name in results if owner == group}
            if new and target is not None:
                target.param.update(**new)
            phase = new.get("phase")
            if getattr(phase, "sequence", 0):
                self._sent.append((phase.sequence, monotonic()))

    def _take_words(self) -> None:
        while self.said:
            self.said.popleft()()

    def _take_news(self) -> None:
        news, self.news = self.news, set()
        if VIEW in news and self.follows is not None:
            self.seat.experiment.display.view = self.follows.view
        if news:
            self.seat.heed(news)

    # ---- from the page to the room ----

    def _changed(self, *events) -> None:
        experiment, part = self.seat.experiment, self._parts[id(events[0].obj)]
        if part == "display" and any(event.name.startswith("slot_") for event in events):
            self.room.look_again()
        if part == "display" and any(event.name == "view" for event in events):
            self.room.viewed(self)
        if experiment.filling:
            return  # it came from the room
        new = {each.name: each.new for each in events if (part, each.name) not in OWN}
        if new:
            self.room.change(self, part, new)

    def acknowledge(self, sequence: int | None = None) -> None:
        """Note that the page has painted a frame; safe from any thread."""
        if sequence is not None:
            self.painted = max(self.painted, sequence)
            while self._sent and self._sent[0][0] <= sequence:
                self._sent.popleft()
        if self.room is not None:
            self.room.acknowledged(self, sequence)

    def point(self, x: float | None, y: float | None) -> None:
        """Note where the page's pointer is in the scan [nm]; None twice where it is not."""
        place = None if x is None or y is None else (x, y)
        if place != self.pointer:
            self.pointer = place
            self.room.pointed(self)

    def leave(self) -> None:
        """Leave the room, as the page closes."""
        self._ties.untie()
        room, self.room = self.room, None
        self.values, self.results, self.follows = set(), set(), None
        self.said.clear()
        if room is not None:
            room.left(self)
