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


class PresetMenu(_Part):
    """Names to choose from, and a box for a new one.

    Messages: "list" when it opens, "save" with `name`, `kind` and `overwrite`, "load" and "delete"
    with `name`. `answer` answers each of them.
    """

    items = param.List([], doc="[name, kind] of each.")
    kinds = param.List([], doc="[kind, words] to choose from.")
    said = param.String("", doc="What came of the last message.")
    refused = param.Boolean(False, doc="Whether that was a refusal.")
    answers = param.Integer(0)

    _esm = asset("presets.js")
    _stylesheets = [asset("tools.css")]  # noqa: RUF012 - Panel declares it so

    def answer(self, items: list, said: str, refused: bool) -> None:
        """Show what is kept, and what was done or why it was not."""
        self.param.update(items=items, said=said, refused=refused)
        self.answers += 1
