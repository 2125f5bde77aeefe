"""A room without a server: its thread, its clock and its pages' threads are the test's."""

from collections import deque
from itertools import count

from app.rooms.beginning import Beginning
from app.rooms.member import OWN, STEER, Seat
from app.rooms.room import Room
from app.state.experiment import Experiment
from tests.support.pages import StandIn


class Time:
    """A clock that stands until it is moved on, and what is to happen later."""

    def __init__(self):
        self.now, self._later, self._order = 0.0, [], count()

    def __call__(self):
        return self.now

    def after(self, milliseconds, action):
        self._later.append((self.now + milliseconds / 1e3, next(self._order), action))
        return action

    def move(self, seconds):
        end = self.now + seconds
        while self._later and min(self._later)[0] <= end:
            due = min(self._later)
            self._later.remove(due)
            self.now = max(self.now, due[0])
            due[2]()
        self.now = end


def stages_of_a_page():
    """What a page ties its views to."""
    stages = StandIn(Experiment(), lambda function: None)
    names = ("opening", "preparing", "drawing", "deriving", "resting", "told")
    return {name: getattr(stages, name) for name in names}


class Seated:
    """A page in a room: what is posted to it waits until the test lets it happen."""

    def __init__(self, room, role=STEER, user=None, shows=False):
        self.posted, self.heard = deque(), []
        self.experiment = Experiment()
        self.stages = stages_of_a_page() if shows else {}
        seat = Seat(self.experiment, self.posted.append, self.stages, user, self.heard.append)
        self.member = room.enter(seat, role)

    def turn(self):
        while self.posted:
            self.posted.popleft()()

    def shared(self):
        return shared(self.experiment)


def shared(experiment):
    """All that is the same in all pages of a room."""
    return {
        (part, name): getattr(state, name)
        for part, state in experiment.parts().items()
        for name in state.param
        if name != "name" and (part, name) not in OWN
    }


def make_room(time=None, experiment=None, make_pipeline=StandIn):
    """A room, and its clock; it computes nothing unless it is given what does."""
    time = time or Time()
    beginning = Beginning.of(experiment or Experiment(), {})
    return Room(beginning, make_pipeline, lambda function: function(), time.after, time), time


def quiet(time, *pages):
    """Let everything happen that was begun."""
    for _ in range(60):
        time.move(0.1)
        for page in pages:
            page.turn()
