"""Results that are made only while something shows them, and only at rest.

An `Extra` follows the exact phase: once the hand rests, each one that a slot shows and whose
`key` has changed is made, on a lane of its own, and told under its topic. A change meanwhile
stops it.
"""

from collections.abc import Mapping
from functools import partial
from weakref import ref

from app import words
from app.pipeline.context import Context
from app.pipeline.lanes import EXTRA
from app.pipeline.meter import Meter
from app.pipeline.on_show import Extra
from app.state.request import Request
from recon.errors import Cancelled


class Extras:
    """Makes what is shown of a table of extras.

    Parameters
    ----------
    pipeline : Pipeline
    table : mapping of str to Extra
        By topic.
    """

    def __init__(self, pipeline, table: Mapping[str, Extra]):
        self._pipeline, self._table = pipeline, table
        self._meter = Meter(pipeline.board.progress)
        self._made: dict[str, object] = {}  # topic -> what it was made of
        self._asked: dict[str, object] = {}  # the same of what waits or is under way

    def follow(self, wanted, delay: float = 0.0, request: Request | None = None) -> None:
        """Make what of the topics `wanted` is not there as it is set now.

        It begins after `delay` seconds, if nothing else is asked for before. What is asked for
        already goes on: a zoom or another colour must not begin it anew. A caller that has the
        `request` of now at hand gives it along: to make one costs much of a slider's move.
        """
        pipeline = self._pipeline
        prepared = pipeline.prepared
        if prepared is None:
            self.stop()
            return
        request = prepared.with_(request or pipeline.experiment.request())
        stale = {}
        for topic in sorted(self._table.keys() & set(wanted)):
            extra = self._table[topic]
            if extra.needs_phase and prepared.sidebands is None:
                continue
            # Weakly: what was made must not keep an old G in memory.
            key = (ref(prepared), extra.key(request))
            if self._made.get(topic) != key:
                stale[topic] = key
        if stale and stale == {t: k for t, k in self._asked.items() if self._made.get(t) != k}:
            return
        self.stop()
        if not stale:
            return
        self._asked = stale
        meter = self._meter = Meter(pipeline.board.progress)
        context = Context(pipeline.engine, prepared, request, meter)

        def run():
            for topic in stale:
                meter.begin(self._table[topic].title)
                try:
                    batch = [(topic, self._table[topic].make(context))]
                    meter.check()
                except Cancelled:
                    raise
                except Exception as error:
                    # One that fails keeps none of the others back, and says why once.
                    batch = [(topic, None), ("error", words.sentence(error))]
                pipeline.board.later(partial(self._tell, topic, stale[topic], batch))

        def done(result, error, seconds):
            meter.end()
            if error is not None and not isinstance(error, Cancelled):
                pipeline.board.publish([("error", words.sentence(error))])

        pipeline.service.submit(pipeline.session, EXTRA, run, done, delay=delay)

    def _tell(self, topic, key, batch) -> None:
        """Note what a result was made of, and tell it; on the session's thread."""
        self._made[topic] = key
        self._pipeline.board.tell(batch)

    def stop(self) -> None:
        """End what is under way."""
        self._asked = {}
        self._meter.cancel()
        self._pipeline.service.discard(self._pipeline.session, EXTRA)
