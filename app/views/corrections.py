"""Controls of what is done to the electrons, each with what it has found."""

from app.state.ties import Ties
from app.state.treatment import TreatmentState
from app.views.controls import Controls

CONTROLS = {
    "mask_faulty": {"label": "Mask faulty pixels"},
    "descan": {},
    "round_disc": {},
    "shear": {"label": "Shear", "kind": "entry", "unit": "steps"},
    "subpixel": {
        "label": "Sub-pixel",
        "kind": "segments",
        "options": [("auto", "auto"), (1, "off"), (2, "½"), (4, "¼"), (8, "⅛"), (16, "1⁄16")],
    },
}


class Corrections:
    """Switches beside which stands what was measured.

    Parameters
    ----------
    treatment : TreatmentState
    """

    def __init__(self, treatment: TreatmentState):
        self._treatment, self._places = treatment, False
        self.controls = Controls.of(treatment, CONTROLS, CONTROLS)
        self.controls.specs = [*self.controls.specs, {"name": "said", "kind": "text", "label": ""}]
        self._ties = Ties().tie(treatment, self._show, "subpixel")
        self._show()

    def say(self, summary) -> None:
        """Show what a `ScanSummary` says was done."""
        self._places = summary.places
        said = self.controls.values | {"said": " ".join(summary.corrected)}
        self.controls.param.update(notes=dict(summary.corrections), values=said)
        self._show()

    def _show(self, *events) -> None:
        # What a link has set where it cannot be used must be possible to take back.
        usable = self._places or self._treatment.subpixel not in ("auto", 1)
        self.controls.disabled = [] if usable else ["subpixel"]

    def close(self) -> None:
        """End the ties to the state."""
        self._ties.untie()
        self.controls.close()
