"""Undo, redo and compare, in the head of the page."""

import param

from app.views.assets import asset
from app.views.shell import _Part


class Tools(_Part):
    """Three buttons, and the keys of the first two.

    Messages: "undo", "redo", "compare".
    """

    undo = param.String("", doc="What would be undone; empty where there is nothing.")
    redo = param.String("")
    comparing = param.Boolean(False)

    _esm = asset("tools.js")
    _stylesheets = [asset("tools.css")]  # noqa: RUF012 - Panel declares it so
