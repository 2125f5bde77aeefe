"""The check of a scan: a report in a sheet, and what can be done about it at a click."""

from app.engine.health import check
from app.features.feature import Feature
from app.pipeline.jobs import Answer, Job
from app.views import findings
from app.views.controls import Controls


class Checking(Feature):
    """The button *Check the scan*, its sheet, and an offer where pixels are hot."""

    sheets = (findings.NAME,)

    def __init__(self, page):
        super().__init__(page)
        self._checked, self.answer = None, Answer()
        self._offered: set = set()  # readings whose hot pixels were told
        self._offer_number = 0
        self._current = ""
        self.controls = Controls(
            [
                {
                    "name": "check",
                    "kind": "button",
                    "label": "Check the scan",
                    "doc": "Hot and dead pixels, lost frames, beam current, flyback, descan",
                },
                {"name": "verdict", "kind": "text", "label": ""},
            ],
            values={"verdict": ""},
        )
        self.controls.on_press("check", self._check)
        treatment = page.experiment.treatment
        self._ties.tie_whole(treatment, self._show_again)
        self._ties.hear(self.answer.param.result, self._report)
        deriving = page.pipeline.deriving.param
        self._ties.show(page.pipeline.preparing.param.scan, self._follow)
        self._ties.show(deriving.faults, self._say_faults)
        self._ties.show(deriving.current, self._say_current)

    def _check(self) -> None:
        job = Job(
            "Checking the scan",
            check,
            # A report is of the scan as it is read, whatever is done to it meanwhile.
            about=lambda request: request.reading,
        )
        self.page.pipeline.aside.perform(job, self.answer)

    def _report(self, checked) -> None:
        self._checked = checked
        self.page.notices.dismiss(self._offer_number)
        self.controls.values = {"verdict": findings.verdict(checked)}
        self.page.sheet.show(self._sheet())

    def _say_faults(self, faults) -> None:
        self._say()
        self._offer(faults)

    def _say_current(self, current: str) -> None:
        if current and not self._current:
            self.page.notices.add(current, "notice")
        self._current = current
        self._say()

    def _say(self) -> None:
        """What is known of the scan before it is checked."""
        if self._checked is None:
            faults = self.page.pipeline.deriving.faults
            words = faults.words if faults else ""
            said = f"{words[:1].upper()}{words[1:]}." if words else ""
            verdict = " ".join(filter(None, [said, self._current]))
            self.controls.values = {"verdict": verdict}

    def _sheet(self):
        return findings.sheet(self._checked, self.page.experiment.treatment.value())

    def _show_again(self, *events) -> None:
        if self.page.experiment.treatment.mask_faulty:
            self.page.notices.dismiss(self._offer_number)
        if self._checked is not None and self.page.sheet.showing(findings.NAME):
            self.page.sheet.show(self._sheet())

    def _follow(self, summary) -> None:
        """Forget the report of another scan; look again where the same is read differently."""
        reading = self.page.experiment.request().reading
        if reading not in self._offered:
            self.page.notices.dismiss(self._offer_number)
        if self._checked is None or reading == self._checked.reading:
            return
        shown = self.page.sheet.showing(findings.NAME)
        same = reading.dataset == self._checked.reading.dataset
        self._checked = None
        self.controls.values = {"verdict": ""}
        if shown and same:
            self._check()
        elif shown:
            self.page.sheet.hide()

    def _offer(self, faults) -> None:
        masked = self.page.experiment.treatment.mask_faulty
        if not faults.hot or masked or faults.reading in self._offered:
            return
        self._offered.add(faults.reading)
        plural = "s are" if faults.hot > 1 else " is"
        self._offer_number = self.page.notices.add(
            f"{faults.hot} detector pixel{plural} hot: more electrons than their neighbours make "
            "possible. They pull the centre of mass of every frame.",
            "notice",
            ("Leave out", lambda: self.act(findings.NAME, "hot pixels", "mask")),
        )

    def act(self, sheet, key, action) -> None:
        """Do what a finding advises."""
        experiment = self.page.experiment
        corrects = findings.correction(action)
        if corrects is not None:
            name, value = corrects
            setattr(experiment.treatment, name, value)
        elif action in ("keep", "drop"):
            experiment.scan.keep_flyback = action
        elif action == "crop":
            self.page.shell.reveal("crop")

    def roots(self) -> dict:
        """The button."""
        return {"check": self.controls}

    def close(self) -> None:
        """End the ties to the state, and forget the report."""
        super().close()
        self.controls.close()
        self._checked = None
