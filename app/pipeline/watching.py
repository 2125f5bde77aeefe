"""What the microscope makes: which of its scans is shown, and when more of it has come."""

import param

from app.engine.catalogue import DEMO
from app.engine.live_scan import LIVE, STOPPED, MicroscopeState, ScanState
from app.pipeline.asked import Asked
from app.pipeline.opening import Opening
from app.pipeline.stage import Stage
from app.state.filling import CAME


class Watching(Stage):
    """Hears of the server's microscope, and goes from scan to scan where that is wanted."""

    asked = param.ClassSelector(class_=Asked, constant=True)
    opening = param.ClassSelector(class_=Opening, constant=True)

    microscope = param.ClassSelector(class_=MicroscopeState, doc="As it is now.")
    grown = param.ClassSelector(class_=tuple, doc="Version of the open scan, while it is made.")
    following = param.Boolean(False, doc="Whether the next scan shows by itself.")

    def __init__(self, session, **before):
        self._newest = 0
        self.decided = False
        """Whether it was said before the start what is followed."""
        self._instead: Watching | None = None
        super().__init__(session, **before)

    @property
    def live(self):
        """The server's `Microscope`; None where there is no catalogue."""
        return getattr(self._session.engine, "live", None)

    def start(self) -> None:
        """Hear of the microscope from now on."""
        live = self.live
        if live is None:
            return
        live.watch(self, lambda: self._session.later(self._hear))
        state = live.state
        chosen = self.asked.experiment.scan.dataset
        # Whoever was sent to a scan by a link wants to see that one.
        plain = chosen in (DEMO, self._session.engine.catalogue.default) or chosen.startswith(LIVE)
        listens = state.state != STOPPED and not state.demonstration
        if not self.decided:
            self.following = self.following or (listens and plain)
        self._hear()

    def hand_over(self, other: "Watching") -> None:
        """Have another session's do from now on what is asked for here, and hear no more."""
        self.rest()
        self._instead = other

    def follow(self, on: bool = True) -> None:
        """Have the next scan shown by itself, or the one that is shown held."""
        if self._instead is not None:
            self._instead.follow(on)
            return
        self.following = on
        if on:
            self._newest = 0
            self._hear()

    def show(self, name: str) -> None:
        """Go back to a scan, and hold it."""
        if self._instead is not None:
            self._instead.show(name)
            return
        self.following = False
        self.opening.go_on(name)

    @param.depends("asked.hand", watch=True)
    def _chosen(self) -> None:
        if "dataset" in {event.name for event in self.asked.hand}:
            self.following = False

    @param.depends("opening.reading", watch=True)
    def _opened(self) -> None:
        """Undo leads to another scan as well."""
        reading = self.opening.reading
        if self._newest and reading is not None and reading.dataset != f"{LIVE}/{self._newest}":
            self.following = False

    def _hear(self) -> None:
        state = self.microscope = self.live.state
        newest = next((scan for scan in state.scans if scan.electrons), None)
        if self.following and newest is not None and newest.number > self._newest:
            self._newest = newest.number
            self.opening.go_on(newest.name, CAME)
        shown = self.shown
        if shown is not None:
            self.grown = shown.version

    @property
    def shown(self) -> ScanState | None:
        """The open scan, if the microscope has made it."""
        if self._instead is not None:
            return self._instead.shown
        reading, state = self.opening.reading, self.microscope
        if reading is None or state is None:
            return None
        return next((scan for scan in state.scans if scan.name == reading.dataset), None)

    def rest(self) -> None:
        """Hear no more of the microscope."""
        if self.live is not None:
            self.live.leave(self)

    def close(self) -> None:
        """Hear no more."""
        self.rest()
        super().close()
