"""The page focuses by itself: a button, what is fitted, and what was found."""

from app.engine.catalogue import DEMO
from app.features.feature import Feature
from app.features.fit import FitFound, adopt, fit_job
from app.features.locks import Locks
from app.features.series import Series
from app.pipeline.results import Flatness
from app.views.controls import Controls, spec
from app.views.fit_report import FitReport
from recon.optics import Aberrations

UNFOCUSED = "Not focused yet: press “Focus for me”, or drag defocus until the tiles are flat."

FLAT = 0.6
"""Flat share of the tiles' power from which a scan is not called unfocused."""


class Focusing(Feature):
    """What stands under "Focus" besides the sliders."""

    def __init__(self, page):
        super().__init__(page)
        self.state = page.experiment.fit
        self.report = FitReport()
        self.report.on("act", lambda message: self._act())
        self.answer = page.fitted
        self.series = Series(page)
        self.sheets = self.series.sheets
        self.controls = Controls(self._specs())
        self.controls.bind(self.state, ["orders", "rotation", "specimen", "on_opening"])
        self.controls.on_press("focus", self.focus)
        self.controls.on_press("series", self.series.ask)
        panels = page.panels
        groups = [panels.defocus, *panels.orders.values(), *panels.polar.values()]
        self.locks = Locks(self.state, groups)
        # A link that says the aberrations is believed; so is what was restored.
        self._fresh = page.experiment.aberrations.value() == Aberrations()
        self._fresh = self._fresh and not page.pipeline.joined  # who joins has opened nothing
        self._due = False
        scan = page.experiment.scan
        aberrations = page.experiment.aberrations
        self._ties.tie(scan, self._chosen, "dataset")
        self._ties.tie(aberrations, self._compare, *aberrations.names())
        self._ties.show(self.answer.param.under_way, self._wait)
        self._ties.hear(self.answer.param.result, self._tell)
        stages = page.pipeline
        self._ties.show(stages.preparing.param.dataset, self._opened)
        self._ties.show(stages.drawing.param.phase, self._focus_first)
        self._ties.show(stages.resting.param.flatness, self._judge)
        stages.resting.also |= {"flatness"}

    def _specs(self):
        state = self.state
        button = {"kind": "button", "primary": True, "half": True, "label": "Focus for me"}
        return [
            button | {"name": "focus", "doc": "Find the aberrations that make the tiles flat"},
            {
                "name": "series",
                "kind": "button",
                "half": True,
                "label": "Through focus…",
                "doc": "Images at a series of defoci: play them, use one",
            },
            spec(state, "orders"),
            spec(state, "rotation") | {"half": True, "label": "Rotation too"},
            spec(state, "specimen") | {"label": "Thickness and tilt too"},
            spec(state, "on_opening") | {"half": True, "label": "On opening"},
        ]

    def focus(self) -> None:
        """Fit the aberrations as it is set."""
        self._due = False
        self.page.pipeline.aside.perform(fit_job(self.state), self.answer)

    def _wait(self, under_way: bool) -> None:
        self.controls.disabled = ["focus"] if under_way else []

    def _tell(self, found: FitFound | None) -> None:
        if found is None:
            self.report.say()
            return
        self.report.say(found.summary, found.rows, found.remark)
        self._compare()
        self._hint("")

    def _focus_first(self, phase) -> None:
        if self._due and phase is not None and phase.mode == "exact":
            self.focus()

    def _judge(self, flatness) -> None:
        if isinstance(flatness, Flatness) and flatness.value >= FLAT:
            self._hint("")

    def _opened(self, dataset: str) -> None:
        self.answer.result = None
        self.series.forget()
        fresh, self._fresh = self._fresh, False
        self._due = fresh and self.state.on_opening
        if dataset != DEMO:
            self._hint(UNFOCUSED if fresh and not self._due else "")

    def _compare(self, *events) -> None:
        """Say whether what was found is what is set, and offer what follows from that."""
        found, experiment = self.answer.result, self.page.experiment
        if found is None:
            return
        stale, action = not found.is_set(experiment), ""
        if stale:
            action = "Set these values"
        elif found.better_full and experiment.detector.sideband != "full":
            action = "Use the full overlap"
        self.report.param.update(stale=stale, action=action)

    def _act(self) -> None:
        if self.answer.result is None:
            return
        if self.report.stale:
            adopt(self.page.experiment, self.answer.result)
        else:
            self.page.experiment.detector.sideband = "full"
            self._compare()

    def _hint(self, text):
        self.page.panels.hint.say(text)

    def _chosen(self, event) -> None:
        # Aberrations are those of the scan before; what is restored brings its own.
        self._fresh = not self.page.experiment.filling

    def act(self, sheet: str, key: str, action: str) -> None:
        """Do what a button of the sheet says."""
        self.series.act(sheet, key, action)

    def roots(self) -> dict:
        """Views by their names in assets/page.html."""
        return {"fit": self.controls, "fit_report": self.report}

    def close(self) -> None:
        """Let go of everything."""
        super().close()
        for part in (self.locks, self.series, self.controls, self.report):
            part.close()
