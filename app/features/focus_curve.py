"""The present defocus in the curve over it, and a click that sets another."""

from app.features.feature import Feature

CONTRAST = "focus_curve"


class FocusCurve(Feature):
    """Ties the curves of a page to its defocus."""

    def __init__(self, page):
        super().__init__(page)
        experiment = page.experiment
        self._ties.tie(experiment.aberrations, self._mark, "defocus")
        self._ties.tie(experiment.display, self._mark, *page.slots)
        self._ties.show(page.pipeline.resting.param.focus_curve, self._mark)
        self._mark()

    def _mark(self, *events) -> None:
        defocus = self.page.experiment.aberrations.defocus
        for slot in self.page.slots.values():
            if slot.contrast == CONTRAST:
                slot.view.on_pick = self._pick
                slot.view.mark([(defocus, f"{defocus:.5g} nm".replace("-", "−"))])
            elif getattr(slot.view, "on_pick", None) == self._pick:
                slot.view.on_pick = None

    def _pick(self, defocus: float) -> None:
        # No finer than the slider's own steps would be read.
        self.page.experiment.aberrations.defocus = float(f"{defocus:.4g}")
