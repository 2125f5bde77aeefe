"""The specimen card: thickness, tilt, focal spread, and what the aperture can tell of them."""

from math import atan2, degrees, hypot

from app.features.depth import Depth
from app.features.feature import Feature
from app.pipeline.proof import depth_of_focus
from app.views.controls import Controls
from app.views.text import Text

THIN = "Taken for thin."

ENDS = (
    "Of 10 nm that lean by 5 mrad, at 18 pixels across the disc, the exact phase is within 1.5 % "
    "at 1.6 depths of focus and 8 % off at 4.6. Where a slice scatters again what another has "
    "scattered, in crystals of more than some nanometres on a zone axis, phases stay too low."
)
"""How far off `recon.ssb.phase` is, and where the theory of `recon.specimen` ends."""


class SpecimenCard(Feature):
    """What stands under "Specimen"."""

    sheets = Depth.sheets

    def __init__(self, page):
        super().__init__(page)
        self.state = page.experiment.specimen
        changes = {
            "thickness_nm": {"label": "Thickness"},
            "tilt_y": {"label": "Tilt y"},
            "tilt_x": {"label": "Tilt x"},
            "focal_spread_nm": {"label": "Focal spread"},
        }
        self.controls = Controls.of(self.state, changes, changes)
        button = {
            "name": "thin",
            "kind": "button",
            "label": "Thin specimen",
            "doc": "Set thickness, tilt and focal spread to zero",
        }
        depth = {
            "name": "depth",
            "kind": "button",
            "label": "Through depth…",
            "doc": "Images of slices of the specimen, each in its own focus",
        }
        self.controls.specs = [
            *self.controls.specs,
            button | {"half": True},
            depth | {"half": True},
        ]
        self.series = Depth(page)
        self.controls.on_press("depth", self.series.ask)
        self.controls.on_press("thin", self.state.reset)
        self.said = Text(css_classes=["statements"])
        self._ties.tie(self.state, self._say, *changes)
        self._ties.tie(page.experiment.scan, self._say, "energy_kev", "semiangle_mrad")
        self._say()

    def _say(self, *events) -> None:
        self.said.say(said(self.state, self.page.experiment.request()))

    def roots(self) -> dict:
        """Views by their names in assets/page.html."""
        return {"specimen": self.controls, "specimen_said": self.said}

    def close(self) -> None:
        """Let go of everything."""
        super().close()
        self.series.close()
        self.controls.close()


def said(state, request) -> str:
    """Size and azimuth of the tilt, and what the aperture resolves of the thickness."""
    specimen = request.specimen
    if specimen.thin:
        idle = " The tilt needs a thickness." if any(specimen.tilt) else ""
        return THIN + idle
    lines = []
    if specimen.thickness and any(specimen.tilt):
        y, x = specimen.tilt
        lines.append(f"Tilt {hypot(y, x):.3g} mrad at {degrees(atan2(y, x)):.0f}° (y down).")
    geometry = request.geometry
    if specimen.thickness and geometry.energy and geometry.semiangle_cutoff:
        depth = depth_of_focus(request) / 10
        share = specimen.thickness / 10 / depth
        words = "thinner than that: its depth hardly shows" if share < 0.3 else f"{share:.2g} × it"
        lines.append(f"Depth of focus λ/α² {depth:.3g} nm; the specimen is {words}.")
    if specimen.thickness:
        lines.append(ENDS)
    return "\n".join(lines)
