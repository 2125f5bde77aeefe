"""A room: one experiment with its pipeline and its history, and the pages that share it."""

from collections.abc import Callable
from functools import partial
from time import monotonic

from app.pipeline.jobs import Answer
from app.recall.history import History
from app.recall.moment import Key, Moment, label_of
from app.rooms.beginning import Beginning, Shown, query_of
from app.rooms.holds import HOLD_S, Holds
from app.rooms.member import (
    END,
    HANDS,
    LINKS,
    MOVED,
    OWN,
    PEOPLE,
    POINTERS,
    STEER,
    STEPS,
    VIEW,
    Member,
    Seat,
)
from app.rooms.relayed import Relayed
from app.rooms.turns import Timers, Turns
from app.state.experiment import Experiment
from app.state.ties import Ties
from app.words import clip

MOVING_S = 0.6
"""A hand rests when an exact phase is there, or at the latest when it has not moved for so long."""
POINTERS_MS = 90
"""How often pointers are told."""
LONGEST_NAME = 24
MOST = 40
"""Members of a room."""


class RoomError(ValueError):
    """What cannot be done in a room, in one sentence."""


class Room:
    """Several hands on one experiment.

    Everything here happens on one thread, the server's; members' pages fetch on theirs, which is
    the same thread with their document's lock.

    Parameters
    ----------
    beginning : Beginning
    make_pipeline : callable
        `make_pipeline(experiment, post)` gives the room's `Pipeline`.
    post : callable
        `post(function)` runs `function()` soon on the room's thread; safe from any thread.
    after : callable
        `after(milliseconds, action)` calls `action()` once, later, on the room's thread.
    clock : callable
        Seconds.
    """

    def __init__(self, beginning: Beginning, make_pipeline, post, after, clock=monotonic):
        self.members: list[Member] = []
        self.driver: Member | None = None
        self.ended_by = ""
        self.on_empty: Callable[[], None] = lambda: None
        """Called when the last member has left."""
        self._clock, self._after, self.moved_at = clock, after, -1e9
        self._holds, self._timers, self._numbers = Holds(), Timers(after), 0
        self.last_change = ""
        """What was changed last and by whom, in words."""
        self.closed = False
        self.experiment = Experiment(display=Shown())
        beginning.fill(self.experiment)
        self.pipeline = make_pipeline(self.experiment, post)
        self.history = History(self.experiment, self.pipeline, after, partial(self._tell, STEPS))
        self.history.take_over(beginning.past, beginning.future)
        self.turns = Turns(after, clock, lambda: self.moving)
        stages = self.pipeline
        self.relayed = Relayed(stages)
        self._ties = Ties()
        for part, state in self.experiment.parts().items():
            self._ties.tie_whole(state, partial(self._set, part))
        for group, names in self.relayed.names().items():
            self._ties.tie(self.relayed.sources[group], partial(self._made, group), *names)
        for name in ("progress", "error", "notice"):
            self._ties.hear(stages.told.param[name], partial(self._say, name))
        stages.opening.sources = dict(beginning.moment.sources)
        stages.resting.also = frozenset(beginning.also)
        stages.watching.following, stages.watching.decided = beginning.following, True
        stages.start()

    def query(self) -> dict[str, str]:
        """The same as the entries of an address; from any thread."""
        return query_of(self.experiment)

    def values(self):
        """(part, parameter) of all that is set in the room."""
        for part, state in self.experiment.parts().items():
            for name in state.param:
                if name != "name":
                    yield part, name

    # ---- who is here ----

    def enter(self, seat: Seat, role: str = STEER, name: str = "") -> Member:
        """Let a page in.

        Raises
        ------
        RoomError
            Where the room has ended, or is full.
        """
        if self.closed:
            raise RoomError("This room has ended.")
        if len(self.members) >= MOST:
            raise RoomError(f"This room is full: {MOST} pages are in it.")
        self._numbers += 1
        taken = {each.name for each in self.members}
        guests = (f"guest {n}" for n in range(1, MOST + 2))
        called = seat.user or name or next(each for each in guests if each not in taken)
        member = Member(self, seat, self._numbers, called, role)
        self.members.append(member)
        self.look_again()
        self._tell(PEOPLE)
        member.wake()
        return member

    def left(self, member: Member) -> None:
        """Note that a member has left; `Member.leave` calls it."""
        if member in self.members:
            self.members.remove(member)
        self.turns.drop(member)
        self._holds.drop(member)
        if self.driver is member:
            self.driver = None
        for each in self.members:
            if each.follows is member:
                each.follows = None
        if self.closed:
            return
        self.look_again()
        self._tell(PEOPLE, HANDS, POINTERS)
        if not self.members:
            self.on_empty()

    def rename(self, member: Member, name: str) -> None:
        """Call a member otherwise; who has logged in keeps the name."""
        name = clip(" ".join(name.split()), LONGEST_NAME)
        others = {each.name for each in self.members if each is not member}
        if not member.seat.user and name and name.isprintable() and name not in others:
            member.name = name
            self._tell(PEOPLE, HANDS, POINTERS)

    def follow(self, member: Member, number: int | None) -> None:
        """Have a member's zoom follow another's; None ends that."""
        others = {each.number: each for each in self.members if each is not member}
        member.follows = others.get(number)
        member.news |= {PEOPLE, VIEW}
        member.wake()

    # ---- what hands do ----

    def change(self, member: Member, part: str, values: dict[str, object]) -> None:
        """Set what a member's hand has set, but for what others' hands are on."""
        now, taken = self._clock(), {}
        for name, value in values.items():
            others = self._holds.holder((part, name), now) not in (None, member)
            if not member.steers or others or self.closed:
                member.values.add((part, name))  # it is shown again what is set
            else:
                taken[name] = value
        if len(taken) < len(values):
            member.wake()
        if not taken:
            return
        self.driver, self.moved_at = member, now
        self._hold(member, part, taken, now)
        self.history.hand = member.name
        state, source = getattr(self.experiment, part), getattr(member.seat.experiment, part)
        if part == "scan":
            state.source = source.source
        try:
            state.param.update(**taken)
        except ValueError:
            member.values.update((part, name) for name in taken)
            member.wake()

    def _hold(self, member, part, taken, now) -> None:
        news = [self._holds.take((part, name), member, now) for name in taken]
        words = ", ".join(label_of((part, name)) for name in list(taken)[:2])
        self.last_change = f"{member.name} · {words}"
        if any(news):
            self._tell(HANDS)
        for each in self.members:
            if each is not member:
                each.news.add(MOVED)  # told with what has moved
        self._timers.wait("holds", 1e3 * HOLD_S, self._let_go)

    def _let_go(self) -> None:
        now = self._clock()
        if self._holds.let_go(now):
            self._tell(HANDS)
        rest = self._holds.next_rest()
        if rest is not None:
            self._timers.wait("holds", 1e3 * (rest - now), self._let_go)

    def hands(self, member: Member) -> dict[Key, Member]:
        """Which controls others have their hands on, as a member sees it."""
        return self._holds.others(member, self._clock())

    def undo(self, member: Member) -> None:
        """Go back by a step."""
        self._step(member, self.history.undo)

    def redo(self, member: Member) -> None:
        """Take the step that was undone last."""
        self._step(member, self.history.redo)

    def go(self, member: Member, moment: Moment, name: str) -> bool:
        """Set everything as it was at a moment, as one step."""
        return bool(self._step(member, partial(self.history.go, moment, name)))

    def settle(self) -> None:
        """End the step under way."""
        self.history.settle()

    def _step(self, member, action):
        if not member.steers or self.closed:
            return None
        self.history.hand = member.name
        return action()

    def perform(self, member: Member, job, answer: Answer) -> None:
        """Have a job done for a member; what a fit has found is everyone's."""
        if not member.steers:
            return
        if answer is member.seat.targets.get("fitted"):
            theirs = self.relayed.fitted
        else:
            theirs, ties = Answer(), Ties()

            def tell(name, value):
                member.said.append(partial(answer.param.update, **{name: value}))
                member.wake()
                if name == "under_way" and not value and ties:
                    ties.untie()

            ties.hear(theirs.param.result, partial(tell, "result"))
            ties.hear(theirs.param.under_way, partial(tell, "under_way"))
        self.pipeline.aside.perform(job, theirs)

    # ---- what pages look at ----

    def look_again(self) -> None:
        """Have all made that any page shows."""
        wanted = {name for each in self.members for name in each.seat.experiment.display.results}
        if wanted and wanted != self.experiment.display.wanted:
            self.experiment.display.wanted = frozenset(wanted)
            self.pipeline.asked.ask()

    def viewed(self, member: Member) -> None:
        """Take along whoever follows a member's zoom."""
        for each in self.members:
            if each.follows is member:
                each.news.add(VIEW)
                self.turns.ask(each)

    def pointed(self, member: Member) -> None:
        """Have a member's pointer told to the others, now and then."""
        self._timers.wait("pointers", POINTERS_MS, self._tell_pointers)

    def _tell_pointers(self) -> None:
        for each in self.members:
            if len(self.members) > 1:
                each.news.add(POINTERS)
                self.turns.ask(each)

    def acknowledged(self, member: Member, sequence: int | None) -> None:
        """Pace what is made by the page whose hand moves."""
        if self.driver in (None, member):
            self.pipeline.drawing.acknowledge(sequence)

    def fetched(self, member: Member, seconds: float) -> None:
        """Note how long a member has taken to fetch."""
        if member is not self.driver:
            self.turns.took(seconds)

    # ---- telling ----

    @property
    def moving(self) -> bool:
        """Whether a hand moves."""
        return self._clock() - self.moved_at < MOVING_S

    def _set(self, part, *events) -> None:
        new = {(part, event.name): event.new for event in events if (part, event.name) not in OWN}
        self._spread([each for each in self.members if each.note(new)])

    def _made(self, group, *events) -> None:
        made = {(group, event.name): event.new for event in events}
        if getattr(made.get(("drawing", "phase")), "mode", "") == "exact":
            self.moved_at = -1e9
        for each in self.members:
            each.results |= made.keys()
        self._spread()

    def _say(self, name, value) -> None:
        for each in self.members:
            told = each.seat.targets.get("told")
            if told is not None:
                each.said.append(partial(told.param.update, **{name: value}))
        self._spread()

    def _tell(self, *news: str) -> None:
        for each in self.members:
            each.news.update(news)
        self._spread()

    def links_changed(self) -> None:
        """Tell that the links are others, or none."""
        self._tell(LINKS)

    def _spread(self, members=None) -> None:
        """Have the pages fetch, all if not said: that of the hand at once, the others in turns."""
        for each in self.members if members is None else members:
            if each is self.driver:
                each.wake()
            else:
                self.turns.ask(each)
        if not self.moving:
            self.turns.hurry()
        else:
            self._timers.wait("rest", 1e3 * MOVING_S, self._rested)

    def _rested(self) -> None:
        left = self.moved_at + MOVING_S - self._clock()
        if left > 1e-3:
            self._timers.wait("rest", 1e3 * left, self._rested)
            return
        self.turns.hurry()

    # ---- the end ----

    def end(self, member: Member | None = None) -> None:
        """End the room: nobody is in it any more."""
        if self.closed:
            return
        self.ended_by = member.name if member else ""
        self.closed = True
        self._ties.untie()
        self.history.close()
        self.pipeline.close()
        self.turns.close()
        self._timers.close()
        for each in list(self.members):
            each.news = {END}
            each.wake()

    def later(self, milliseconds: float, action: Callable[[], None]) -> None:
        """Call `action()` once, later, on the room's thread."""
        self._after(round(milliseconds), action)
