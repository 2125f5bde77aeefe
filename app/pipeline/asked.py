"""What is asked for: the session's state as one frozen snapshot."""

from time import monotonic

import param

from app.pipeline.stage import Stage
from app.state import following
from app.state.experiment import Experiment
from app.state.filling import FOLLOWS
from app.state.request import Request
from app.state.ties import Ties


class Asked(Stage):
    """Follows every change of the state by a hand."""

    experiment = param.ClassSelector(class_=Experiment, constant=True)
    hand = param.ClassSelector(class_=tuple, doc="Param's events as a hand changed the scan.")
    request = param.ClassSelector(class_=Request, doc="All that decides what is computed.")
    shown = param.ClassSelector(class_=tuple, default=(), doc="Results that the slots show.")

    def __init__(self, session, **before):
        super().__init__(session, **before)
        self.changed_at = 0.0
        self._ties = Ties()

    def start(self) -> None:
        """Ask for what is set, and for what will be."""
        # Not by `param.depends`, which does not say what was set before.
        for state in self.experiment.parts().values():
            self._ties.tie_whole(state, self._changed)
        self.ask()

    def _changed(self, *events) -> None:
        if self.experiment.filling:
            return
        self.changed_at = monotonic()
        if events[0].obj is self.experiment.scan:
            self.hand = events
        with self.experiment.fill(FOLLOWS):
            following.react(self.experiment, events)
        self.ask()

    def ask(self) -> None:
        """Ask for what is set now."""
        asked: dict[str, object] = {"request": self.experiment.request()}
        if (shown := self.experiment.display.results) != self.shown:
            asked["shown"] = shown
        self.param.update(**asked)

    def rest(self) -> None:
        """Follow the state no more."""
        self._ties.untie()

    def close(self) -> None:
        """Follow no more."""
        self.rest()
        super().close()
