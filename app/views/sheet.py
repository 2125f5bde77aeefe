"""A sheet over the images: pictures side by side, each with words and buttons.

It shows what was asked for once: orientations to choose from, a through-focus series, findings on
a scan. The control panel stays free, so that sliders can be moved while it lies there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import param

from app.views.assets import asset
from app.views.shell import _Part

LAYOUTS = ("grid", "strip", "rows")


@dataclass(frozen=True)
class Card:
    """One picture with its words.

    Attributes
    ----------
    key : str
        Of this card in messages.
    title : str
    lines : tuple of str
        Under the title; a line "name: value" is set as a pair.
    image : str
        Address of a picture, such as `picture` gives; empty for none.
    verdict : str
        "ok", "look" or "bad" marks the card; empty does not.
    chosen : bool
        Whether this is what is set now.
    actions : tuple of (name, label, hint)
        Buttons.
    """

    key: str
    title: str
    lines: tuple[str, ...] = ()
    image: str = ""
    verdict: str = ""
    chosen: bool = False
    actions: tuple[tuple[str, str, str], ...] = ()

    def described(self) -> dict:
        """The same for the browser."""
        return {
            "key": self.key,
            "title": self.title,
            "lines": list(self.lines),
            "image": self.image,
            "verdict": self.verdict,
            "chosen": self.chosen,
            "actions": [list(action) for action in self.actions],
        }


@dataclass(frozen=True)
class SheetPage:
    """All that a sheet shows.

    Attributes
    ----------
    name : str
        What kind of sheet it is; goes along with every message.
    title, lead : str
        Heading, and a sentence below it.
    cards : tuple of Card
    layout : {"grid", "strip", "rows"}
        Pictures with few words; a series that can be played; findings with many words.
    actions : tuple of (name, label, hint)
        Buttons of the whole sheet.
    """

    name: str
    title: str
    lead: str = ""
    cards: tuple[Card, ...] = ()
    layout: str = "grid"
    actions: tuple[tuple[str, str, str], ...] = field(default=())


class Sheet(_Part):
    """Shows one `SheetPage` over the images.

    `on_action(page_name, card_key, action_name)` is called for a button; the key is empty for
    those of the whole sheet. A click on a card's picture is the action "pick".
    """

    shown = param.Boolean(False)
    name_of_page = param.String("")
    title = param.String("")
    lead = param.String("")
    layout = param.Selector(default="grid", objects=list(LAYOUTS))
    cards = param.List([])
    actions = param.List([])

    _esm = asset("sheet.js")
    _stylesheets = [asset("sheet.css")]  # noqa: RUF012 - Panel declares it so

    def __init__(self, **params):
        super().__init__(**params)
        self.on_action: Callable[[str, str, str], None] | None = None
        self.on("close", lambda message: self.hide())
        self.on("act", self._act)

    def show(self, page: SheetPage) -> None:
        """Show a page, in place of what was shown."""
        self.param.update(
            name_of_page=page.name,
            title=page.title,
            lead=page.lead,
            layout=page.layout,
            cards=[card.described() for card in page.cards],
            actions=[list(action) for action in page.actions],
            shown=True,
        )

    def hide(self) -> None:
        """Take it away, and forget the pictures."""
        if self.shown:
            self.param.update(shown=False, cards=[])

    def showing(self, name: str) -> bool:
        """Whether a page of this name is shown."""
        return self.shown and self.name_of_page == name

    def choose(self, key: str | None) -> None:
        """Mark the card of this key as what is set now, and no other."""
        cards = [card | {"chosen": card["key"] == key} for card in self.cards]
        if cards != self.cards:
            self.cards = cards

    def _act(self, message) -> None:
        known = {card["key"] for card in self.cards} | {""}
        key, name = str(message.get("key", "")), str(message.get("name", ""))
        if self.on_action is not None and self.shown and key in known:
            self.on_action(self.name_of_page, key, name)

    def close(self) -> None:
        """Answer no more."""
        super().close()
        self.on_action = None
