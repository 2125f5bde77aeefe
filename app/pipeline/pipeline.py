"""The stages of one session, put together."""

from collections.abc import Callable
from functools import partial

import param

from app.pipeline.asked import Asked
from app.pipeline.deriving import Deriving
from app.pipeline.dose_drafts import Dosing
from app.pipeline.drawing import Drawing
from app.pipeline.jobs import Aside
from app.pipeline.lanes import DERIVED, SLOW, ComputeService
from app.pipeline.opening import Opening
from app.pipeline.pointed import Pointed
from app.pipeline.prepared import preparation
from app.pipeline.preparing import Preparing
from app.pipeline.resting import Resting
from app.pipeline.session import Session
from app.pipeline.watching import Watching
from app.state.contrasts import drawn_results
from app.state.experiment import Experiment


class Pipeline:
    """What one session computes; the package's docstring shows how its stages hang together.

    Parameters
    ----------
    experiment : Experiment
        The session's state. The pipeline reads it, and fills in what a file or a fit says.
    engine : Engine
        What computes, shared by all sessions.
    service : ComputeService
        The threads, shared by all sessions.
    post : callable
        `post(function)` runs `function()` soon, on the session's thread; safe from any thread.
    settle : float
        Seconds without a change after which the exact phase follows the drafts.
    window, patience
        As `Drawing` takes them.
    user : str, optional
        Who works, where people log in.

    Attributes
    ----------
    told : Told
        Progress, errors and notices.
    asked, opening, watching, preparing, drawing, deriving, resting, aside : Stage

    Notes
    -----
    Tie the views to the results, then `start`; `close` when the session ends. The state is read and
    changed on the session's thread alone, and so is all that the stages remember; what their work
    on other threads needs is handed to it as frozen values; it looks at nothing but which
    `prepared` is shown. From any thread may be called `Drawing.acknowledge` and `_redraw`,
    `Stage.publish`, and what `Session` says; from a worker's alone `Preparing._make_room`; all
    else from the session's.
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
        self.experiment = experiment
        self.session = session = Session(engine, service, post, settle, user)
        self.told = session.told
        # In the order in which they hear of a change.
        asked = self.asked = Asked(session, experiment=experiment)
        opening = self.opening = Opening(session, asked=asked)
        dosing = self.dosing = Dosing(session)
        watching = self.watching = Watching(session, asked=asked, opening=opening)
        preparing = self.preparing = Preparing(
            session, asked=asked, opening=opening, watching=watching, dosing=dosing
        )
        before = {"asked": asked, "preparing": preparing}
        self.drawing = Drawing(session, window, patience, dosing=dosing, **before)
        self.deriving = Deriving(session, **before)
        self.resting = Resting(session, **before)
        self.aside = Aside(session, **before)
        self.pointed = Pointed(session, preparing=preparing)
        self.stages = (asked, opening, dosing, watching, preparing)
        self.stages += (self.drawing, self.deriving, self.resting, self.aside, self.pointed)

    @property
    def results(self) -> dict[str, param.Parameter]:
        """References to what slots draw, by `Contrast.result`."""
        stages, drawn = self.stages, drawn_results()
        return {n: each.param[n] for each in stages for n in drawn.intersection(each.results())}

    def start(self) -> None:
        """Follow the state and open its dataset."""
        self.preparing.device = self.session.engine.gauge.state()
        self.asked.start()
        self.watching.start()

    @property
    def origin(self) -> tuple[str | None, dict[str, str]]:
        """The open scan's name, and where each calibration value comes from."""
        reading = self.opening.reading
        return reading and reading.dataset, dict(self.opening.sources)

    @property
    def prepared(self):
        """What images are made of; None before there is any."""
        return self.preparing.prepared

    joined = False
    """Whether what it shows is made elsewhere."""

    @property
    def at_rest(self) -> bool:
        """Whether everything that is set now has been computed."""
        prepared, request = self.preparing.prepared, self.experiment.request()
        if prepared is None or preparation(prepared.request) != preparation(request):
            return False
        return self.session.service.idle(self.session.key)

    def cancel(self) -> None:
        """Stop the long work under way; what is shown stays."""
        self.session.stop(SLOW, DERIVED)
        for part in (self.aside.cancel, self.resting.stop, self.pointed.stop, self.dosing.stop):
            part()
        self.opening.fall_back()

    def to_save(self, kind: str, session: str = "", user: str | None = None, **said) -> Callable:
        """What makes a file of all that is set now, computed exactly.

        `kind` is one of `app.pipeline.export.KINDS`; `session` is what the file remembers, and
        what else is `said`, `fit` and `address`, goes to `app.pipeline.export.export`.

        A copy of it is that of `user`; of whose session it is, if not given.

        Called on any thread, it takes up to some seconds and gives an `app.pipeline.export.Export`.

        Raises
        ------
        ValueError
            While there is nothing to save, in one sentence.
        """
        from app.pipeline.export import export

        prepared, owner = self.preparing.prepared, self.session
        if prepared is None or prepared.sidebands is None:
            raise ValueError("There is nothing to save yet: the phase has not been computed.")
        if prepared.scan.growing:
            raise ValueError(
                "The scan is not complete yet: its electrons are kept as they come, and its images "
                "can be saved when the last row is there."
            )
        made_of = prepared, prepared.with_(self.asked.request), dict(self.opening.sources)
        whose = user or owner.user
        return partial(export, owner.engine, *made_of, kind, whose, session, **said)

    def close(self) -> None:
        """End the session: nothing is told any more, its work stops."""
        stops = self.aside.cancel, self.resting.stop, self.pointed.stop, self.dosing.stop
        for part in (*stops, self.session.close):
            part()
        for stage in self.stages:
            stage.close()
