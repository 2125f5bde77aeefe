"""The links into rooms: made, looked up, ended.

A link holds 128 bits that nobody can guess. It runs out after a day unless its owner says
otherwise; what it leads to is made when the first one follows it.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from app.rooms.member import STEER, WATCH
from app.rooms.room import Room

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
LIVES = {"hour": HOUR_S, "day": DAY_S, "week": 7 * DAY_S, "ended": None}
"""How long a link may live, by what the page calls it; None until it is ended."""

EMPTY_S = 300.0
"""After which a room ends that nobody is in: a reload, or a network that is lost, takes less."""
BYTES = 16
REMAINS = 1000
"""Most links of which is kept what was set where they led to."""


def _token() -> str:
    return secrets.token_urlsafe(BYTES)


@dataclass(eq=False)
class Door:
    """Two links into a room that is there, or will be once somebody comes."""

    make: Callable[[], Room] | None
    """Makes the room, on its thread."""
    steer: str = field(default_factory=_token)
    watch: str = field(default_factory=_token)
    life: str = "day"
    until: float | None = None
    room: Room | None = None
    empty_since: float | None = None
    """When the last one left; None while somebody is in it, or before it is there."""
    query: dict[str, str] | None = None
    """What was set, as an address's entries, as its maker left before anybody came."""

    @property
    def ended(self) -> bool:
        """Whether nothing lies behind it any more."""
        return self.make is None


class Doors:
    """All doors of a process.

    Parameters
    ----------
    clock : callable
        Seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic):
        self._clock = clock
        self._doors: dict[str, tuple[Door, str]] = {}  # by token, with what it allows
        self._remains: dict[str, tuple[dict[str, str], float | None]] = {}  # and until when

    def __len__(self) -> int:
        return len({id(door) for door, _ in self._doors.values()})

    def make(self, room: Callable[[], Room]) -> Door:
        """A new door, before a room that `room()` makes when somebody comes."""
        self.sweep()
        door = Door(room)
        self._set(door)
        self.live(door, door.life)
        return door

    def find(self, token: str) -> tuple[Door, str] | None:
        """The door of a link, and what it allows; None of one that never was, or has ended."""
        self.sweep()
        return self._doors.get(token)

    def remains(self, token: str) -> dict[str, str] | None:
        """What was set, as an address's entries, where a link led that everybody has left."""
        self.sweep()
        return self._remains.get(token, (None,))[0]

    def open(self, door: Door) -> Room | None:
        """The room behind a door, made now if need be; None where it has ended."""
        if door.ended:
            return None
        if door.room is None:
            door.room = door.make()
            door.room.on_empty = lambda: self._emptied(door)
        door.empty_since = None
        return door.room

    def live(self, door: Door, life: str) -> None:
        """Have the links last an hour, a day, a week, or until they are ended."""
        if life in LIVES:
            seconds = LIVES[life]
            door.life, door.until = life, None if seconds is None else self._clock() + seconds

    def renew(self, door: Door) -> None:
        """End both links, and make others; who is in the room stays."""
        if door.ended:
            return
        self._forget(door)
        door.steer, door.watch = _token(), _token()
        self._set(door)
        self.live(door, door.life)
        if door.room is not None:
            door.room.links_changed()

    def end(self, door: Door, member=None) -> None:
        """End links and room."""
        self._forget(door)
        room, door.room, door.make = door.room, None, None
        if room is not None:
            room.on_empty = lambda: None
            room.end(member)

    def sweep(self) -> None:
        """End what has run out, and rooms that nobody came back to."""
        now = self._clock()
        for door in {id(door): door for door, _ in list(self._doors.values())}.values():
            if door.empty_since is not None and now - door.empty_since >= EMPTY_S:
                self._leave_behind(door)
                self.end(door)
            elif door.until is not None and now >= door.until:
                self._run_out(door)

        kept = {t: left for t, left in self._remains.items() if left[1] is None or now < left[1]}
        self._remains = dict(list(kept.items())[-REMAINS:])

    def _leave_behind(self, door: Door) -> None:
        """Keep what was set in a room, for as long as its links would have led there."""
        query = door.query if door.room is None else door.room.query()
        if query is not None:
            self._remains |= dict.fromkeys((door.steer, door.watch), (query, door.until))

    def _run_out(self, door: Door) -> None:
        if door.room is None or not door.room.members:
            self.end(door)
            return
        self._forget(door)  # who is in the room stays until the last one is out
        door.room.links_changed()

    def _emptied(self, door: Door) -> None:
        if self._doors.get(door.steer, (None,))[0] is not door:
            self.end(door)  # nobody could come back
            return
        door.empty_since = self._clock()
        door.room.later(1e3 * EMPTY_S + 1, self.sweep)

    def left(self, door: Door, query: dict[str, str]) -> None:
        """Note that who has made a door has gone, before anybody came, and what was set then."""
        door.empty_since, door.query = self._clock(), query

    def known(self, door: Door) -> bool:
        """Whether the links of a door still lead there."""
        return door.steer in self._doors

    def _set(self, door: Door) -> None:
        self._doors[door.steer] = door, STEER
        self._doors[door.watch] = door, WATCH

    def _forget(self, door: Door) -> None:
        self._doors.pop(door.steer, None)
        self._doors.pop(door.watch, None)


doors = Doors()
"""Of this process."""


def on_this_thread() -> tuple[Callable, Callable]:
    """How a room on the event loop of this thread has functions called: soon, and later."""
    from tornado.ioloop import IOLoop  # here, as a room without a server needs none

    loop = IOLoop.current()

    def post(function):
        try:
            loop.add_callback(function)
        except RuntimeError:  # the server has stopped
            logging.getLogger(__name__).debug("A result came too late.", exc_info=True)

    return post, lambda milliseconds, action: loop.call_later(milliseconds / 1e3, action)
