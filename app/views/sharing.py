"""The card of links, and who else is here."""

import param

from app.views.assets import asset
from app.views.shell import _Part


class ShareCard(_Part):
    """Three links: this picture, to watch, to steer.

    Messages: "invite" as it is opened, "taken" with a `link` to a room, "qr" with a `text`, "life"
    with one of `lives`, "renew", "end".
    """

    watch = param.String("", doc="What a link to watch holds; empty until it is there.")
    steer = param.String("", doc="The same of one to steer.")
    rooms = param.Boolean(True, doc="Whether links to a room are offered.")
    life = param.String("day")
    lives = param.List([], doc="(value, words) of how long links may last.")
    runs_out = param.String("", doc="When the links run out, in words.")
    qr = param.String("", doc="A picture of a link, as SVG.")
    qr_of = param.String("", doc="The link that it is of.")

    _esm = asset("share.js")
    _stylesheets = [asset("share.css")]  # noqa: RUF012 - Panel declares it so


class Presence(_Part):
    """Who is in the room, whom one follows, and what is being changed.

    Messages: "name" with a `name`, "follow" with a `number` or 0.
    """

    people = param.List([], doc="Dicts with number, name, colour, role, me.")
    follows = param.Integer(0, doc="Number of whose zoom is followed; 0 for nobody.")
    named = param.Boolean(False, doc="Whether one's name is that of a login.")
    ended = param.String("", doc="Why the room has ended, in words; empty while it has not.")
    alone = param.String("", doc="The query of an address that goes on alone from here.")
    leaving = param.Boolean(False, doc="Whether the page is to go on alone at once.")

    _esm = asset("presence.js")
    _stylesheets = [asset("share.css")]  # noqa: RUF012 - Panel declares it so
