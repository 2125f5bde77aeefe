"""Results that are made only while something shows them, and only at rest."""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar
from weakref import ref

import param

from app import words
from app.pipeline.context import Context
from app.pipeline.lanes import EXTRA
from app.pipeline.makers import EXTRAS
from app.pipeline.on_show import Extra
from app.pipeline.preparing import Made
from app.pipeline.results import Refused, over_scan
from recon.errors import Cancelled


class Resting(Made):
    """Makes what is shown of a table of extras.

    Each follows the exact phase: once the hand rests, each one that is shown and whose `key` has
    changed is made, on a lane of its own. A change meanwhile stops it. One that fails is
    `Refused`.
    """

    TABLE: ClassVar[Mapping[str, Extra]] = EXTRAS
    """What makes each result."""

    STAYS = ("also",)

    also = param.ClassSelector(default=frozenset(), class_=frozenset, doc="Beside the slots.")

    def __init__(self, session, **before):
        self._made: dict[str, object] = {}  # result -> what it was made of
        self._under_way: dict[str, object] = {}  # the same of what waits or is under way
        self.declare(self.TABLE)
        super().__init__(session, **before)

    @param.depends("preparing.prepared", "asked.request", "asked.shown", "also", watch=True)
    def _follow(self) -> None:
        """Make what of the results wanted is not there as it is set now.

        What is asked for already goes on: a zoom or another colour must not begin it anew.
        """
        if self.preparing.prepared is None:
            self.stop()
        prepared = self.preparing.current(self.asked.request)
        if prepared is None or prepared.sidebands is None:
            return
        request, stale = prepared.with_(self.asked.request), {}
        for name in sorted(self.TABLE.keys() & {*self.asked.shown, *self.also}):
            # Weakly: what was made must not keep an old G in memory.
            key = ref(prepared), self.TABLE[name].key(request)
            if self._made.get(name) != key:
                stale[name] = key
        waits = {n: key for n, key in self._under_way.items() if self._made.get(n) != key}
        if stale and (stale == waits or self._goes_on(prepared, stale)):
            return
        self.stop()
        if stale:
            self._make(prepared, request, stale)

    def _goes_on(self, prepared, stale) -> bool:
        """Whether what is made of fewer rows is to be finished first: more always follow."""
        asked = {name: key[1] for name, key in stale.items()}
        made = {name: key[1] for name, key in self._under_way.items()}
        return prepared.scan.growing and bool(made) and asked.items() >= made.items()

    def _make(self, prepared, request, stale: dict[str, object]) -> None:
        self._under_way, session = stale, self._session
        meter = session.begin(EXTRA)
        context = Context(session.engine, prepared, request, meter)

        def run():
            for name, key in stale.items():
                meter.begin(self.TABLE[name].title)
                try:
                    result = self.TABLE[name].make(context)
                    meter.check()
                except Cancelled:
                    raise
                except Exception as error:
                    # One that fails keeps none of the others back, and says why once.
                    result = Refused(words.sentence(error))
                result = over_scan(result, prepared.scan.rows)
                session.later(partial(self._take, name, key, result))

        def done(result, error, seconds):
            meter.end()
            if error is not None:
                session.fail(error)
            if prepared.scan.growing:
                session.later(partial(self._look_again, stale))

        session.submit(EXTRA, run, done, delay=session.settle)

    def _look_again(self, done) -> None:
        """Go on with the rows that have come meanwhile."""
        if self._under_way is done:
            self._under_way = {}
            self._follow()

    def _take(self, name: str, key, result) -> None:
        """Note what a result was made of, and set it."""
        self._made[name] = key
        self.param.update(**{name: result})
        if isinstance(result, Refused):
            self._session.told.error = result.sentence

    def stop(self) -> None:
        """End what is under way."""
        if self._under_way:
            self._under_way = {}
            self._session.stop(EXTRA)
