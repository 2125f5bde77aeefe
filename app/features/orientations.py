"""A contact sheet of the ways in which the scan can lie on the detector."""

from app.features import Feature
from app.orienting import SHEET, TOPIC, Oriented, chosen, orientation_job, sheet_page


class Orientations(Feature):
    """The button beside the rotation, and the sheet that it fills.

    Parameters
    ----------
    page : Page
    """

    sheets = (SHEET,)

    def __init__(self, page):
        self.page = page
        self._found: Oriented | None = None
        self._dataset = ""
        button = {
            "name": "orientations",
            "label": "Orientations…",
            "doc": "Eight ways of laying the scan on the detector, judged twice: choose one",
        }
        page.panels.calibration.add_button("turn", button, self.ask)
        scan = page.experiment.scan
        self._watcher = (scan, scan.param.watch(self._mark, ["rotation_deg", "transpose"]))

    def ask(self) -> None:
        """Have the orientations judged."""
        self.page.pipeline.aside.perform(orientation_job())

    def take(self, topic: str, value) -> None:
        """Hear of a result."""
        if topic == TOPIC:
            self._found = value
            self.page.sheet.show(sheet_page(value, self._chosen()))
        elif topic == "scan" and value.dataset != self._dataset:
            self._dataset, self._found = value.dataset, None
            if self.page.sheet.showing(SHEET):
                self.page.sheet.hide()

    def act(self, sheet: str, key: str, action: str) -> None:
        """Do what a button of the sheet says."""
        candidates = self._found.sheet.candidates if self._found else ()
        if action == "pick" and key.isdecimal() and int(key) < len(candidates):
            one = candidates[int(key)]
            # As a hand's change: nothing looks for another orientation any more.
            self.page.experiment.scan.param.update(
                rotation_deg=round(one.rotation_deg, 2), transpose=one.transpose
            )

    def _chosen(self) -> str | None:
        scan = self.page.experiment.scan
        return chosen(self._found, scan.rotation_deg, scan.transpose)

    def _mark(self, *events) -> None:
        if self._found is not None and self.page.sheet.showing(SHEET):
            self.page.sheet.choose(self._chosen())

    def close(self) -> None:
        """Let go of everything."""
        state, watcher = self._watcher
        state.param.unwatch(watcher)
        self._found = None
