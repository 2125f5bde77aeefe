"""The control panel: what is set about scan, focus, detector, DPC and display."""

from collections.abc import Callable
from pathlib import PurePath

from app.state.aberrations import AberrationState, reaches
from app.state.experiment import Experiment
from app.state.ties import Ties
from app.views.controls import Controls, spec
from app.views.polar import SHORT, PolarControls
from app.views.scan_shape import ScanShape
from app.views.shell import Upload
from app.views.text import Text
from app.words import unit_to
from recon.optics import Aberrations, electron_wavelength

HINT = "Drag defocus until the tiles are flat."

CALIBRATION = {
    "energy_kev": {"label": "Beam energy", "kind": "entry"},
    "semiangle_mrad": {"label": "Semi-angle", "kind": "entry"},
    "scan_step_y": {"label": "Scan step y", "kind": "entry"},
    "scan_step_x": {"label": "Scan step x", "kind": "entry"},
    "rotation_deg": {"label": "Rotation"},
    "auto_orientation": {"label": "Rotation from COM"},
    "transpose": {"label": "Transpose detector"},
    "keep_flyback": {"label": "Flyback"},
    "fit_disc": {"label": "Fit disc"},
    "centre_y": {"label": "Disc centre y", "kind": "entry"},
    "centre_x": {"label": "Disc centre x", "kind": "entry"},
    "radius": {"label": "Disc radius", "kind": "entry"},
}
CROP = {
    "crop_top": {"label": "Scan, top", "kind": "entry"},
    "crop_bottom": {"label": "Scan, bottom", "kind": "entry"},
    "crop_left": {"label": "Scan, left", "kind": "entry"},
    "crop_right": {"label": "Scan, right", "kind": "entry"},
}
DETECTOR = {
    "bright_field_pixels": {"label": "Pixels across disc"},
    "sideband": {"label": "Sideband"},
    "band_limit": {"label": "Band limit", "unit": "2 k₀"},
    "scan_bin": {"label": "Scan binning"},
    "annulus_inner": {"label": "Annulus, inner", "unit": "r"},
    "annulus_outer": {"label": "Annulus, outer", "unit": "r"},
    "detector_top": {"label": "Crop, top", "kind": "entry", "unit": "px"},
    "detector_bottom": {"label": "Crop, bottom", "kind": "entry", "unit": "px"},
    "detector_left": {"label": "Crop, left", "kind": "entry", "unit": "px"},
    "detector_right": {"label": "Crop, right", "kind": "entry", "unit": "px"},
}
DPC = {
    "method": {},
    "highpass": {"label": "High-pass λ₁"},
    "lowpass": {"label": "Low-pass λ₂"},
    "step": {"label": "Step"},
    "iterations": {},
    "padding": {},
}
DISPLAY = {
    "percentile_low": {"label": "Black below", "unit": "%", "kind": "entry"},
    "percentile_high": {"label": "White above", "unit": "%", "kind": "entry"},
}
TURN = {
    "name": "turn",
    "label": "Turn by 180°",
    "doc": "The COM leaves the angle open by 180°: atoms should be bright",
}
BY_HAND = ("centre_y", "centre_x", "radius")


class Panels:
    """The cards on the left of the page.

    Parameters
    ----------
    experiment : Experiment
    catalogue : Catalogue
        The scans on offer.
    on_problem : callable
        `on_problem(sentence)` where a file from the browser's computer is refused.
    """

    def __init__(self, experiment: Experiment, catalogue, on_problem: Callable[[str], None]):
        self.experiment, self.catalogue = experiment, catalogue
        scan, aberrations = experiment.scan, experiment.aberrations
        self._truth: Aberrations | None = None

        self.dataset = Controls.of(
            scan,
            ["dataset"],
            {"dataset": {"kind": "choice", "bare": True, "options": self._datasets()}},
        )
        accepted = {"accept": ",".join(_suffixes()), "sizing_mode": "stretch_width"}
        self.upload = Upload(catalogue, self._uploaded, on_problem, **accepted)
        self.shape = ScanShape(scan)
        self.calibration = Controls.of(scan, CALIBRATION, CALIBRATION)
        self.calibration.add_button("rotation_deg", TURN, self._turn)
        self.statements = Text(css_classes=["statements"])
        self.crop = Controls.of(scan, CROP, CROP)
        self.detector = Controls.of(experiment.detector, DETECTOR, DETECTOR)
        self.dpc = Controls.of(experiment.dpc, DPC, DPC)
        self.display = Controls.of(experiment.display, DISPLAY, DISPLAY)
        self.tiles_bar = Controls.of(
            experiment.display,
            ["tile_count"],
            {"tile_count": {"label": "Tiles", "kind": "entry"}},
            layout="line",
            sizing_mode=None,
        )
        self.tiles_bar.specs = [
            *self.tiles_bar.specs,
            {
                "name": "strongest",
                "kind": "button",
                "label": "Strongest",
                "doc": "Pick the strongest frequencies again",
            },
        ]
        self.tiles_bar.on_press("strongest", self._strongest)

        self.defocus = Controls.of(
            aberrations, ["defocus"], {"defocus": {"large": True, "label": "Defocus"}}
        )
        self.hint = Text(HINT, css_classes=["hint"])
        self.orders = {n: self._order(aberrations, n) for n in range(1, 6)}
        self.polar = {n: PolarControls.of_order(aberrations, n) for n in range(1, 6)}
        self.focus_foot = Controls(
            [
                spec(experiment.display, "polar") | {"label": "Size and angle"},
                {
                    "name": "truth",
                    "kind": "button",
                    "label": "Simulated values",
                    "doc": "Set the aberrations used in the simulation",
                },
                {"name": "zero", "kind": "button", "label": "All to zero"},
            ]
        )
        self.focus_foot.bind(experiment.display, ["polar"])
        self.focus_foot.hidden = ["truth"]
        self.focus_foot.on_press("zero", aberrations.reset)
        self.focus_foot.on_press("truth", self._set_truth)

        self._ties = Ties().tie(scan, self._show_disc, "fit_disc")
        self._ties.tie(scan, self._show_datasets, "dataset")
        self._ties.tie(aberrations, self._focused, "defocus")
        self._ties.tie(experiment.display, self._show_polar, "polar")
        self._ties.tie(experiment.display, self._show_auto, "frequencies")
        self._show_disc()
        self._show_polar()
        self._show_auto()
        if aberrations.defocus:
            self.hint.say("")

    def _order(self, state, order):
        names = [name for name in AberrationState.names(order) if name != "defocus"]
        changes = {name: {"label": f"{SHORT[name[:3]]} {name}"} for name in names}
        return Controls.of(state, names, changes)

    def show_scan(self, summary) -> None:
        """Say where the calibration came from and what was found."""
        words = {"entered": "", "unknown": "enter", "estimated from the data": "found"}
        sources = {name: words.get(source, source) for name, source in summary.sources.items()}
        if self.experiment.scan.fit_disc:
            sources |= dict.fromkeys(BY_HAND, "fit")
        # There is room for a word; where exactly it stands is said below the fields.
        for name, origin in summary.origins.items():
            beside, colon, _ = origin.partition(": ")
            if sources.get(name) == "file" and colon:
                sources[name] = PurePath(beside).suffix or "file"
        self.calibration.notes = sources
        self.shape.say(summary)
        self.statements.say("\n".join(summary.statements))
        truth = summary.metadata.get("aberrations") if summary.metadata else None
        self._truth = Aberrations(**truth) if truth else None
        self.focus_foot.hidden = [] if self._truth else ["truth"]
        self._show_datasets()
        self._set_reach()

    def _set_reach(self):
        """Let each aberration's slider reach as far as the aperture makes sense of it."""
        scan = self.experiment.scan
        if not scan.energy_kev or not scan.semiangle_mrad:
            return
        reach = reaches(electron_wavelength(1e3 * scan.energy_kev), scan.semiangle_mrad)
        for controls in (self.defocus, *self.orders.values(), *self.polar.values()):
            specs = []
            for each in controls.specs:
                # In polar form a control has the name of its term; angles reach as far as ever.
                found = reach.get(each["name"]) or reach.get(f"{each['name']}a")
                if found:
                    end, step = found
                    start = 0 if each["start"] == 0 else -end
                    unit, per = unit_to(end, AberrationState.unit(each["name"])[0])
                    each = each | {"start": start, "end": end, "step": step}
                    each |= {"unit": unit, "per": per}
                specs.append(each)
            if specs != controls.specs:
                controls.specs = specs

    def _datasets(self):
        entries = [(entry.id, entry.title) for entry in self.catalogue.entries()]
        chosen = self.experiment.scan.dataset
        if chosen not in dict(entries):
            entries.append((chosen, chosen.rsplit("/", 1)[-1]))
        return entries

    def _show_datasets(self, *events):
        described = self.dataset.specs[0] | {"options": self._datasets()}
        if described != self.dataset.specs[0]:
            self.dataset.specs = [described]

    def _show_disc(self, *events):
        self.calibration.disabled = list(BY_HAND) if self.experiment.scan.fit_disc else []

    def _show_polar(self, *events):
        polar = self.experiment.display.polar
        for order in self.orders:
            self.orders[order].visible = not polar
            self.polar[order].visible = polar

    def _show_auto(self, *events):
        automatic = not self.experiment.display.frequencies
        self.tiles_bar.disabled = ["strongest"] if automatic else []

    def _turn(self):
        angle = self.experiment.scan.rotation_deg
        self.experiment.scan.rotation_deg = angle - 180 if angle > 0 else angle + 180

    def _strongest(self):
        self.experiment.display.frequencies = []

    def _set_truth(self):
        if self._truth is not None:
            self.experiment.aberrations.set_from(self._truth)

    def _focused(self, *events):
        self.hint.say("")

    def roots(self) -> dict:
        """The parts by their names in assets/page.html."""
        from panel import Column

        orders = {
            f"order_{n}": Column(
                self.orders[n], self.polar[n], sizing_mode="stretch_width", margin=0
            )
            for n in self.orders
        }
        orders |= {"found": self.shape.found, "shape": self.shape.controls}
        return orders | {
            name: getattr(self, name)
            for name in (
                "dataset",
                "upload",
                "calibration",
                "statements",
                "crop",
                "detector",
                "dpc",
                "display",
                "tiles_bar",
                "defocus",
                "hint",
                "focus_foot",
            )
        }

    def _uploaded(self, dataset: str) -> None:
        self.experiment.scan.dataset = dataset

    def close(self) -> None:
        """End the ties to the state."""
        self._ties.untie()
        groups = [*self.orders.values(), *self.polar.values()]
        groups += [self.dataset, self.calibration, self.crop, self.detector, self.dpc]
        for group in [*groups, self.display, self.tiles_bar, self.defocus, self.focus_foot]:
            group.close()
        self.shape.close()
        self.upload.close()


def _suffixes() -> list[str]:
    from app.engine.catalogue import suffixes

    return sorted(suffixes())
