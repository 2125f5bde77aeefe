"""Calibration on a lattice: two clicks in the power spectrum, and spacings that are known."""

import param

from app.features.feature import Feature
from app.features.lattice_fit import KNOWN, Camera, fit_lattice, measured_camera, peak_in
from app.pipeline.jobs import Answer, Job
from app.views.banner import Banner
from app.views.controls import Controls, spec
from recon.errors import Unfitted

LATTICE = "lattice"
"""Where a scan step comes from."""

OTHER = "other"

WORDS = (
    "Click a peak of the lattice.",
    "Click a second peak, in another direction.",
    "Enter the spacings under Calibration.",
)


class Known(param.Parameterized):
    """What the user knows of the lattice."""

    known = param.Selector(default=OTHER, objects=[OTHER, *KNOWN], label="Lattice")
    spacing_1 = param.Number(
        None, bounds=(0.1, 1e4), step=0.01, allow_None=True, label="Spacing 1 (Å)"
    )
    spacing_2 = param.Number(
        None, bounds=(0.1, 1e4), step=0.01, allow_None=True, label="Spacing 2 (Å)"
    )
    angle = param.Number(
        None,
        bounds=(1, 179),
        step=1,
        allow_None=True,
        label="Angle between (°)",
        doc="Optional: also gives the shear of the scan.",
    )
    pixel_um = param.Number(
        None,
        bounds=(0.1, 1e4),
        step=1,
        allow_None=True,
        label="Detector pixel (µm)",
        doc="Optional: also gives the camera length.",
    )


FIELDS = ("known", "spacing_1", "spacing_2", "angle", "pixel_um")
RESULTS = ("use", "camera", "use_camera")
HIDDEN = (*FIELDS, "said", *RESULTS)


class LatticeCalibration(Feature):
    """A mode of the power spectrum, and fields under *Calibration* while it lasts."""

    def __init__(self, page):
        super().__init__(page)
        self.known, self.answer = Known(), Answer()
        self._peaks, self._fit, self._camera = [], None, None
        self._of = None  # scan, and shape of its image, that the peaks are in
        self.on = False
        self.banner = Banner()
        self.banner.on("close", lambda message: self.leave())
        described = [spec(self.known, name) for name in FIELDS]
        described[0] |= {
            "kind": "choice",
            "options": [(OTHER, "other"), *((k, f"{v[0]:g} Å · {k}") for k, v in KNOWN.items())],
        }
        described[1:] = [each | {"kind": "entry"} for each in described[1:]]
        self.controls = Controls(
            [
                {"name": "begin", "kind": "button", "label": "Calibrate on a lattice…"},
                *described,
                {"name": "said", "kind": "text", "label": ""},
                {"name": "use", "kind": "button", "label": "Use these scan steps"},
                {
                    "name": "camera",
                    "kind": "button",
                    "label": "Check the semi-angle",
                    "doc": "From where the first peak's sidebands end on the detector",
                },
                {"name": "use_camera", "kind": "button", "label": "Use this semi-angle"},
            ],
            margin=(6, 0, 0, 0),
            values={"said": ""},
            hidden=list(HIDDEN),
        )
        self.controls.bind(self.known, FIELDS)
        self.controls.on_press("begin", self._toggle)
        self.controls.on_press("use", self._use)
        self.controls.on_press("camera", self._check_camera)
        self.controls.on_press("use_camera", self._use_camera)
        self._ties.tie(self.known, self._suggest, "known")
        self._ties.tie(self.known, self._solve, "spacing_1", "spacing_2", "angle")
        self._ties.hear(self.answer.param.result, self._say_camera)
        self._ties.show(page.pipeline.preparing.param.scan, self._follow)
        self._ties.show(page.pipeline.drawing.param.spectrum, self._mark_again)

    # ---- the mode ----

    def _toggle(self) -> None:
        if self.on:
            self.leave()
            return
        if self.page.pipeline.drawing.spectrum is None:
            self.page.notices.add(
                "There is no power spectrum yet. Enter a rough scan step first, then calibrate it."
            )
            return
        self.page.sheet.hide()  # it would lie over the spectrum
        self.on, self._peaks = True, []
        self.page.frequencies.spectrum.on_pick = self._pick
        self._show()

    def leave(self) -> None:
        """Give clicks in the spectrum back to the tiles."""
        self.on, self._peaks, self._fit, self._camera = False, [], None, None
        self.page.frequencies.spectrum.on_pick = self.page.frequencies.pick
        self._show()

    def _say_camera(self, camera: Camera) -> None:
        if self._fit is not None:
            self._camera = camera
            self._show(f"{self._fit.statement} {camera.statement}")

    def _follow(self, summary) -> None:
        """Forget the peaks where the scan in use changes."""
        if self._peaks and (summary.dataset, summary.scan_shape) != self._of:
            self._peaks, self._fit = [], None
            self._show()

    def _mark_again(self, spectrum) -> None:
        if self._peaks and spectrum is not None:  # drawn on another scale
            self._mark()

    def _pick(self, row: int, column: int) -> None:
        images = self._images()
        try:
            peak = peak_in(images, row, column)
        except (Unfitted, ValueError) as error:
            self.page.notices.add(str(error), "notice")
            return
        self._of = self.page.experiment.scan.dataset, images[0].shape
        self._peaks = [*(self._peaks if len(self._peaks) < 2 else []), peak]
        self._solve()

    def _images(self):
        """Images of the scan in use, that with the clearest lattice first."""
        pipeline = self.page.pipeline
        phase, virtual = pipeline.drawing.phase, pipeline.deriving.virtual
        images = [] if phase is None else [phase.array]
        return images + ([] if virtual is None else list(virtual.images.values())[:1])

    # ---- what follows from it ----

    def _suggest(self, *events) -> None:
        if self.known.known != OTHER:
            spacing, angle = KNOWN[self.known.known]
            self.known.param.update(spacing_1=spacing, spacing_2=spacing, angle=angle)

    def _solve(self, *events) -> None:
        self._fit, self._camera, said = None, None, ""
        known = self.known
        if len(self._peaks) == 2 and None not in (known.spacing_1, known.spacing_2):
            try:
                self._fit = fit_lattice(
                    self._peaks,
                    (known.spacing_1, known.spacing_2),
                    known.angle,
                    self._of[1],
                    self.page.experiment.detector.scan_bin,
                )
                said = self._fit.statement
            except (Unfitted, ValueError) as error:
                said = str(error)
        self._show(said)

    def _use(self) -> None:
        if self._fit is None:
            return
        experiment, (y, x) = self.page.experiment, self._fit.steps
        with experiment.scan.entering(LATTICE):
            experiment.scan.param.update(
                scan_step_y=float(f"{y:.5g}"), scan_step_x=float(f"{x:.5g}")
            )
        if self._fit.shear is not None:
            treatment = experiment.treatment
            treatment.shear = float(f"{treatment.shear + self._fit.shear:.4g}")
        self.leave()

    def _check_camera(self) -> None:
        if self._fit is None:
            return
        what = self._fit, self.known.spacing_1, self.known.pixel_um

        def run(context) -> Camera:
            return measured_camera(context, *what)

        self.page.pipeline.aside.perform(Job("Measuring the camera", run), self.answer)

    def _use_camera(self) -> None:
        if self._camera is None:
            return
        scan = self.page.experiment.scan
        with scan.entering(LATTICE):
            scan.semiangle_mrad = self._camera.semiangle_mrad
        # The sidebands are cut anew; the lattice's peaks stay where they are.
        self._camera = None
        self._show(self._fit.statement if self._fit else "")

    def _show(self, said: str = "") -> None:
        self.banner.say(WORDS[len(self._peaks)] if self.on else "")
        self._mark()
        hidden = [] if self.on else list(HIDDEN)
        if self.on and self._fit is None:
            hidden = list(RESULTS)
        elif self.on and self._camera is None:
            hidden = ["use_camera"]
        label = "Stop lattice calibration" if self.on else "Calibrate on a lattice…"
        begin = self.controls.specs[0] | {"label": label}
        if begin != self.controls.specs[0]:
            self.controls.specs = [begin, *self.controls.specs[1:]]
        self.controls.param.update(hidden=hidden, values=self.controls.values | {"said": said})

    def _mark(self) -> None:
        self.page.frequencies.spectrum.mark_peaks([(peak.row, peak.column) for peak in self._peaks])

    def roots(self) -> dict:
        """The fields, and the line over the spectrum."""
        return {"lattice": self.controls, "lattice_banner": self.banner}

    def close(self) -> None:
        """End the ties."""
        super().close()
        self.controls.close()
        self.banner.close()
