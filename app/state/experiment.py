"""What the user can change, in the units the user thinks in.

These classes hold parameters and turn them into `recon`'s values; they draw nothing and compute
nothing. `Experiment.request()` is the frozen snapshot that everything else works from.

    Experiment
    ├── scan          which file, its calibration, its region
    ├── treatment     what is done to the electrons before they are summed
    ├── aberrations   the 25 coefficients, defocus first
    ├── fit           what a fit of them may change
    ├── detector      sampling of the bright field, sidebands, annulus
    ├── dpc           regularisation
    ├── noise         weighting, denoising, other contrasts
    └── display       contrasts, colours, tiles, theme
"""

import param

from app.state.aberrations import UNITS, AberrationState
from app.state.filling import Filling
from app.state.fit import FitState
from app.state.noise import NoiseState
from app.state.question import reading_of
from app.state.request import Annulus, Dpc, Region, Request, TileChoice
from app.state.scan import ScanState
from app.state.treatment import TreatmentState
from recon.dpc import integrate as defaults

__all__ = [
    "COLOUR_MAPS",
    "CONTRASTS",
    "UNITS",
    "AberrationState",
    "DetectorState",
    "DisplayState",
    "DpcState",
    "Experiment",
]

CONTRASTS = {
    "phase": "SSB phase",
    "amplitude": "SSB amplitude",
    "denoised": "SSB phase, denoised",
    "obf": "Optimum bright field",
    "parallax": "Tilt-corrected bright field",
    "dpc": "DPC phase",
    "com": "COM field",
    "curl": "COM curl",
    "divergence": "COM divergence",
    "bf": "Bright field",
    "abf": "Annular bright field",
    "adf": "Annular dark field",
    "annulus": "Chosen annulus",
    "pacbed": "PACBED",
    "dpc_power": "DPC power spectrum",
    "dpc_error": "DPC error",
    "frc": "Ring correlation",
    "focus_curve": "Focus curve",
}
"""What an image slot can show, and its title."""

COLOUR_MAPS = ("grey", "cividis", "viridis", "inferno", "fire", "coolwarm", "cyclic")


class DetectorState(param.Parameterized):
    """How the detector is cut up."""

    bright_field_pixels = param.Integer(
        18,
        bounds=(4, 64),
        label="Pixels across the bright-field disc",
        doc="The detector is binned by whole pixels so that about this many span the disc.",
    )
    sideband = param.Selector(
        default="both",
        objects=["both", "left", "right", "full"],
        label="Sidebands",
        doc="full adds the triple overlap, which carries signal when defocused.",
    )
    band_limit = param.Number(
        0.9,
        bounds=(0.05, 1),
        softbounds=(0.3, 1),
        step=0.01,
        label="Band limit (of 2 k₀)",
        doc="Frequencies beyond are left out: near 2 k₀ the sidebands hold little but noise.",
    )
    scan_bin = param.Integer(
        1, bounds=(1, 32), softbounds=(1, 8), label="Scan binning", doc="Scan positions to one."
    )
    detector_top = param.Integer(0, bounds=(0, 100_000), label="Detector rows left out, top")
    detector_bottom = param.Integer(0, bounds=(0, 100_000), label="Detector rows left out, bottom")
    detector_left = param.Integer(0, bounds=(0, 100_000), label="Detector columns left out, left")
    detector_right = param.Integer(0, bounds=(0, 100_000), label="Detector columns left out, right")
    annulus_inner = param.Number(
        0.5,
        bounds=(0, 100),
        softbounds=(0, 4),
        step=0.01,
        label="Annulus from (disc radii)",
    )
    annulus_outer = param.Number(
        1.0,
        bounds=(0, 100),
        softbounds=(0, 4),
        step=0.01,
        label="Annulus to (disc radii)",
    )


class DpcState(param.Parameterized):
    """Regularisation of the phase from the centre of mass."""

    method = param.Selector(
        default="iterative", objects=["iterative", "direct"], label="Integration"
    )
    highpass = param.Number(
        defaults.HIGHPASS,
        bounds=(0, 100),
        softbounds=(0, 0.02),
        step=1e-4,
        label="High-pass λ₁ (1/step²)",
        doc="Damps small spatial frequencies, in cycles for each scan step.",
    )
    lowpass = param.Number(
        defaults.LOWPASS,
        bounds=(0, 1e5),
        softbounds=(0, 500),
        step=1,
        label="Low-pass λ₂ (step²)",
        doc="Damps large spatial frequencies.",
    )
    step = param.Number(
        defaults.STEP,
        bounds=(0.01, 2),
        softbounds=(0.05, 1),
        step=0.05,
        label="Step of an iteration",
    )
    iterations = param.Integer(
        defaults.ITERATIONS,
        bounds=(1, 2000),
        softbounds=(1, 100),
        label="Iterations",
        doc="Also a high-pass.",
    )
    USUAL = {  # noqa: RUF012 - Param does not touch it
        "iterative": {"highpass": defaults.HIGHPASS, "lowpass": defaults.LOWPASS},
        "direct": {"highpass": defaults.DIRECT_HIGHPASS, "lowpass": defaults.DIRECT_LOWPASS},
    }
    """Regularisation that suits each method, where the user has not set another."""

    padding = param.Number(
        defaults.PADDING,
        bounds=(1, 4),
        step=0.5,
        label="Padding",
        doc="Of the scan, along each axis.",
    )


def _slot(default: str, label: str) -> param.Selector:
    return param.Selector(default=default, objects=list(CONTRASTS), label=label)


class DisplayState(param.Parameterized):
    """What is shown and how; changes nothing that is computed except which tiles."""

    slot_main = _slot("phase", "Large image")
    slot_left = _slot("dpc", "Left image")
    slot_right = _slot("pacbed", "Right image")
    colour_map = param.Selector(default="grey", objects=list(COLOUR_MAPS), label="Colours")
    percentile_low = param.Number(0.1, bounds=(0, 100), step=0.1, label="Black below (percentile)")
    percentile_high = param.Number(
        99.9, bounds=(0, 100), step=0.1, label="White above (percentile)"
    )
    freeze = param.Boolean(False, label="Freeze contrast")
    tile_count = param.Integer(9, bounds=(1, 25), label="G tiles")
    frequencies = param.List(
        [],
        item_type=tuple,
        bounds=(0, 25),
        label="Picked frequencies",
        doc="(row, column) of each tile's object frequency from DC; empty: the strongest.",
    )
    polar = param.Boolean(False, label="Aberrations as size and angle")
    view = param.Tuple(
        None,
        length=4,
        allow_None=True,
        label="Zoom",
        doc="(x0, x1, y0, y1) [nm] of the visible part of the scan; None: all of it.",
    )
    theme = param.Selector(default="dark", objects=["dark", "light"], label="Theme")

    @property
    def contrasts(self) -> tuple[str, ...]:
        """What the slots show."""
        return self.slot_main, self.slot_left, self.slot_right


class Experiment(Filling, param.Parameterized):
    """Everything that one browser session has set.

    Parameters
    ----------
    dataset : str
        The scan that a link without one means.
    """

    scan = param.ClassSelector(class_=ScanState, constant=True)
    treatment = param.ClassSelector(class_=TreatmentState, constant=True)
    aberrations = param.ClassSelector(class_=AberrationState, constant=True)
    fit = param.ClassSelector(class_=FitState, constant=True)
    detector = param.ClassSelector(class_=DetectorState, constant=True)
    dpc = param.ClassSelector(class_=DpcState, constant=True)
    noise = param.ClassSelector(class_=NoiseState, constant=True)
    display = param.ClassSelector(class_=DisplayState, constant=True)

    PARTS = ("scan", "treatment", "aberrations", "fit", "detector", "dpc", "noise", "display")

    def __init__(self, dataset: str = "demo", **params):
        kinds = {
            "scan": ScanState,
            "treatment": TreatmentState,
            "aberrations": AberrationState,
            "fit": FitState,
            "detector": DetectorState,
            "dpc": DpcState,
            "noise": NoiseState,
            "display": DisplayState,
        }
        super().__init__(**{name: kind() for name, kind in kinds.items()} | params)
        self.scan.param.dataset.default = self.scan.dataset = dataset

    def parts(self) -> dict[str, param.Parameterized]:
        """The state objects by name."""
        return {name: getattr(self, name) for name in self.PARTS}

    def request(self) -> Request:
        """The full, immutable snapshot of what is to be computed."""
        scan, detector, dpc, display = self.scan, self.detector, self.dpc, self.display
        return Request(
            reading=reading_of(scan),
            region=Region(
                scan=(scan.crop_top, scan.crop_bottom, scan.crop_left, scan.crop_right),
                detector=(
                    detector.detector_top,
                    detector.detector_bottom,
                    detector.detector_left,
                    detector.detector_right,
                ),
                scan_bin=detector.scan_bin,
            ),
            treatment=self.treatment.value(),
            geometry=scan.geometry(),
            bright_field_pixels=detector.bright_field_pixels,
            aberrations=self.aberrations.value(),
            sideband=detector.sideband,
            band_limit=detector.band_limit,
            annulus=Annulus(detector.annulus_inner, detector.annulus_outer),
            dpc=Dpc(dpc.method, dpc.highpass, dpc.lowpass, dpc.step, dpc.iterations, dpc.padding),
            tiles=TileChoice(display.tile_count, tuple(map(tuple, display.frequencies))),
            noise=self.noise.value(),
        )

    def to_query(self) -> dict[str, str]:
        """What differs from the defaults, as the entries of a URL's query."""
        from app.state import link

        return link.to_query(self)

    def from_query(self, query) -> list[str]:
        """Set everything from a URL's query; what cannot be taken over is told in sentences.

        Parameters left out of `query` go back to their defaults.
        """
        from app.state import link

        return link.from_query(self, query)
