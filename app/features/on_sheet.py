"""What is asked for once, computed aside, and shown on a page of the sheet."""

import numpy as np

from app.features.feature import Feature
from app.pipeline.jobs import Answer, Job


class OnSheet(Feature):
    """A button's work and what it shows; a kind of it says `job` and `show`.

    Parameters
    ----------
    page : app.page.page.Page
    """

    def __init__(self, page):
        super().__init__(page)
        self.answer = Answer()
        self._ties.hear(self.answer.param.result, self.show)

    def ask(self) -> None:
        """Have it made with what is set."""
        self.page.pipeline.aside.perform(self.job(), self.answer)

    def job(self) -> Job:
        """The work."""
        raise NotImplementedError

    def show(self, result) -> None:
        """Show what was found."""
        raise NotImplementedError


def contrast(images) -> tuple[float, float]:
    """One scale of grey for all images: values of black and white, but for the last 0.2 %."""
    low, high = map(float, np.percentile(images, (0.2, 99.8)))
    return low, high if high > low else low + 1.0
