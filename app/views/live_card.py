"""What the microscope does, in words, and the scans that it has made."""

from typing import ClassVar

import param

from app.views.assets import asset
from app.views.shell import _Part


class LiveCard(_Part):
    """The card *Live*.

    Messages: "follow" and "hold"; "show" with the name of a scan; "play" and "stop" of the
    demonstration; "convention" with a name.
    """

    state = param.String("", doc='"waiting", "scanning" or "stopped"; empty without a microscope.')
    head = param.String("", doc="Source and address.")
    sentence = param.String("", doc="What was told last.")
    facts = param.List([], doc="(what, how much) of the scan under way, or of the last one.")
    share = param.Number(0.0, doc="Of its rows that have come.")
    following = param.Boolean(False)
    provisional = param.List([], doc="Sentences on what is not final yet.")
    scans = param.List([], doc="(name, title, picture) of the last scans, the latest first.")
    shown = param.String("", doc="Name of the one that is open.")
    correction = param.String("", doc="What to change on the microscope.")
    frame = param.String("", doc="What its angle is measured in.")
    convention = param.String("")
    conventions = param.List([], doc="(name, title)")
    playing = param.Boolean(False, doc="Whether the demonstration is played.")
    can_play = param.Boolean(True, doc="Whether it can be.")

    heard: ClassVar[tuple[str, ...]] = ()

    _esm = asset("live_card.js")
    _stylesheets = [asset("live_card.css")]  # noqa: RUF012 - Panel declares it so

    def __init__(self, **params):
        super().__init__(**({"sizing_mode": "stretch_width"} | params))
