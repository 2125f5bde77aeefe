"""The scan that a session has open: chosen, read, and where each of its values comes from."""

from time import monotonic

import param

from app import words
from app.engine.catalogue import DEMO
from app.engine.live_scan import LIVE
from app.pipeline.asked import Asked
from app.pipeline.lanes import SLOW
from app.pipeline.stage import Stage
from app.state import following, origin, question
from app.state.filling import CAME, FOLLOWS, FOUND
from app.state.request import Reading
from recon.errors import Cancelled


class Opening(Stage):
    """Reads what is wanted; what is open stays so until that is there, or if it cannot be read."""

    asked = param.ClassSelector(class_=Asked, constant=True)
    reading = param.ClassSelector(class_=Reading, doc="What is open; set again as it is reopened.")
    question = param.ClassSelector(class_=question.Question, doc="What keeps it from being read.")

    def __init__(self, session, **before):
        self.sources: dict[str, str] = {}
        """Where each calibration value comes from."""
        self._wanted: Reading | None = None  # being read, or open
        self._chosen = False  # whether the scan alone was changed last, not by a link
        self._goes_on = ""  # whose step it is to one more scan of the microscope, if it is one
        super().__init__(session, **before)

    @param.depends("asked.hand", watch=True)
    def _note(self) -> None:
        """Note what a hand has changed of the scan."""
        scan, names = self.asked.experiment.scan, {event.name for event in self.asked.hand}
        if "dataset" in names:
            self._chosen, self._goes_on = len(names) == 1, ""
        else:
            entered = dict.fromkeys(names.intersection(scan.CALIBRATION), scan.source)
            self.sources = self.sources | entered

    def restore(self, sources) -> None:
        """Open what was restored, with calibration from `sources`: nothing follows from it."""
        self.sources, self._chosen, self._goes_on = dict(sources), False, ""
        self.asked.changed_at = monotonic()
        self.asked.ask()

    def go_on(self, dataset: str, whose: str = FOLLOWS) -> None:
        """Open another scan of the same microscope: all that is set goes on.

        A hand has asked for it, unless it `CAME`.
        """
        experiment = self.asked.experiment
        if dataset == experiment.scan.dataset:
            return
        with experiment.fill(whose):
            experiment.scan.dataset = dataset
        self._chosen, self._goes_on = False, whose
        self.asked.ask()

    @param.depends("asked.request", watch=True)
    def _follow(self) -> None:
        if self.asked.request.reading != self._wanted:
            self.read()

    def read(self) -> None:
        """Read the wanted scan; what is shown stays until it is there."""
        session = self._session
        reading = self._wanted = self.asked.request.reading
        meter, title = session.begin(SLOW), session.engine.title(reading.dataset)
        task = "Preparing the demonstration" if reading.dataset == DEMO else f"Reading {title}"

        def read():
            session.engine.warm_up(meter.begin("Getting ready"))
            return session.engine.events(reading, meter.begin(task))

        def done(events, error, seconds):
            meter.end()
            session.later(lambda: self._read(reading, events, error, meter))

        session.submit(SLOW, read, done)

    def _read(self, reading, events, error, meter) -> None:
        session, told = self._session, self._session.told
        if reading != self._wanted or not session.is_latest(SLOW, meter):
            return
        if error is not None:
            asked = question.question_of(error)
            if not isinstance(error, Cancelled):
                self.question = asked
                told.error = words.sentence(error)
            # A question is answered by what is set now.
            if asked is None:
                self.fall_back()
            return
        self.question = None
        live = getattr(session.engine, "live", None)
        if live is None or live.growing(reading.dataset) is None:
            for note in events.source.notes:
                told.notice = note
        experiment = self.asked.experiment
        if self.reading is None or self.reading.dataset != reading.dataset:
            before = self.reading.dataset if self.reading and self._goes_on else ""
            scan, metadata = experiment.scan, events.metadata
            with experiment.fill(CAME if self._goes_on == CAME else FOUND):
                if self._chosen:
                    following.forget_region(experiment)
                if before.startswith(LIVE):
                    values, self.sources = origin.carried(scan, metadata, self.sources)
                    scan.param.update(**values)
                else:
                    self.sources = origin.fill(scan, metadata, self.sources)
        self.asked.ask()
        self.reading = reading

    def fall_back(self) -> None:
        """Stay with the scan that is open, if any; else wait for another to be chosen."""
        if self.reading is not None and self._wanted != self.reading:
            self._wanted = self.reading
            with self.asked.experiment.fill(FOUND):
                question.show(self.asked.experiment.scan, self.reading)
            self.asked.ask()
