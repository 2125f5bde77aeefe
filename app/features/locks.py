"""The locks beside the coefficients: what a fit leaves alone."""

from app.state.ties import Ties
from recon.optics import COEFFICIENTS, TERMS

LOCKS = {
    "defocus": ["C10"],
    **{name: [name] for name in COEFFICIENTS if name != "C10"},
    **{term.name: list(term.coefficients) for term in TERMS if term.m},
}
"""What the lock of a slider stands for; in polar form, both parts of a term."""


class Locks:
    """Keeps the locks of the sliders and `FitState.locked` equal.

    Parameters
    ----------
    state : FitState
    groups : list of Controls
        The groups that hold sliders of coefficients.
    """

    def __init__(self, state, groups):
        self._state, self._groups = state, groups
        for group in groups:
            group.specs = [
                each | ({"lock": LOCKS[each["name"]]} if each["name"] in LOCKS else {})
                for each in group.specs
            ]
        self._ties = Ties().tie(state, self._show, "locked")
        for group in groups:
            self._ties.tie(group, self._take, "locked")
        self._show()

    def _show(self, *events):
        for group in self._groups:
            if group.locked != self._state.locked:
                group.locked = list(self._state.locked)

    def _take(self, event):
        try:
            self._state.locked = list(event.new)
        except ValueError:  # the browser may send anything
            self._show()

    def close(self) -> None:
        """End the ties."""
        self._ties.untie()
