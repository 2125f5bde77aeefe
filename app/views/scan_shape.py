"""What was found in a file, and what it does not say of its scan: shape and timing."""

from functools import partial

from app.question import FIELDS, NO_TRIGGER
from app.scan_state import ScanState
from app.views.controls import Controls
from app.views.text import Text

CONTROLS = {
    "scan_rows": {"label": "Scan rows", "kind": "entry"},
    "scan_columns": {"label": "Scan columns", "kind": "entry"},
    "dwell_us": {"label": "Dwell time", "kind": "entry"},
    "trigger": {"label": "Line trigger", "kind": "choice"},
}
TIMED = ("dwell_us", "trigger")


class ScanShape:
    """Fields that appear when a file asks, and stay where they were answered.

    Parameters
    ----------
    scan : ScanState
    """

    def __init__(self, scan: ScanState):
        self._scan, self._question = scan, None
        self.controls = Controls.of(scan, CONTROLS, CONTROLS)
        self._fields = list(self.controls.specs)
        self.found = Text(css_classes=["statements"])
        self._watcher = scan.param.watch(self._show, list(FIELDS))
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
        self.controls.specs = self._fields + buttons
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
        asked = question is not None
        self.controls.visible = asked or timed or shaped
        self.controls.hidden = [] if timed or (asked and question.timed) else list(TIMED)

    def close(self) -> None:
        """End the ties to the state."""
        self._scan.param.unwatch(self._watcher)
        self.controls.close()
