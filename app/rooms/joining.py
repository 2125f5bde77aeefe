"""A page's pipeline, which is its own until the page joins a room."""

from collections.abc import Callable
from functools import partial

import param

from app.pipeline.jobs import Answer, Job
from app.pipeline.pipeline import Pipeline
from app.pipeline.session import Session
from app.rooms.beginning import Beginning, query_of
from app.rooms.doors import Door, Doors, on_this_thread
from app.rooms.member import STEER, Member, Seat
from app.rooms.relayed import RELAYED
from app.rooms.room import Room, RoomError
from app.state.experiment import Experiment
from app.state.ties import Ties

GONE = "This room has ended, or is full: the page goes on alone."


class Joining(Pipeline):
    """Computes for its page; once that is in a room, shows what the room's pipeline makes.

    Parameters
    ----------
    experiment, engine, service, post, user
        As `Pipeline` takes them.
    doors : Doors
    through : (Door, str), optional
        The door through which the page comes, and what it may do inside.
    """

    def __init__(
        self,
        experiment: Experiment,
        engine,
        service,
        post,
        *,
        user: str | None = None,
        doors: Doors,
        through: tuple[Door, str] | None = None,
    ):
        super().__init__(experiment, engine, service, post, user=user)
        self._parts, self._post, self._user = (engine, service), post, user
        self.doors, self._through = doors, through
        self.door: Door | None = through and through[0]
        self.role = through[1] if through else STEER
        self.member: Member | None = None
        self.fitted: Answer | None = None
        """Of the page, for what a fit in the room has found."""
        self.history: Callable[[], object] | None = None
        """Gives the page's history, with whose steps a room begins."""
        self.on_joined: Callable[[Member], None] = lambda member: None
        """Called as the page joins a room, without the lock of its document."""
        self.heed: Callable[[set[str]], None] = lambda news: None
        """Told what there is news of in the room, on the page's thread."""
        self._own: Session | None = None
        self._left = False

    @property
    def joined(self) -> bool:
        """Whether its page is in a room, or about to be."""
        return self.member is not None or self._through is not None

    def start(self) -> None:
        """Begin to compute, or come into the room."""
        if self._through is None:
            super().start()
            return
        room = self.doors.open(self.door)
        try:
            if room is None:
                raise RoomError(GONE)
            self.join(room, self.role)
        except RoomError as error:
            self._through = self.door = None
            self.told.error = str(error)
            if self.role == STEER:
                super().start()

    # ---- a room of one's own ----

    def invite(self) -> Door:
        """A door to a room that begins with what this page shows, once somebody comes."""
        if self.door is None or self.door.ended:
            self.door = self.doors.make(self._make_room)
        return self.door

    def _beginning(self, history=None) -> Beginning:
        """What is set now, for a room."""
        rest = dict(self.opening.sources), history, self.resting.also, self.watching.following
        return Beginning.of(self.experiment, *rest)

    def _make_room(self) -> Room:
        """The room, with this page in it as long as that is open."""
        post, after = on_this_thread()
        user, history = self._user, self.history and self.history()
        if history is not None:
            history.settle()
        begin = self._beginning(history)

        def make_pipeline(experiment, post):
            return Pipeline(experiment, *self._parts, post, user=user)

        room = Room(begin, make_pipeline, post, after)
        self.door.make = _one_room_only
        if not self._left:
            under_way = self.aside.under_way
            self.join(room, STEER)
            if under_way:
                self._begin_anew(*under_way)
        return room

    def _begin_anew(self, job: Job, answer: Answer) -> None:
        """Have a job that was under way done by the room, once that has what it is made of."""
        member, ties = self.member, Ties()

        def begin(prepared):
            if prepared is not None and ties:
                ties.untie()
                if member.room is not None:
                    member.room.perform(member, job, answer)

        ties.hear(member.room.pipeline.preparing.param.prepared, begin)

    def join(self, room: Room, role: str) -> None:
        """Compute no more, and show what the room's pipeline makes.

        Raises
        ------
        RoomError
            Where the room takes nobody.
        """
        targets: dict[str, param.Parameterized] = {n: getattr(self, n) for n in RELAYED}
        targets["told"] = self.told
        if self.fitted is not None:
            targets["fitted"] = self.fitted
        seat = Seat(self.experiment, self._post, targets, self._user, lambda news: self.heed(news))
        also = self.resting.also
        self.member = member = room.enter(seat, role)
        self._through, self.role = None, role
        self._rest()
        self.watching.hand_over(room.pipeline.watching)
        self._point_at(room.pipeline.preparing)
        self.drawing.acknowledge = member.acknowledge
        self.aside.perform = partial(room.perform, member)
        self.opening.read = self._read
        room.pipeline.resting.also |= also
        self.on_joined(member)

    def _rest(self) -> None:
        """End all work of one's own; what is shown stays."""
        self.asked.rest()
        for part in (self.aside.cancel, self.resting.stop, self.dosing.stop, self.pointed.stop):
            part()
        self.session.close()
        with param.discard_events(self.preparing):
            self.preparing.prepared = None

    def _point_at(self, preparing) -> None:
        """Read frames that this page points at, of what the room has prepared."""
        self._own = Session(*self._parts, self._post, user=self._user)
        self._own.told = self.told
        self.pointed._session = self._own
        with param.edit_constant(self.pointed):
            self.pointed.preparing = preparing

    # ---- what the page asks of a pipeline ----

    def _read(self) -> None:
        if self.member.room is not None and self.member.steers:
            self.member.room.pipeline.opening.read()

    def cancel(self) -> None:
        """Stop the long work under way; what is shown stays."""
        if self.member is None:
            super().cancel()
        elif self.member.room is not None and self.member.steers:
            self.member.room.pipeline.cancel()

    def to_save(self, kind: str, session: str = "", user: str | None = None, **said) -> Callable:
        """What makes a file of all that is set now, for whoever asks."""
        if self.member is None:
            return super().to_save(kind, session, user, **said)
        if self.member.room is None:
            raise ValueError("The room has ended: there is nothing to save here any more.")
        return self.member.room.pipeline.to_save(kind, session, self._user, **said)

    @property
    def origin(self) -> tuple[str | None, dict[str, str]]:
        """The open scan's name, and where each calibration value comes from."""
        room = self.member and self.member.room
        return room.pipeline.origin if room else super().origin

    @property
    def prepared(self):
        """What images are made of; None before there is any."""
        room = self.member and self.member.room
        return room.pipeline.prepared if room else super().prepared

    @property
    def at_rest(self) -> bool:
        """Whether everything that is set now has been computed."""
        room = self.member and self.member.room
        return room.pipeline.at_rest if room else super().at_rest

    def close(self) -> None:
        """Leave the room, or end the session."""
        self._left = True
        if self.door is not None and self.door.room is None and not self.door.ended:
            self._stay_as_a_beginning()
        if self.member is not None:
            self.member.leave()
        if self._own is not None:
            self._own.close()
        self.on_joined, self.heed = (lambda member: None), (lambda news: None)
        super().close()

    def _stay_as_a_beginning(self) -> None:
        """Let whoever follows the link later find what was set, without this page."""
        begin = self._beginning()
        parts, user, door = self._parts, self._user, self.door

        def make_pipeline(experiment, post):
            return Pipeline(experiment, *parts, post, user=user)

        def make_room():
            door.make = _one_room_only
            return Room(begin, make_pipeline, *on_this_thread())

        if self._through is None:
            door.make = make_room
            self.doors.left(door, query_of(self.experiment))


def _one_room_only() -> Room:
    raise RoomError("This room has ended.")
