"""From a scan and its calibration to G."""

from dataclasses import replace
from time import monotonic
from typing import ClassVar

import param

from app.engine.gauge import DeviceState
from app.pipeline import summary, work
from app.pipeline.asked import Asked
from app.pipeline.dose_drafts import Dosing
from app.pipeline.lanes import SLOW
from app.pipeline.opening import Opening
from app.pipeline.prepared import Prepared, preparation
from app.pipeline.results import Pacbed, ScanSummary
from app.pipeline.stage import Stage
from app.pipeline.watching import Watching
from app.state.filling import FOUND
from app.state.request import Request

LONGEST_S = 10.0
"""Most that a worker waits for the session's thread."""

LOOK_S = 0.2
"""Seconds from one look at a scan that grows to the next, at least."""
REST = 0.5
"""And from its end, as a multiple of what it took: drafts have the cores meanwhile."""

RENEW = 1.1
"""How many times as many rows choose the tiles' frequencies anew."""


class Looks:
    """When a scan that grows is looked at again: never before the last look is over."""

    def __init__(self):
        self.over: tuple = ()
        self.due, self._under_way, self._began, self._next = False, False, 0.0, 0.0

    def may_begin(self) -> bool:
        """Whether nothing is under way; if not, one more look is due after it."""
        self.due = self._under_way
        return not self._under_way

    def begin(self) -> float:
        """Begin one; the pause before it [s]."""
        now = monotonic()
        self._under_way, self._began = True, max(now, self._next)
        return self._began - now

    def end(self) -> None:
        """Note that it is over."""
        if self._under_way:
            now = monotonic()
            self._next = max(self._began + LOOK_S, now + REST * (now - self._began))
        self._under_way = False


def with_picks_of(last: Prepared | None, prepared: Prepared) -> Prepared:
    """`prepared` with the frequencies of the last look, until there are a tenth more rows.

    While a scan grows its tiles would else jump from frequency to frequency.
    """
    if last is None or not (last.scan.growing and prepared.scan.growing):
        return prepared
    same = last.request == prepared.request and last.found.calibration == prepared.found.calibration
    picked, now = last.picks.rows, int(prepared.scan.rows.sum())
    if same and now < RENEW * picked:
        return replace(prepared, picks=last.picks)
    prepared.picks.rows = now
    return prepared


class Preparing(Stage):
    """Region, disc, orientation and G of the scan that is open."""

    asked = param.ClassSelector(class_=Asked, constant=True)
    opening = param.ClassSelector(class_=Opening, constant=True)
    watching = param.ClassSelector(class_=Watching, constant=True)
    dosing = param.ClassSelector(class_=Dosing, constant=True)

    scan = param.ClassSelector(class_=ScanSummary)
    dataset = param.String(None, allow_None=True, doc="Of `scan`; changes with another alone.")
    pacbed = param.ClassSelector(class_=Pacbed)
    device = param.ClassSelector(class_=DeviceState, doc="As it was before G was made.")
    prepared = param.ClassSelector(class_=Prepared, doc="None too while its room is needed.")

    def __init__(self, session, **before):
        self._wanted: object = None
        self._said: tuple = ()
        self._looks = Looks()
        super().__init__(session, **before)

    @param.depends("opening.reading", watch=True)
    def again(self) -> None:
        """Prepare what is open, whatever was prepared before."""
        self._wanted = None
        self._follow()

    @param.depends("asked.request", watch=True)
    def _follow(self) -> None:
        request = self.asked.request
        if request.reading == self.opening.reading and preparation(request) != self._wanted:
            self._wanted = preparation(request)
            self._prepare(request)

    @param.depends("watching.grown", watch=True)
    def _grow(self) -> None:
        """Look at the rows that have come since; once the scan is over, at all of it anew."""
        reading, shown = self.opening.reading, self.watching.shown
        if shown is None or reading != self.asked.request.reading:
            return
        if self._looks.over != (reading.dataset, shown.over):
            self._looks.over = reading.dataset, shown.over
            if shown.over:
                self.again()
                return
        if not shown.over and self._looks.may_begin():
            self._wanted = preparation(self.asked.request)
            self._prepare(self.asked.request, self._looks.begin())

    def _prepare(self, request: Request, look: float | None = None) -> None:
        """Prepare; `look` is the pause before one more look at a scan that grows."""
        session, sources = self._session, dict(self.opening.sources)
        meter, title = session.begin(SLOW), session.engine.title(request.reading.dataset)
        weighting = self.dosing.follow(request, self.prepared, "phase" in self.asked.shown)

        publish = self.publish if look is None else self._publish_some

        def prepare():
            self.dosing.wait(meter)
            made = publish, self._make_room, weighting
            return work.prepare(session.engine, request, sources, title, meter, *made)

        def done(prepared, error, seconds):
            meter.end()
            if error is not None:
                session.fail(error)
            session.later(lambda: self._taken(prepared, request, meter))

        # A slider that makes G stale is waited for: half a G helps nobody.
        delay = session.settle if self.prepared is not None else 0.0
        delay = delay if look is None else look
        session.submit(SLOW, prepare, done, delay=delay)

    def _publish_some(self, pacbed, **rest) -> None:
        """Of one more look at a scan that grows, what is news; on a worker's thread."""

        def publish():
            known, scan = self.scan, rest["scan"]
            same = known is not None and (known.dataset, known.missing) == (
                scan.dataset,
                scan.missing,
            )
            self.param.update(pacbed=pacbed, **({} if same else rest))

        self._session.later(publish)

    def _taken(self, prepared: Prepared | None, request: Request, meter) -> None:
        if prepared is not None:
            self._take(prepared, request, meter)
        self._looks.end()
        if self._looks.due:
            self._grow()

    @param.depends("scan", watch=True)
    def _name(self) -> None:
        self.dataset = self.scan.dataset

    def _make_room(self) -> None:
        """Have the G let go that is shown, and wait until it is; on a worker's thread."""
        self._session.ask(lambda: self.let_go(), LONGEST_S)

    def let_go(self) -> None:
        """Make room for the next G: the picture stays, redraws wait."""
        self.prepared = None

    def _take(self, prepared: Prepared, request: Request, meter) -> None:
        if not self._session.is_latest(SLOW, meter):
            return
        self.dosing.stop()
        experiment, opening = self.asked.experiment, self.opening
        with experiment.fill(FOUND):
            done = replace(request, treatment=prepared.scan.treatment)
            summary.take_over(experiment.scan, done, prepared.found)
        opening.sources = summary.settled_sources(opening.sources, prepared.found)
        prepared = with_picks_of(self.prepared, prepared)
        self.prepared = prepared
        self.asked.ask()
        self.advise(prepared)

    def current(self, request: Request) -> Prepared | None:
        """What is prepared, if it is of the scan that `request` wants."""
        prepared = self.prepared
        return prepared if prepared and prepared.request.reading == request.reading else None

    def advise(self, prepared: Prepared) -> None:
        """Say what was found, and what the CPU had to do; each once."""
        found = prepared.found
        # Before there can be a phase, what has to be entered is all that matters.
        said = ("" if found.missing else found.orientation_statement,)
        said += self._session.engine.placed.statements(prepared.scan.key)
        for sentence in said:
            if sentence and sentence not in self._said:
                self._session.told.notice = sentence
        self._said = said


class Made(Stage):
    """What is made of what is prepared, as it is asked for."""

    asked = param.ClassSelector(class_=Asked, constant=True)
    preparing = param.ClassSelector(class_=Preparing, constant=True)

    STAYS: ClassVar[tuple[str, ...]] = ()
    """Results that need no complete calibration."""

    @param.depends("preparing.scan", watch=True)
    def _forget(self) -> None:
        """Show nothing of other values, or of another scan, while the calibration has gaps."""
        if self.preparing.scan.missing:
            self.param.update(**dict.fromkeys(set(self.results()).difference(self.STAYS)))
