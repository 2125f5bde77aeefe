"""What the save menu makes: a figure as it is seen, or a file computed exactly."""

from collections.abc import Callable
from threading import Thread

from app.views.shell import Saver
from app.words import sentence


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
    """

    def __init__(self, pipeline, post: Callable, refuse: Callable[[str], None]):
        self.pipeline, self._post, self._refuse = pipeline, post, refuse
        self.saver = Saver()

    def save(self, kind: str, figure, contrast: str) -> None:
        """Make a file: "png" of a Bokeh figure that shows `contrast`, "tiff" or "hdf5"."""
        if kind == "png":
            self.saver.hand_over_figure(f"{self._title()}-{contrast}.png", figure)
        elif kind in ("tiff", "hdf5") and not self.saver.busy:
            self.saver.busy = True
            self._begin(kind)

    def _begin(self, kind: str) -> None:
        """Have a thread make the file of what is set now."""
        try:
            work = self.pipeline.to_save(kind)
        except ValueError as error:
            self._failed(sentence(error))
        else:
            Thread(target=self.make, args=(work,), daemon=True).start()

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
