"""Sliders, choices and switches: the instrument's front panel."""

from collections.abc import Callable, Iterable

import panel as pn
import param

from app.pipeline.hands import hands
from app.state.link import keys_of
from app.state.ties import Ties
from app.views.assets import asset
from app.views.component import Component, finite

MOVES = "#moves"
"""Entry among a group's values: how often a hand has moved each of its controls."""


class Controls(Component):
    """A group of controls, drawn by one script from descriptions.

    Each number has a slider with a typed value, its unit and a reset. Arrow keys move it by a
    step, with shift by ten; a double click resets it. Values that are typed may lie beyond the
    slider's ends, within the hard bounds.
    """

    specs = param.List([], doc="Descriptions of the controls, in order; see assets/controls.js.")
    values = param.Dict({}, doc="Name -> value.")
    notes = param.Dict({}, doc="Name -> a word beside the label, such as where a value came from.")
    disabled = param.List([], doc="Names of the controls that cannot be used now.")
    hidden = param.List([], doc="Names of the controls that are not shown now.")
    locked = param.List([], doc="Names that are locked, among those that a control's `lock` lists.")
    hands = param.Dict({}, doc="Name -> who else has a hand on the control, which waits for it.")
    layout = param.Selector(default="stack", objects=["stack", "line"])

    heard = ("values", "locked")

    _esm = asset("controls.js")
    _stylesheets = [asset("controls.css")]  # noqa: RUF012 - Panel declares it so

    @property
    def _debounce(self) -> int:
        # Panel waits 50 ms before it looks at a change; a hand on a slider sees that.
        return hands.wait_ms()

    def __init__(self, specs: Iterable[dict] = (), **params):
        if params.get("layout") == "line":
            params = {"css_classes": ["line"], "margin": 0} | params
        params = {"sizing_mode": "stretch_width", "margin": 0} | params
        super().__init__(specs=list(specs), **params)
        self._states: dict[str, param.Parameterized] = {}
        self._ties = Ties()
        self._pressed: dict[str, Callable[[], None]] = {}
        self._moves: dict[str, int] = {}
        self.param.watch(self._to_state, "values")

    @classmethod
    def of(cls, state: param.Parameterized, names: Iterable[str], changes=None, **params):
        """Controls of the parameters `names` of `state`, kept equal in both directions.

        Parameters
        ----------
        state : Parameterized
        names : iterable of str
        changes : dict of str to dict, optional
            Entries that differ from what a parameter itself says.
        """
        changes = changes or {}
        controls = cls([spec(state, name) | changes.get(name, {}) for name in names], **params)
        controls.bind(state, names)
        return controls

    def bind(self, state: param.Parameterized, names: Iterable[str]) -> None:
        """Keep the values `names` equal to the parameters of `state`."""
        names = list(names)
        self._states |= dict.fromkeys(names, state)
        self.values = self.values | {name: getattr(state, name) for name in names}
        self._ties.tie(state, self._from_state, *names)

    def parameters(self) -> dict[str, tuple[param.Parameterized, tuple[str, ...]]]:
        """Name of each control -> the state that it sets, and which of its parameters."""
        return {name: (state, (name,)) for name, state in self._states.items()}

    def add_button(self, after: str, described: dict, action: Callable[[], None]) -> None:
        """Put a button below the control `after`, with the name, label and doc of `described`."""
        at = 1 + [each["name"] for each in self.specs].index(after)
        self.specs = [*self.specs[:at], {"kind": "button"} | described, *self.specs[at:]]
        self.on_press(described["name"], action)

    def on_press(self, name: str, action: Callable[[], None]) -> None:
        """Call `action` when the button `name` is pressed."""
        self._pressed[name] = action

    def _from_state(self, *events):
        news = {event.name: event.new for event in events}
        if any(self.values.get(name) != value for name, value in news.items()):
            self.values = self.values | news

    def _moved(self, event) -> set[str] | None:
        """Which controls a hand has moved; None where nothing counts that."""
        moves = event.new.get(MOVES)
        if not isinstance(moves, dict):
            return None
        moved = {name for name, count in moves.items() if self._moves.get(name) != count}
        self._moves = dict(moves)
        return moved

    def _of_hand(self, event) -> dict:
        """What a hand has set; the browser counts how often, for each control.

        What stands beside that in its message may be older than what others have set meanwhile:
        it is shown again as it is.
        """
        moved = self._moved(event)
        if moved is None:
            return event.new
        stale = {
            name: getattr(state, name)
            for name, state in self._states.items()
            if name not in moved and event.new.get(name) != getattr(state, name)
        }
        if stale:
            self.values = event.new | stale
        return {name: value for name, value in event.new.items() if name in moved}

    def _to_state(self, event):
        new = self._of_hand(event)
        for state in set(self._states.values()):
            of_it = {n: value for n, value in new.items() if self._states.get(n) is state}
            try:
                changed = {n: value for n, value in of_it.items() if getattr(state, n) != value}
                for name, value in changed.items():
                    numeric = isinstance(state.param[name], param.Number)
                    if numeric and value is not None and finite(value) is None:
                        raise ValueError("no number")  # such as NaN, which is beyond no bound
                if changed:
                    if pn.state.curdoc is not None:
                        hands.move(pn.state.curdoc)
                    state.param.update(**changed)
            except (ValueError, TypeError, OverflowError):
                # What the browser may send is checked by the state; it shows what stands there.
                self.values = self.values | {name: getattr(state, name) for name in of_it}

    def _handle_msg(self, message):
        name = message.get("press") if isinstance(message, dict) else None
        action = self._pressed.get(name) if isinstance(name, str) else None
        if action is not None:
            action()

    def close(self) -> None:
        """End the tie to the state."""
        self._ties.untie()
        super().close()
        self._pressed.clear()


def spec(state: param.Parameterized, name: str) -> dict:
    """The description of a control for the parameter `name`, from what the parameter says.

    A label's "(unit)" at its end becomes the unit; soft bounds are the slider's ends.
    """
    parameter = state.param[name]
    label, unit = parameter.label, ""
    if label.endswith(")") and " (" in label:
        label, unit = label[:-1].rsplit(" (", 1)
    common = {"name": name, "label": label, "doc": parameter.doc or ""}
    if key := keys_of(type(state)).get(name):
        common["key"] = key  # in the page's address
    if isinstance(parameter, param.Boolean):
        return common | {"kind": "switch"}
    if isinstance(parameter, param.Selector):
        options = [(value, str(value)) for value in parameter.objects]
        return common | {"kind": "segments" if len(options) <= 4 else "choice", "options": options}
    if not isinstance(parameter, param.Number):
        return common  # the caller says how it is chosen
    whole = isinstance(parameter, param.Integer)
    low, high = parameter.bounds or (None, None)
    ends = parameter.softbounds or parameter.bounds
    start, end = ends if ends and None not in ends else (None, None)
    # A slider over a hundred thousand steps moves nothing sensibly: those are typed.
    step = parameter.step or (1 if whole else 0.01)
    kind = "entry" if start is None or (end - start) / step > 20_000 else "number"
    return common | {
        "kind": kind,
        "unit": unit,
        "start": start,
        "end": end,
        "step": step,
        "low": low,
        "high": high,
        "reset": parameter.default,
        "whole": whole,
    }
