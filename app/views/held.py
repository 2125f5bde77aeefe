"""A picture that is held beside the live one."""

from collections.abc import Callable, Mapping

import param

from app.state.display import DisplayState
from app.views.assets import asset
from app.views.frame import Link
from app.views.shell import _Part
from app.views.slot import Slot


class HeldHead(_Part):
    """What tells the live picture from the held one, and what can be done with both.

    Messages: "swap", "drop", "scale".
    """

    differs = param.String("", doc="What was changed since; empty while nothing was.")
    waiting = param.Boolean(False, doc="Whether A, or B before a swap, has yet to be computed.")
    reading = param.String("", doc="What lies under the pointer; takes the words' place.")
    common = param.Boolean(True, doc="Whether both have the held picture's limits.")

    _esm = asset("held.js")
    _stylesheets = [asset("held.css")]  # noqa: RUF012 - Panel declares it so


class HeldSlot(Slot):
    """Shows the large image's contrast, until it is to stay as it is.

    Parameters
    ----------
    state : DisplayState
    link : Link
        Shared with the live picture.
    results : mapping of str to Parameter
        As `Slot` takes them; followed until it is to stay.
    drawn : callable
        Called when the picture was drawn anew, and with it its limits.
    """

    called = "held"

    def __init__(
        self,
        state: DisplayState,
        link: Link,
        results: Mapping[str, param.Parameter],
        drawn: Callable[[], None],
        **params,
    ):
        self._drawn = lambda: None
        self._stays = False
        super().__init__(state, "slot_main", link, results, large=True, **params)
        self.readout.visible = False
        self._drawn = drawn

    def _make_controls(self):
        return HeldHead(sizing_mode="stretch_width", align="center")

    @property
    def head(self) -> HeldHead:
        """Words and buttons above the picture."""
        return self.controls

    def hold(self, results: Mapping[str, object]) -> None:
        """Show these results in place of those that were held."""
        self._stays, self._instead = True, dict.fromkeys(self.references) | dict(results)
        self._choose()

    def stay(self) -> None:
        """Hold what is shown now."""
        self._stays, self._instead = True, dict.fromkeys(self.references) | self.results

    def _take(self, name: str, result) -> None:
        if not self._stays:
            super()._take(name, result)

    def draw(self, moving: bool = False) -> None:
        """Draw the chosen contrast, and have the live picture follow."""
        self._hint = f"{self.entry.title} was not there when A was held."
        super().draw(moving)
        if self.mode.text == "exact":
            self.mode.say("")  # what is held is meant to be; a draft has to be said
        self._drawn()

    def _restyle(self, *events) -> None:
        super()._restyle(*events)
        self._drawn()

    def close(self) -> None:
        """Let go of the state, of the figures and of the live picture."""
        self._drawn = lambda: None
        super().close()

    def _tell(self, reading: str) -> None:
        self.head.reading = reading
