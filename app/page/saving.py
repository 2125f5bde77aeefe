"""What the save menu makes: a figure as it is seen, or a file computed exactly."""

from collections.abc import Callable
from threading import Thread
from urllib.parse import urlencode

import panel as pn

from app.state.link import mark
from app.views.shell import Saver
from app.words import clip, sentence


class Saving:
    """Makes the files of one session and hands them to the browser.

    Parameters
    ----------
    pipeline
        Its `to_save(kind)` gives what makes the file.
    post : callable
        Runs a function soon on the session's thread.
    refuse : callable
        Takes a sentence for the user.
    query : callable
        The entries of the page's address, which a picture, TIFF, HDF5 and report remember.
    fitted : callable
        The record of the fit whose values are set; None without one.
    """

    def __init__(
        self,
        pipeline,
        post: Callable,
        refuse: Callable[[str], None],
        query: Callable,
        fitted: Callable = lambda: None,
    ):
        self.pipeline, self._post, self._refuse, self._query = pipeline, post, refuse, query
        self._fitted = fitted
        self.saver = Saver()
        self.saver.on("foreign", self._foreign)

    def save(self, kind: str, figure, contrast: str) -> None:
        """Make a file: "png" of a Bokeh figure that shows `contrast`, or one computed exactly."""
        if kind == "png":
            session = mark(self._query())
            self.saver.hand_over_figure(f"{self._title()}-{contrast}.png", figure, session)
        elif not self.saver.busy:
            self.saver.busy = True
            self._begin(kind)

    def _begin(self, kind: str) -> None:
        """Have a thread make the file of what is set now."""
        try:
            query, fit = self._query(), self._fitted()
            address = _address(query)
            work = self.pipeline.to_save(kind, mark(query), fit=fit, address=address)
        except ValueError as error:
            self._failed(sentence(error))
        else:
            Thread(target=self.make, args=(work,), daemon=True).start()

    def _foreign(self, message) -> None:
        name = clip(str(message.get("name", "")), 60)
        self._refuse(
            f"{name} remembers no session of livestem: drop a PNG, TIFF, HDF5 or HTML file that "
            "was saved here. A scan is opened by Open…"
        )

    def make(self, work: Callable) -> None:
        """Make the file by `work()`; from any thread."""
        try:
            made = work()
        except Exception as error:
            why = sentence(error)
            self._post(lambda: self._failed(why))
        else:
            self._post(lambda: self._made(made))

    def _made(self, made) -> None:
        self.saver.hand_over(made.filename, bytes(made.data))
        if made.warning:
            self._refuse(made.warning)

    def _failed(self, sentence: str) -> None:
        self.saver.busy = False
        self._refuse(sentence)

    def _title(self) -> str:
        summary = self.pipeline.preparing.scan
        if summary is None:
            return "livestem"
        share = summary.dose_share
        return summary.title if share == 1 else f"{summary.title}-{100 * share:g}-percent-dose"


def _address(query) -> str:
    """Where the browser finds the page with these entries; "" before it has told."""
    href = getattr(pn.state.location, "href", None)
    return f"{href.partition('?')[0].partition('#')[0]}?{urlencode(query)}" if href else ""
