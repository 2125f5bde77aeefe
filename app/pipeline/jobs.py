"""Work that a session asks for once, beside what follows its sliders: a fit, a report, a series.

A `Job` runs on a thread of its own with a snapshot of everything, shows its progress, and can be
cancelled. Its result is set in the `Answer` of who asks; where it is to change the state, it does
so only while the state is what it was made for: the user's own hand always wins.
"""

from collections.abc import Callable
from dataclasses import dataclass

import param

from app.pipeline.asked import Asked
from app.pipeline.context import Context
from app.pipeline.lanes import ASIDE
from app.pipeline.prepared import preparation
from app.pipeline.preparing import Preparing
from app.pipeline.stage import Stage
from app.state.request import Request

OVERTAKEN = "You changed {} meanwhile: the result is shown but not applied."


@dataclass(frozen=True)
class Job:
    """One piece of work aside.

    Attributes
    ----------
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

    title: str
    run: Callable[[Context], object]
    adopt: Callable[[object, object], None] | None = None
    made_for: Callable[[Request], object] = lambda request: None
    what: str = "the settings"
    about: Callable[[Request], object] = preparation


class Answer(param.Parameterized):
    """What has come of the jobs that ask for it, the latest of them."""

    result = param.Parameter(doc="What was found.")
    under_way = param.Boolean(False, doc="Whether it is looked for.")


class Aside(Stage):
    """Runs a session's jobs, one at a time: a new one takes the place of the last."""

    asked = param.ClassSelector(class_=Asked, constant=True)
    preparing = param.ClassSelector(class_=Preparing, constant=True)

    def __init__(self, session, **before):
        self._answer = Answer()  # of the job under way
        self._job: Job | None = None
        super().__init__(session, **before)

    def perform(self, job: Job, answer: Answer) -> None:
        """Have a job done with what is set now, and its result set in `answer`."""
        session, prepared = self._session, self.preparing.prepared
        self.cancel()
        if prepared is None:
            session.told.error = "There is no scan yet: wait until one is open."
            return
        meter, request = session.begin(ASIDE), prepared.with_(self.asked.request)
        context = Context(session.engine, prepared, request, meter)

        def run():
            meter.begin(job.title)
            return job.run(context)

        def done(result, error, seconds):
            meter.end()
            session.later(lambda: self._take(job, answer, context, result, error))

        self._job, self._answer, answer.under_way = job, answer, True
        session.submit(ASIDE, run, done)

    @property
    def under_way(self) -> tuple[Job, Answer] | None:
        """The job under way and who waits for it, if any."""
        return (self._job, self._answer) if self._job and self._answer.under_way else None

    def cancel(self) -> None:
        """Stop the job under way, if any."""
        self._session.stop(ASIDE)
        self._answer.under_way = False

    def _take(self, job: Job, answer: Answer, context: Context, result, error) -> None:
        session, meter, now = self._session, context.meter, self.asked.request
        if meter.cancelled or not session.is_latest(ASIDE, meter):
            return  # what took its place, or cancelled it, has said so
        answer.under_way = False
        if error is not None:
            session.fail(error)
            return
        another = now.reading.dataset != context.request.reading.dataset
        if another or (job.about(now) != job.about(context.request) and not job.adopt):
            return  # it shows another scan, or another part of it
        answer.result = result
        if job.adopt is None:
            return
        same = preparation(now) == preparation(context.request)
        if same and job.made_for(now) == job.made_for(context.request):
            job.adopt(self.asked.experiment, result)
        else:
            session.told.notice = OVERTAKEN.format(job.what if same else "the scan")
