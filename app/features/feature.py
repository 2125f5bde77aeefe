"""Parts of the page that each do one thing beside the sliders: a fit, a report, a comparison.

A feature takes the `Page` it belongs to, owns its views, asks for work through
`page.pipeline.aside`, and ties itself to the results that concern it. The page knows nothing of
what it does.
"""

from app.state.ties import Ties


class Feature:
    """What the page calls of a feature; each part may be left out.

    Parameters
    ----------
    page : app.page.page.Page
    """

    sheets: tuple[str, ...] = ()
    """Names of the sheet's pages whose buttons are this feature's."""

    def __init__(self, page):
        self.page, self._ties = page, Ties()

    def act(self, sheet: str, key: str, action: str) -> None:
        """Do what a button of the sheet says."""

    def roots(self) -> dict:
        """Views by their names in assets/page.html."""
        return {}

    def close(self) -> None:
        """Let go of everything."""
        self._ties.untie()
