"""What the user can change, in the units the user thinks in.

These classes hold parameters and turn them into `recon`'s values; they draw nothing and compute
nothing. `Experiment.request()` is the frozen snapshot that everything else works from.

    Experiment
    ├── scan          which file, its calibration, its region
    ├── treatment     what is done to the electrons before they are summed
    ├── aberrations   the 25 coefficients, defocus first
    ├── specimen      thickness, tilt, focal spread
    ├── fit           what a fit of them may change
    ├── detector      sampling of the bright field, sidebands, annulus
    ├── dpc           regularisation
    ├── noise         weighting, denoising, other contrasts
    └── display       contrasts, colours, tiles, theme
"""

import param

from app.state.aberrations import AberrationState
from app.state.detector import DetectorState
from app.state.display import DisplayState
from app.state.dpc import DpcState
from app.state.filling import Filling
from app.state.fit import FitState
from app.state.noise import NoiseState
from app.state.question import reading_of
from app.state.request import Annulus, Dpc, Region, Request, TileChoice
from app.state.scan import ScanState
from app.state.specimen import SpecimenState
from app.state.treatment import TreatmentState


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
    specimen = param.ClassSelector(class_=SpecimenState, constant=True)
    fit = param.ClassSelector(class_=FitState, constant=True)
    detector = param.ClassSelector(class_=DetectorState, constant=True)
    dpc = param.ClassSelector(class_=DpcState, constant=True)
    noise = param.ClassSelector(class_=NoiseState, constant=True)
    display = param.ClassSelector(class_=DisplayState, constant=True)

    PARTS = (
        "scan",
        "treatment",
        "aberrations",
        "specimen",
        "fit",
        "detector",
        "dpc",
        "noise",
        "display",
    )

    def __init__(self, dataset: str = "demo", **params):
        kinds = {
            "scan": ScanState,
            "treatment": TreatmentState,
            "aberrations": AberrationState,
            "specimen": SpecimenState,
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
        geometry = scan.geometry()
        disc = geometry.centre, geometry.radius
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
            treatment=self.treatment.value(None if None in disc else disc),
            geometry=geometry,
            bright_field_pixels=detector.bright_field_pixels,
            aberrations=self.aberrations.value(),
            specimen=self.specimen.value(),
            sideband=detector.sideband,
            band_limit=detector.band_limit,
            annulus=Annulus(detector.annulus_inner, detector.annulus_outer),
            dpc=Dpc(dpc.method, dpc.highpass, dpc.lowpass, dpc.step, dpc.iterations, dpc.padding),
            tiles=TileChoice(display.tile_count, tuple(map(tuple, display.frequencies))),
            noise=self.noise.value(),
        )
