"""The guide, under *Help*."""

from app.features.feature import Feature
from app.views.guide import Guide


class Help(Feature):
    """What the button in the head of the page opens."""

    def __init__(self, page):
        super().__init__(page)
        self.guide = Guide()

    def roots(self) -> dict:
        """The guide, over the images."""
        return {"guide": self.guide}

    def close(self) -> None:
        """Answer no more."""
        self.guide.close()
