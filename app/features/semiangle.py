"""The convergence semi-angle found from where the sidebands end."""

from app.features.feature import Feature
from app.features.fit import full_g
from app.pipeline.context import Context
from app.pipeline.jobs import Answer, Job
from app.pipeline.proof import on_device
from app.state.origin import FIT

TITLE = "Fitting the semi-angle"


def semiangle_job() -> Job:
    """The semi-angle that explains the sidebands best, with the aberrations that are set."""

    def run(context: Context):
        from recon.focus.semiangle import fit_semiangle

        g, aberrations = full_g(context), context.request.aberrations
        scan = context.prepared and context.prepared.scan
        pixels = context.request.bright_field_pixels

        def build(calibration):
            return context.engine.sidebands(scan, calibration, pixels, full=True)

        context.meter.begin(TITLE)
        how = {"build": build if scan else None, "progress": context.meter}
        return on_device(context, g, lambda: fit_semiangle(g, aberrations, **how))

    def adopt(experiment, found) -> None:
        with experiment.scan.entering(FIT):
            experiment.scan.semiangle_mrad = float(f"{found.semiangle_cutoff:.4g}")

    return Job(
        TITLE,
        run,
        adopt,
        lambda request: (request.aberrations, request.geometry),
        "the aberrations or the calibration",
    )


class Semiangle(Feature):
    """A button under the semi-angle."""

    def __init__(self, page):
        super().__init__(page)
        self.answer = Answer()
        self._ties.hear(self.answer.param.result, self._say)
        button = {
            "name": "fit_semiangle",
            "label": "Semi-angle from the sidebands",
            "doc": "Focus first: a wrong defocus moves what is looked at",
        }
        page.panels.calibration.add_button("semiangle_mrad", button, self.ask)

    def ask(self) -> None:
        """Have the semi-angle fitted."""
        self.page.pipeline.aside.perform(semiangle_job(), self.answer)

    def _say(self, found) -> None:
        self.page.notices.add(found.statement, "notice")
