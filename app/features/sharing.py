"""Share: links to this picture, or to a room in which others see and steer what this page does."""

from io import BytesIO
from math import ceil
from time import monotonic
from urllib.parse import urlencode

from app.features.feature import Feature
from app.features.recall import Recall
from app.recall.moment import label_of
from app.rooms.doors import LIVES
from app.rooms.joining import Joining
from app.rooms.member import END, HANDS, LINKS, MOVED, PEOPLE, POINTERS, STEPS, WATCH
from app.rooms.steps import Steps
from app.state.aberrations import AberrationState
from app.views.controls import Controls
from app.views.pointers import Pointers
from app.views.sharing import Presence, ShareCard
from app.views.slot import OVER_SCAN
from app.views.text import Text
from app.words import measured

LIFE = {"hour": "1 hour", "day": "1 day", "week": "1 week", "ended": "until I end them"}
LONGEST_LINK = 1200
"""Characters of a link that a telephone can still read off the screen."""
TELL_S = 0.4
"""How long the words on what is being changed stand at least, so that they can be read."""


class Sharing(Feature):
    """The card of links; in a room, who is there and what their hands do."""

    def __init__(self, page):
        super().__init__(page)
        lives = [[name, LIFE[name]] for name in LIVES]
        self.card, self.presence = ShareCard(lives=lives), Presence()
        self.activity = Text(css_classes=["activity"])
        self.pointers = Pointers()
        self._groups: list[Controls] | None = None
        self._parts = {id(state): part for part, state in page.experiment.parts().items()}
        self._told_at = 0.0
        self.pipeline = page.pipeline if isinstance(page.pipeline, Joining) else None
        self.card.rooms = self.pipeline is not None and self.pipeline.role != WATCH
        if self.pipeline is not None and self.pipeline.role == WATCH:
            page.notices.offering = False
        self._listen()
        if self.pipeline is not None:
            self.pipeline.fitted = page.fitted
            self.pipeline.history = lambda: self._recall().history
            self.pipeline.on_joined, self.pipeline.heed = self._joined, self._heed

    def _listen(self) -> None:
        card, presence = self.card, self.presence
        card.on("invite", lambda message: self._invite())
        card.on("taken", lambda message: self._take_link())
        card.on("qr", lambda message: self._draw(message["text"]), text=str)
        card.on("life", lambda message: self._live(message["life"]), life=str)
        card.on("renew", lambda message: self._renew())
        card.on("end", lambda message: self._end())
        presence.on("name", lambda message: self._rename(message["name"]), name=str)
        presence.on("follow", lambda message: self._follow(message["number"]), number=int)

    def _recall(self) -> Recall:
        return next(each for each in self.page.features if isinstance(each, Recall))

    # ---- links ----

    @property
    def member(self):
        """The page in its room; None while it is in none."""
        return self.pipeline and self.pipeline.member

    def _invite(self) -> None:
        if self.card.rooms:
            self.pipeline.invite()
            self._show_links()

    def _show_links(self) -> None:
        door = self.pipeline.door
        known = door is not None and self.pipeline.doors.known(door)
        links = {"steer": door.steer, "watch": door.watch} if known else {"steer": "", "watch": ""}
        if not self.card.rooms:
            links = {"steer": "", "watch": ""}
        if door is not None:
            links |= {"life": door.life, "runs_out": _runs_out(door.until) if known else "ended"}
        self.card.param.update(**links)

    def _take_link(self) -> None:
        """The page itself comes back into the room that others were asked into."""
        if self.card.rooms and self.pipeline.door is not None:
            self._sign_address()

    def _sign_address(self) -> None:
        door, role = self.pipeline.door, self.pipeline.role
        known = door is not None and self.pipeline.doors.known(door)
        self.page.address.room = (door.watch if role == WATCH else door.steer) if known else ""
        self.page.address.again()

    def _draw(self, text: str) -> None:
        if 0 < len(text) <= LONGEST_LINK and text.isprintable():
            import segno  # here, as few pages need it

            drawn = BytesIO()
            segno.make(text, error="m").save(
                drawn, kind="svg", border=3, xmldecl=False, omitsize=True
            )
            self.card.param.update(qr=drawn.getvalue().decode(), qr_of=text)

    def _live(self, life: str) -> None:
        if self.card.rooms and self.pipeline.door is not None:
            self.pipeline.doors.live(self.pipeline.door, life)
            self._show_links()

    def _renew(self) -> None:
        if self.card.rooms and self.pipeline.door is not None:
            self.pipeline.doors.renew(self.pipeline.door)
            self._show_links()
            self._sign_address()

    def _end(self) -> None:
        pipeline = self.pipeline
        if not self.card.rooms or pipeline.door is None:
            return
        self.presence.leaving = pipeline.member is not None
        pipeline.doors.end(pipeline.door, pipeline.member)
        self.card.param.update(steer="", watch="", runs_out="ended")
        self.page.address.room = ""
        self.page.address.again()

    # ---- in a room ----

    def _joined(self, member) -> None:
        """Take the room's steps; nothing is drawn here, as the document is not locked."""
        self._recall().join(Steps(member))
        self.page.frequencies.looks_on = lambda: (
            member.room is not None and member.room.driver is not member
        )
        self.page.draw_straight("room")  # all of its pages are drawn on one thread
        for slot in self.page.slots.values():
            slot.on_look = self._look

    def _look(self, slot, x, y) -> None:
        if self.member.room is not None and slot.entry.kind in OVER_SCAN:
            self.member.point(x, y)

    def _heed(self, news: set[str]) -> None:
        room = self.member.room
        if END in news:
            by = f" by {room.ended_by}" if room.ended_by else ""
            alone = self.page.address.state()
            alone.pop("room", None)
            self.page.address.room = ""
            self.presence.param.update(ended=f"The room was ended{by}.", alone=urlencode(alone))
            return
        if LINKS in news:
            self._show_links()
            self._sign_address()
        if PEOPLE in news:
            self._show_people(room)
        if news & {HANDS, PEOPLE}:
            self._show_hands(room)
        if news & {HANDS, PEOPLE} or (MOVED in news and monotonic() - self._told_at > TELL_S):
            self._say_what(room)
        if POINTERS in news:
            self._show_pointers(room)
        if STEPS in news:
            self._recall().tell()

    def _show_people(self, room) -> None:
        me = self.member
        people = [
            {
                "number": each.number,
                "name": each.name,
                "colour": each.colour,
                "role": each.role,
                "me": each is me,
            }
            for each in room.members
        ]
        follows = me.follows.number if me.follows else 0
        self.presence.param.update(people=people, follows=follows, named=bool(me.seat.user))

    def _show_pointers(self, room) -> None:
        others = [each for each in room.members if each is not self.member and each.pointer]
        if others:
            for slot in self.page.slots.values():
                if slot.entry.kind in OVER_SCAN:
                    self.pointers.draw_on(slot.view)
        self.pointers.show([(*each.pointer, each.name, each.colour) for each in others])

    def _show_hands(self, room) -> None:
        """Say beside each control whose hand is on it, and have one's own wait."""
        hands = room.hands(self.member)
        for group in self._controls():
            said = {}
            for name, (state, parameters) in group.parameters().items():
                part = self._parts.get(id(state))
                holder = next((hands[k] for p in parameters if (k := (part, p)) in hands), None)
                if holder is not None:
                    said[name] = holder.name
            if said != group.hands:
                group.hands = said

    def _say_what(self, room) -> None:
        """Say what is being changed, by whom, and to what."""
        self._told_at = monotonic()
        hands = room.hands(self.member)
        if hands:
            (part, name), holder = next(iter(hands.items()))
            more = f" and {len(hands) - 1} more" if len(hands) > 1 else ""
            value = self._value(part, name)
            does = "dragging" if value else "changing"
            words = f"{holder.name} is {does} {label_of((part, name))}{more}{value}"
        else:
            words = room.last_change and f"Last change: {room.last_change}"
        self.activity.say(words)

    def _value(self, part: str, name: str) -> str:
        value = getattr(getattr(self.page.experiment, part), name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return ""
        unit = AberrationState.unit(name)[0] if part == "aberrations" else ""
        return f": {' '.join(measured(float(value), unit=unit))}"

    def _controls(self) -> list[Controls]:
        if self._groups is None:
            self._groups = [
                group
                for root in self.page.roots().values()
                for group in root.select(lambda part: isinstance(part, Controls))
            ]
        return self._groups

    def _rename(self, name: str) -> None:
        if self.member and self.member.room:
            self.member.room.rename(self.member, name)

    def _follow(self, number: int) -> None:
        if self.member and self.member.room:
            self.member.room.follow(self.member, number or None)

    def roots(self) -> dict:
        """Views by their names in assets/page.html."""
        return {"sharing": self.card, "presence": self.presence, "activity": self.activity}

    def close(self) -> None:
        """Let go of everything."""
        super().close()
        for slot in self.page.slots.values():
            slot.on_look = None
        for part in (self.card, self.presence, self.activity):
            part.close()
        self._groups = None


def _runs_out(until: float | None) -> str:
    """When links run out, in words."""
    if until is None:
        return "until they are ended"
    hours = (until - monotonic()) / 3600
    if hours <= 1.5:
        return f"for {max(1, ceil(60 * hours))} minutes"
    return f"for {round(hours)} hours" if hours < 36 else f"for {round(hours / 24)} days"
