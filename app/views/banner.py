"""A line that says which mode a click is in, and how to leave it."""

import param

from app.views.assets import asset
from app.views.shell import _Part


class Banner(_Part):
    """Words over a figure while clicks there mean something else; empty: it is not there.

    Its button and the key Esc send the message "close".
    """

    text = param.String("")

    _esm = asset("banner.js")
    _stylesheets = [asset("banner.css")]  # noqa: RUF012 - Panel declares it so

    def __init__(self, **params):
        super().__init__(**({"sizing_mode": "stretch_width", "visible": False} | params))

    def say(self, text: str) -> None:
        """Show `text`, or nothing."""
        self.param.update(text=text, visible=bool(text))
