"""Work that a session asks for once, beside what follows its sliders: a fit, a report, a series.

A `Job` runs on a thread of its own with a snapshot of everything, shows its progress, and can be
cancelled. Its result is told under the job's topic; where it is to change the state, it does so
only while the state is what it was made for: the user's own hand always wins.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app import words
from app.pipeline.context import Context
from app.pipeline.lanes import ASIDE
from app.pipeline.meter import Meter
from app.pipeline.prepared import preparation
from app.state.request import Request
from recon.errors import Cancelled

OVERTAKEN = "You changed {} meanwhile: the result is shown but not applied."


@dataclass(frozen=True)
class Job:
    """One piece of work aside.

    Attributes
    ----------
    topic : str
        Under which the result is told.
    title : str
        What the status line says meanwhile.
    run : callable
        `run(context)` gives the result, on a worker's thread.
    adopt : callable, optional
        `adopt(experiment, result)` changes the state, on the session's thread.
    made_for : callable, optional
        `made_for(request)` gives what must not have changed for the result to be adopted.
    what : str
        The same in words, such as "the aberrations".
    about : callable
        `about(request)` gives what must not have changed for the result to be told at all.
    """

    topic: str
    title: str
    run: Callable[[Context], object]
    adopt: Callable[[object, object], None] | None = None
    made_for: Callable[[Request], object] = lambda request: None
    what: str = "the settings"
    about: Callable[[Request], object] = preparation


@dataclass(frozen=True)
class Under:
    """Which job is under way; told under "aside", None when it has ended."""

    topic: str
    title: str


class Aside:
    """Runs a session's jobs, one at a time: a new one takes the place of the last.

    Parameters
    ----------
    pipeline : Pipeline
    """

    def __init__(self, pipeline):
        self._pipeline = pipeline
        self._meter = Meter(pipeline.board.progress)

    def perform(self, job: Job) -> None:
        """Have a job done with what is set now."""
        pipeline = self._pipeline
        self.cancel()
        prepared = pipeline.prepared
        if prepared is None:
            pipeline.board.tell([("error", "There is no scan yet: wait until one is open.")])
            return
        meter = self._meter = Meter(pipeline.board.progress)
        request = prepared.with_(pipeline.experiment.request())
        context = Context(pipeline.engine, prepared, request, meter)

        def run():
            meter.begin(job.title)
            return job.run(context)

        def done(result, error, seconds):
            meter.end()
            pipeline.board.later(lambda: self._done(job, meter, context, result, error))

        pipeline.board.tell([("aside", Under(job.topic, job.title))])
        pipeline.service.submit(pipeline.session, ASIDE, run, done)

    def cancel(self) -> None:
        """Stop the job under way, if any."""
        self._meter.cancel()
        self._pipeline.service.discard(self._pipeline.session, ASIDE)
        if self._pipeline.board.latest("aside") is not None:
            self._pipeline.board.tell([("aside", None)])

    def _done(self, job, meter, context, result, error) -> None:
        pipeline = self._pipeline
        if meter is not self._meter or meter.cancelled:
            return  # what took its place, or cancelled it, has said so
        pipeline.board.tell([("aside", None)])
        if error is not None:
            if not isinstance(error, Cancelled):
                pipeline.board.tell([("error", words.sentence(error))])
            return
        now = pipeline.experiment.request()
        another = now.reading.dataset != context.request.reading.dataset
        if another or (job.about(now) != job.about(context.request) and not job.adopt):
            return  # it shows another scan, or another part of it
        pipeline.board.tell([(job.topic, result)])
        if job.adopt is None:
            return
        same = preparation(now) == preparation(context.request)
        if same and job.made_for(now) == job.made_for(context.request):
            job.adopt(pipeline.experiment, result)
        else:
            pipeline.board.tell([("notice", OVERTAKEN.format(job.what if same else "the scan"))])
