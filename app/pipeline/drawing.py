"""From G and the aberrations to phase and tiles: a draft while a hand moves, exact at rest."""

from dataclasses import replace
from time import monotonic

import param

from app.engine.gauge import DeviceState
from app.pipeline import work
from app.pipeline.dose_drafts import Dosing
from app.pipeline.hands import hands
from app.pipeline.lanes import QUICK
from app.pipeline.makers import WITH_PHASE
from app.pipeline.pacing import FrameWindow
from app.pipeline.prepared import Redraw, drawing
from app.pipeline.preparing import Made
from app.pipeline.results import PhaseImage, Spectrum, Status, Tiles


class Drawing(Made):
    """What is redrawn as the aberrations change, and what is made beside it.

    Parameters
    ----------
    window : int
        Published frames that may be unacknowledged, once the page acknowledges frames at all.
    patience : float
        Seconds after which an acknowledgement that never came is given up.
    """

    STAYS = ("device",)

    dosing = param.ClassSelector(class_=Dosing, constant=True)

    phase = param.ClassSelector(class_=PhaseImage)
    tiles = param.ClassSelector(class_=Tiles)
    spectrum = param.ClassSelector(class_=Spectrum)
    status = param.ClassSelector(class_=Status)
    device = param.ClassSelector(class_=DeviceState, doc="As it was after the last redraw.")

    def __init__(self, session, window: int, patience: float, **before):
        self._frames = FrameWindow(window, patience)
        self._wanted: object = None
        self.declare(WITH_PHASE)
        super().__init__(session, **before)
        session.service.gate(session.key, self._frames.ready_in)

    def acknowledge(self, sequence: int | None = None) -> None:
        """Say that a phase image has been painted; safe from any thread.

        Parameters
        ----------
        sequence : int, optional
            Its `PhaseImage.sequence`; frames before it count as painted too. Without it, the
            oldest frame under way. From the first call on at most `window` frames are under way.
        """
        self._frames.acknowledge(sequence)
        self._session.service.wake()

    @param.depends("preparing.prepared", watch=True)
    def _begin(self) -> None:
        self._wanted = None
        self._follow()

    @param.depends("asked.request", "asked.shown", watch=True)
    def _follow(self) -> None:
        request = self.asked.request
        prepared = self.preparing.current(request)
        if prepared is None or prepared.sidebands is None:
            return
        wanted = drawing(request, work.beside(self.asked.shown))
        if wanted != self._wanted:
            mode = "exact" if self._wanted is None and not self._hand_moves(prepared) else "draft"
            self._wanted = wanted
            what = Redraw(prepared, request, self.asked.shown, self.asked.changed_at)
            self._redraw(what, mode)

    def _hand_moves(self, prepared) -> bool:
        """Whether a hand moves while the scan grows: its drafts go first."""
        return prepared.scan.growing and monotonic() < self.asked.changed_at + self._session.settle

    @param.depends("dosing.draft", watch=True)
    def _draft(self) -> None:
        self._show(self._numbered(self.dosing.draft))

    def _numbered(self, results: work.Results) -> work.Results:
        """The same as a frame that is under way to the page; from any thread."""
        sequence = self._frames.number()
        return results | {"phase": replace(results["phase"], sequence=sequence)}

    def _show(self, results: work.Results) -> None:
        if not (self.preparing.scan and self.preparing.scan.missing):
            self.param.update(**results)

    def _redraw(self, what: Redraw, mode: str, delay: float = 0.0, yielding=False) -> None:
        """Submit a redraw; an exact one follows a draft at rest. From any thread."""
        session = self._session

        def redraw():
            return work.redraw(session.engine, what.prepared, what.request, mode, what.shown)

        def done(results, error, seconds):
            if error is not None:
                self._fail(what, error)
                return
            numbered = self._numbered(results)
            session.later(lambda: self._show(numbered))
            for sentence in work.notices(what.prepared):
                session.later(lambda said=sentence: session.told.param.update(notice=said))
            # At once, not on the session's thread: a session that waits for it is not at rest.
            if mode == "draft" and self.preparing.prepared is what.prepared:
                rest = max(0.0, what.changed_at + hands.pause_s(session.settle) - monotonic())
                # The draft of a later change may wait already; that goes first.
                self._redraw(what, "exact", rest, yielding=True)

        session.submit(QUICK, redraw, done, delay=delay, yielding=yielding)

    def _fail(self, what: Redraw, error: BaseException) -> None:
        session = self._session
        if not work.move_to_cpu(session.engine, what.prepared, error):
            session.fail(error)
            return

        def again():
            if self.preparing.prepared is what.prepared:
                self.preparing.again()

        session.later(again)
