"""What is done to the electrons before anything is summed: masks, places, distortions."""

from app.features.feature import Feature
from app.views.corrections import Corrections


class Correcting(Feature):
    """The controls under *Corrections*.

    Parameters
    ----------
    page : app.page.page.Page
    """

    def __init__(self, page):
        self.corrections = Corrections(page.experiment.treatment)

    def take(self, topic, value) -> None:
        """Say what was done to the scan."""
        if topic == "scan":
            self.corrections.say(value)

    def roots(self) -> dict:
        """The controls."""
        return {"corrections": self.corrections.controls}

    def close(self) -> None:
        """End the ties to the state."""
        self.corrections.close()
