"""From what the user sets to what the page shows; the latest value wins.

    state -> request -> [slow]    reading, disc, orientation, G
                     -> [quick]   phase (draft while values change, exact at rest), tiles
                     -> [derived] virtual images, COM, DPC

One watcher takes a snapshot of the state and submits it; threads of the `ComputeService` work
(`app.pipeline.work`), and results go back through `post` to the session's own thread. Nothing here
draws or needs a page.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from time import monotonic

from app import words
from app.pipeline import summary, work
from app.pipeline.board import Board, Callback
from app.pipeline.dose_drafts import Dosing
from app.pipeline.extras import Extras
from app.pipeline.jobs import Aside
from app.pipeline.lanes import DERIVED, QUICK, SLOW, ComputeService
from app.pipeline.makers import EXTRAS
from app.pipeline.meter import Meter
from app.pipeline.open_scan import OpenScan
from app.pipeline.pacing import FrameWindow
from app.pipeline.pointed import Pointed
from app.pipeline.prepared import Prepared, Redraw, drawing, preparation
from app.state import following
from app.state.experiment import Experiment
from app.state.filling import FOLLOWS, FOUND
from app.state.request import Request
from app.state.ties import Ties
from recon.errors import Cancelled

_SHORT_S = 0.4
_LONGEST_S = 10.0  # that a worker waits for the session's thread

_sessions = count()


class Pipeline:
    """What one session computes and shows.

    Parameters
    ----------
    experiment : Experiment
        The session's state. The pipeline reads it, and fills in what a file or a fit says.
    engine : Engine
        The stages, shared by all sessions.
    service : ComputeService
        The threads, shared by all sessions.
    post : callable
        `post(function)` runs `function()` soon, on the session's thread; safe from any thread.
    settle : float
        Seconds without a change after which the exact phase follows the drafts.
    window : int
        Published frames that may be unacknowledged, once the page acknowledges frames at all.
    patience : float
        Seconds after which an acknowledgement that never came is given up.

    Notes
    -----
    `subscribe` the views, then `start`; `close` when the session ends. The state is read and
    changed on the session's thread alone, and so is all that this class and its parts remember;
    what their work on other threads needs is handed to it as frozen values; it looks at nothing
    but which `prepared` is shown. Of the methods `acknowledge`, `latest`, `fail` and `_draw` may be
    called from any thread, `_make_room` from a worker's alone, all others from the session's.
    """

    def __init__(
        self,
        experiment: Experiment,
        engine,
        service: ComputeService,
        post: Callable[[Callable[[], None]], None],
        *,
        settle: float = 0.15,
        window: int = 2,
        patience: float = 1.0,
        user: str | None = None,
    ):
        self.user = user
        self.experiment, self.engine, self.service = experiment, engine, service
        self._settle = settle
        self._frames = FrameWindow(window, patience)
        self.session = f"session {next(_sessions)}"
        self.board = Board(post)
        self._ties = Ties()
        self._closed = False
        self._scan = OpenScan(self)
        self._asked: dict[str, object] = {}  # lane -> what was submitted last
        self._changed_at = 0.0
        self._meters = {lane: Meter(self.board.progress) for lane in (SLOW, DERIVED)}
        self._said: tuple = ()
        self.prepared: Prepared | None = None
        self.aside, self.extras, self._dosing = Aside(self), Extras(self, EXTRAS), Dosing(self)
        self.pointed = Pointed(self)
        self.also: set[str] = set()
        """Topics of extras that are shown beside the slots."""
        # Derived topic -> what it was made of; belongs to the lane, which runs one at a time.
        self._shown: dict[str, object] = {}

    # ---- for the page ----

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Have `callback(topic, value)` called on the session's thread for every result.

        Topics are listed in `app.pipeline.results`. What has been published already is given at
        once. Returns a function that ends the subscription.
        """
        return self.board.subscribe(callback)

    def start(self) -> None:
        """Watch the state and open its dataset."""
        for state in self.experiment.parts().values():
            self._ties.tie_whole(state, self._changed)
        self.service.gate(self.session, self._frames.ready_in)
        self.board.tell([("device", self.engine.gauge.state())])
        self._scan.read()

    def acknowledge(self, sequence: int | None = None) -> None:
        """Say that a phase image has been painted; safe from any thread.

        Parameters
        ----------
        sequence : int, optional
            Its `PhaseImage.sequence`; frames before it count as painted too. Without it, the
            oldest frame under way. From the first call on at most `window` frames are under way.
        """
        self._frames.acknowledge(sequence)
        self.service.wake()

    @property
    def origin(self) -> tuple[str | None, dict[str, str]]:
        """The open scan's name, and where each calibration value comes from."""
        reading = self._scan.reading
        return reading and reading.dataset, dict(self._scan.sources)

    def follow(self, sources) -> None:
        """Compute what was restored, with calibration from `sources`: nothing follows from it."""
        self._scan.restored(sources)
        self._changed_at = monotonic()
        self._take_up()

    def cancel(self) -> None:
        """Stop the long work under way; what is shown stays."""
        for lane, meter in self._meters.items():
            self.service.discard(self.session, lane)
            meter.cancel()
        for part in (self.aside.cancel, self.extras.stop, self.pointed.stop, self._dosing.stop):
            part()
        self._scan.fall_back()

    def retry(self) -> None:
        """Read the scan again, and do again what was cancelled or failed."""
        self._asked.clear()
        self._scan.read()

    def latest(self, topic: str):
        """The value published last under `topic`, or None."""
        return self.board.latest(topic)

    def to_save(self, kind: str) -> Callable:
        """What makes a file of all that is set now, "tiff" or "hdf5", computed exactly.

        Called on any thread, it takes up to some seconds and gives an `app.pipeline.export.Export`.

        Raises
        ------
        ValueError
            While there is nothing to save, in one sentence.
        """
        from app.pipeline.export import export

        prepared, request = self.prepared, self.experiment.request()
        if prepared is None or prepared.sidebands is None:
            raise ValueError("There is nothing to save yet: the phase has not been computed.")
        made_of = prepared, prepared.with_(request), dict(self._scan.sources)
        return partial(export, self.engine, *made_of, kind, self.user)

    def close(self) -> None:
        """End the session: nothing is published any more, its work stops."""
        self._closed = True
        for part in (self.aside.cancel, self.extras.stop, self.pointed.stop, self._dosing.stop):
            part()
        self.service.discard(self.session)
        self.service.gate(self.session, None)
        for meter in self._meters.values():
            meter.cancel()
        self._ties.untie()
        self.board.close()
        self.prepared = None
        self._asked.clear()

    # ---- on the session's thread ----

    def _changed(self, *events) -> None:
        if self.experiment.filling or self._closed:
            return
        self._changed_at = monotonic()
        self._scan.changed(events)
        with self.experiment.fill(FOLLOWS):
            following.react(self.experiment, events)
        self._take_up()

    def _take_up(self) -> None:
        request = self.experiment.request()
        if request.reading != self._scan.wanted:
            self._scan.read()
        else:
            self._follow(request)

    def opened(self) -> None:
        """Compute all of what has just been read."""
        self._asked.clear()
        self._follow(self.experiment.request())

    def _follow(self, request: Request) -> None:
        """Submit what `request` has made stale."""
        if request.reading != self._scan.reading:
            return
        if self._new(SLOW, preparation(request)):
            self._prepare(request)
        prepared = self.prepared
        if prepared is None or self._asked.get("ready") is not prepared:
            return
        wanted = drawing(request, work.beside(self._topics()))
        if prepared.sidebands is not None and self._new(QUICK, wanted):
            self._redraw(request, "draft")
        if self._new(DERIVED, (request.annulus, request.dpc)):
            self._derive(request)
        self.extras.follow((*self._topics(), *self.also), self._settle, request)

    def _prepare(self, request: Request) -> None:
        meter, sources = self.begin(SLOW), dict(self._scan.sources)
        title = self.engine.title(request.reading.dataset)
        weighting = self._dosing.follow(request, "phase" in self._topics())

        def prepare():
            self._dosing.wait(meter)
            publish = self.board.publish, self._make_room, weighting
            return work.prepare(self.engine, request, sources, title, meter, *publish)

        def done(prepared, error, seconds):
            meter.end()
            if error is not None:
                self.fail(error)
            else:
                self.board.later(lambda: self._ready(prepared, request, meter))

        # A slider that makes G stale is waited for: half a G helps nobody.
        delay = self._settle if self.prepared is not None else 0.0
        self.service.submit(self.session, SLOW, prepare, done, delay=delay)

    def _make_room(self) -> None:
        """Have the G let go that is shown, and wait until it is; on a worker's thread."""
        self.board.ask(lambda: self._let_go(), _LONGEST_S)

    def _let_go(self) -> None:
        """Make room for the next G: the picture stays, redraws wait."""
        self.prepared = None
        self._asked.pop("ready", None)
        self.extras.stop()  # they hold what they are made of

    def _ready(self, prepared: Prepared, request: Request, meter) -> None:
        if not self.is_latest(SLOW, meter):
            return
        self._dosing.stop()
        self.prepared = self._asked["ready"] = prepared
        with self.experiment.fill(FOUND):
            done = replace(request, treatment=prepared.scan.treatment)
            summary.take_over(self.experiment.scan, done, prepared.found)
        self._scan.sources = summary.settled_sources(self._scan.sources, prepared.found)
        self._advise(prepared)
        request = self.experiment.request()
        if prepared.sidebands is not None:
            self._new(QUICK, drawing(request, work.beside(self._topics())))
            self._redraw(request, "exact")
        self._new(DERIVED, (request.annulus, request.dpc))
        self._derive(request)
        self.extras.follow((*self._topics(), *self.also), self._settle, request)

    def _advise(self, prepared: Prepared) -> None:
        """Say what was found, and what the CPU had to do; each once."""
        found = prepared.found
        # Before there can be a phase, what has to be entered is all that matters.
        said = ("" if found.missing else found.orientation_statement,)
        said += self.engine.placed.statements(prepared.scan.key)
        self.board.tell([("notice", s) for s in said if s and s not in self._said])
        self._said = said

    def _redraw(self, request: Request, mode: str) -> None:
        """Submit a redraw; an exact one follows a draft at rest."""
        if self.prepared is not None:  # else let go this moment
            self._draw(Redraw(self.prepared, request, self._topics(), self._changed_at), mode)

    def _draw(self, what: Redraw, mode: str, delay: float = 0.0, yielding=False) -> None:
        """Submit a redraw; from any thread."""

        def redraw():
            return work.redraw(self.engine, what.prepared, what.request, mode, what.shown)

        def done(batch, error, seconds):
            if error is not None:
                if work.move_to_cpu(self.engine, what.prepared, error):
                    self.board.later(lambda: self._prepare_again(what.prepared))
                else:
                    self.fail(error)
                return
            self.board.publish(self._frames.number(batch))
            # At once, not on the session's thread: a session that waits for it is not at rest.
            if mode == "draft" and self.prepared is what.prepared:
                rest = max(0.0, what.changed_at + self._settle - monotonic())
                # The draft of a later change may wait already; that goes first.
                self._draw(what, "exact", rest, yielding=True)

        self.service.submit(self.session, QUICK, redraw, done, delay=delay, yielding=yielding)

    def _prepare_again(self, prepared: Prepared) -> None:
        if prepared is self.prepared:
            self._asked.pop(SLOW, None)
            self._follow(self.experiment.request())

    def _derive(self, request: Request) -> None:
        meter, prepared = self.begin(DERIVED), self.prepared
        if prepared is None:  # let go this moment
            return

        def derive():
            work.derive(self.engine, prepared, request, self._shown, meter, self.board.publish)

        def done(result, error, seconds):
            meter.end()
            if error is not None:
                self.fail(error)
            else:
                self.board.later(lambda: self._advise(prepared))

        self.service.submit(self.session, DERIVED, derive, done)

    def _new(self, lane: str, wanted) -> bool:
        """Whether `wanted` differs from what was asked of `lane` last."""
        if self._asked.get(lane) == wanted:
            return False
        self._asked[lane] = wanted
        return True

    def _topics(self) -> tuple[str, ...]:
        """Topics of what the slots show."""
        return self.experiment.display.topics

    def begin(self, lane: str) -> Meter:
        """A meter for new work in `lane`, which ends the work it replaces."""
        if lane == DERIVED:
            # Short work finishes, so that something follows a slider that keeps moving.
            self._meters[lane].hurry(_SHORT_S)
        else:
            self._meters[lane].cancel()
        meter = self._meters[lane] = Meter(self.board.progress)
        return meter

    def is_latest(self, lane: str, meter: Meter) -> bool:
        """Whether nothing was begun in `lane` after the work of that meter."""
        return meter is self._meters[lane]

    def show(self, batch: work.Batch) -> None:
        """Tell everyone of a frame; on the session's thread."""
        self.board.tell(self._frames.number(batch))

    def fail(self, error: BaseException) -> None:
        """Say what went wrong; safe from any thread."""
        if not isinstance(error, Cancelled):
            self.board.publish([("error", words.sentence(error))])
