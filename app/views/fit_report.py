"""What a fit found: a line, and the values behind it."""

import param

from app.views.assets import asset
from app.views.shell import _Part


class FitReport(_Part):
    """A sentence with a table under it that can be folded away; nothing where both are empty."""

    summary = param.String("")
    rows = param.List([], doc="(name, value, unit) of each.")
    remark = param.String("")
    stale = param.Boolean(False, doc="Whether other values are set than those that were found.")
    action = param.String("", doc='Label of a button below, which sends "act".')

    _esm = asset("fit_report.js")
    _stylesheets = [asset("fit_report.css")]  # noqa: RUF012 - Panel declares it so

    def __init__(self, **params):
        super().__init__(**({"sizing_mode": "stretch_width"} | params))

    def say(self, summary: str = "", rows=(), remark: str = "", action: str = "") -> None:
        """Show these, in place of what was shown."""
        shown = [list(row) for row in rows]
        self.param.update(summary=summary, rows=shown, remark=remark, action=action)
