"""The scan that a session has open: chosen, read, and where each of its values comes from."""

from app import words
from app.engine.catalogue import DEMO
from app.pipeline.lanes import SLOW
from app.state import following, origin, question
from app.state.filling import FOUND
from app.state.request import Reading
from recon.errors import Cancelled


class OpenScan:
    """Reads what is wanted; what is open stays so until that is there, or if it cannot be read.

    Parameters
    ----------
    pipeline : Pipeline
        `pipeline.opened()` is called once a scan has been read.
    """

    def __init__(self, pipeline):
        self._pipeline = pipeline
        self.sources: dict[str, str] = {}
        """Where each calibration value comes from."""
        self.wanted: Reading | None = None
        """Being read, or open."""
        self.reading: Reading | None = None
        """What is open."""
        self._chosen = False  # whether the scan alone was changed last, not by a link

    def changed(self, events) -> None:
        """Note what a hand has changed of the scan: Param `events` of one of the state's parts."""
        scan = self._pipeline.experiment.scan
        if not any(event.obj is scan for event in events):
            return
        names = {event.name for event in events}
        if "dataset" in names:
            self._chosen = len(names) == 1
        else:
            self.sources.update(dict.fromkeys(names.intersection(scan.CALIBRATION), scan.source))

    def restored(self, sources) -> None:
        """Note that everything was restored, with calibration from `sources`."""
        self.sources, self._chosen = dict(sources), False

    def read(self) -> None:
        """Read the wanted scan; what is shown stays until it is there."""
        pipeline = self._pipeline
        reading = self.wanted = pipeline.experiment.request().reading
        meter = pipeline.begin(SLOW)
        title = pipeline.engine.title(reading.dataset)
        task = "Preparing the demonstration" if reading.dataset == DEMO else f"Reading {title}"

        def read():
            pipeline.engine.warm_up(meter.begin("Getting ready"))
            return pipeline.engine.events(reading, meter.begin(task))

        def done(events, error, seconds):
            meter.end()
            pipeline.board.later(lambda: self._read(reading, events, error, meter))

        pipeline.service.submit(pipeline.session, SLOW, read, done)

    def _read(self, reading, events, error, meter) -> None:
        pipeline = self._pipeline
        if reading != self.wanted or not pipeline.is_latest(SLOW, meter):
            return
        if error is not None:
            asked = question.question_of(error)
            if not isinstance(error, Cancelled):
                pipeline.board.tell([("question", asked), ("error", words.sentence(error))])
            # A question is answered by what is set now.
            if asked is None:
                self.fall_back()
            return
        experiment = pipeline.experiment
        pipeline.board.tell([("question", None), *(("notice", s) for s in events.source.notes)])
        if self.reading is None or self.reading.dataset != reading.dataset:
            with experiment.fill(FOUND):
                if self._chosen:
                    following.forget_region(experiment)
                self.sources = origin.fill(experiment.scan, events.metadata, self.sources)
        self.reading = reading
        pipeline.opened()

    def fall_back(self) -> None:
        """Stay with the scan that is open, if any; else wait for another to be chosen."""
        if self.reading is not None and self.wanted != self.reading:
            self.wanted = self.reading
            with self._pipeline.experiment.fill(FOUND):
                question.show(self._pipeline.experiment.scan, self.reading)
