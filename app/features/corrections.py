"""What is done to the electrons before anything is summed: masks, places, distortions."""

from app.features.feature import Feature
from app.views.corrections import Corrections


class Correcting(Feature):
    """The controls under *Corrections*."""

    def __init__(self, page):
        super().__init__(page)
        self.corrections = Corrections(page.experiment.treatment)
        scan = page.pipeline.preparing.param.scan
        self._ties.show(scan, self.corrections.say)

    def roots(self) -> dict:
        """The controls."""
        return {"corrections": self.corrections.controls}

    def close(self) -> None:
        """End the ties."""
        super().close()
        self.corrections.close()
