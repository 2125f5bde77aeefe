"""The page's address, which carries all that is set: written a moment after the hand rests."""

from collections.abc import Callable
from time import monotonic
from urllib.parse import urlencode

import panel as pn

from app.state.experiment import Experiment
from app.state.link import from_query, to_query
from app.state.ties import Ties

LINK_MS = 400
"""How long the address waits for the hand to rest."""
LATEST_S = 2.0
"""How long at most, while the hand goes on: the page remembers a little more by itself."""

LOOKING_ON = 5
"""So many times longer it waits where another page's hand moves: what it holds is not this page's,
and to write it takes as long as a third of a picture."""


class Address:
    """Keeps the browser's address equal to an experiment.

    Parameters
    ----------
    experiment : Experiment
    catalogue : Catalogue
        Its `default` is the scan of an address without one.
    after : callable
        `after(milliseconds, action)` calls `action()` once, later.
    looks_on : callable
        Whether what changes comes of another page's hand: it is written later then.
    """

    def __init__(self, experiment: Experiment, catalogue, after: Callable, looks_on=lambda: False):
        self.experiment = experiment
        self.default = getattr(catalogue, "default", "demo")
        self._after, self._timer, self._ties, self._looks_on = after, None, Ties(), looks_on
        self.room = ""
        """What brings the page back into its room; empty while it is in none."""
        self._first = self._last = 0.0  # when changes were made that are not written yet

    def restore(self, query) -> list[str]:
        """Set the experiment from an address's entries; what cannot be used, in sentences."""
        return from_query(self.experiment, {"dataset": self.default} | dict(query))

    def watch(self) -> None:
        """Follow the experiment."""
        for state in self.experiment.parts().values():
            self._ties.tie_whole(state, self._changed)

    def query(self) -> dict[str, str]:
        """The entries of the address."""
        query = self.state()
        return {"room": self.room} | query if self.room else query

    def state(self) -> dict[str, str]:
        """The same without the room: what a link to the picture, and a saved file, carry."""
        query = to_query(self.experiment)
        dataset = self.experiment.scan.dataset
        if dataset == self.default:
            query.pop("dataset", None)
        else:
            query["dataset"] = dataset
        return query

    def again(self) -> None:
        """Write it soon, whether anything was set or not."""
        self._changed()

    def _changed(self, *events) -> None:
        self._last = monotonic()
        if self._timer is None and self._ties:
            self._first = self._last
            self._timer = self._after(LINK_MS, self._rested)

    def _rested(self) -> None:
        now = monotonic()
        times = LOOKING_ON if self._looks_on() else 1
        rests_in = self._last + times * LINK_MS / 1e3 - now
        if rests_in > 0 and now - self._first < times * LATEST_S:
            self._timer = self._after(int(1e3 * rests_in) + 1, self._rested)
        else:
            self._timer = None
            self._write()

    def _write(self) -> None:
        if not self._ties:
            return
        query = urlencode(self.query())
        search = f"?{query}" if query else ""
        location = pn.state.location
        if location is not None and location.search != search:
            location.search = search

    def close(self) -> None:
        """Follow no more."""
        self._ties.untie()
