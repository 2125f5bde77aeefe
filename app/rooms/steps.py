"""A room's history as one of its pages has it."""

from app.recall.history import History
from app.recall.moment import Moment
from app.rooms.member import Member


class Steps(History):
    """The room's steps, and what is set in this page.

    Parameters
    ----------
    member : Member
    """

    def __init__(self, member: Member):
        self.member, self.experiment = member, member.seat.experiment

    @property
    def undoable(self) -> str:
        """The step that would be undone, in words; empty where there is none."""
        room = self.member.room
        return room.history.undoable if room and self.member.steers else ""

    @property
    def redoable(self) -> str:
        """The step that would be redone, in words; empty where there is none."""
        room = self.member.room
        return room.history.redoable if room and self.member.steers else ""

    def now(self) -> Moment:
        """What is set now."""
        room = self.member.room
        return Moment.of(self.experiment, room.pipeline.origin[1] if room else {})

    def undo(self) -> None:
        """Go back by a step, whoever took it."""
        if self.member.room:
            self.member.room.undo(self.member)

    def redo(self) -> None:
        """Take the step that was undone last."""
        if self.member.room:
            self.member.room.redo(self.member)

    def go(self, moment: Moment, name: str) -> bool:
        """Set everything as it was at `moment`, as one step; whether anything changed."""
        room = self.member.room
        return bool(room) and room.go(self.member, moment, name)

    def settle(self) -> None:
        """End the step under way."""
        if self.member.room and self.member.steers:
            self.member.room.settle()

    def close(self) -> None:
        """The steps are the room's: they stay."""
