"""What was found in a file, and what it does not say of its scan: shape, timing, which array."""

from functools import partial

from app.state.question import FIELDS, NO_TRIGGER
from app.state.scan import ScanState
from app.state.ties import Ties
from app.views.controls import Controls
from app.views.text import Text

CONTROLS = {
    "scan_rows": {"label": "Scan rows", "kind": "entry"},
    "scan_columns": {"label": "Scan columns", "kind": "entry"},
    "dwell_us": {"label": "Dwell time", "kind": "entry"},
    "trigger": {"label": "Line trigger", "kind": "choice"},
}
TIMED = ("dwell_us", "trigger")
SHAPE = ("scan_rows", "scan_columns")


class ScanShape:
    """Fields that appear when a file asks, and stay where they were answered.

    Parameters
    ----------
    scan : ScanState
    """

    def __init__(self, scan: ScanState):
        self._scan, self._question, self._buttons = scan, None, []
        self.controls = Controls.of(scan, CONTROLS, CONTROLS)
        self.controls.bind(scan, ["array"])
        self._fields, self._arrays = list(self.controls.specs), []
        self.found = Text(css_classes=["statements"])
        self._ties = Ties().tie(scan, self._show, *FIELDS)
        self._show()

    def ask(self, question) -> None:
        """Show a question's fields, and a button for each shape that fits; None: it is answered."""
        self._question = question
        buttons = []
        for number, shape in enumerate(question.shapes if question else ()):
            name = f"shape_{number}"
            buttons.append(
                {
                    "name": name,
                    "kind": "button",
                    "label": "{} × {}".format(*shape),
                    "doc": "Rows × columns",
                }
            )
            self.controls.on_press(name, partial(self._answer, shape))
        if question is not None and question.arrays:
            self._arrays = [(name, f"{name} ({words})") for name, words in question.arrays]
        self._buttons = buttons
        if question is not None:
            self.found.say(question.sentence)
        self._show()

    def say(self, summary) -> None:
        """Say what was found, and what is doubtful about it."""
        self.found.say("\n".join([summary.found, *summary.notes]).strip())

    def _answer(self, shape):
        self._scan.param.update(scan_rows=shape[0], scan_columns=shape[1])

    def _show(self, *events):
        scan, question = self._scan, self._question
        timed = scan.dwell_us is not None or scan.trigger != NO_TRIGGER
        shaped = scan.scan_rows is not None or scan.scan_columns is not None
        asked, several = question is not None, bool(question and question.arrays)
        self.controls.specs = self._fields + self._choice(several) + self._buttons
        self.controls.visible = asked or timed or shaped or bool(scan.array)
        hidden = [] if timed or (asked and question.timed) else list(TIMED)
        if not shaped and (several or not (asked or timed)):
            hidden += SHAPE
        self.controls.hidden = hidden

    def _choice(self, several):
        """The control that says which array it is, where that was asked."""
        scan = self._scan
        if not several and not scan.array:
            return []
        arrays = self._arrays if several or scan.array in dict(self._arrays) else []
        options = [("", "choose")] if not scan.array else []
        if not arrays:
            arrays = [(scan.array, scan.array)]
        return [
            {
                "name": "array",
                "label": "Array",
                "doc": scan.param.array.doc,
                "kind": "choice",
                "options": options + arrays,
            }
        ]

    def close(self) -> None:
        """End the ties to the state."""
        self._ties.untie()
        self.controls.close()
