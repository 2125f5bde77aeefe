"""The specimen card: thickness, tilt, focal spread, and what the aperture can tell of them."""

from math import atan2, degrees, hypot

import numpy as np

from app.features.depth import Depth
from app.features.feature import Feature
from app.features.film import Film
from app.pipeline.proof import depth_of_focus
from app.views.controls import Controls
from app.views.text import Text
from recon.ssb.film import levels

THIN = "Taken for thin."

ENDS = (
    "Of 10 nm that lean by 5 mrad, at 18 pixels across the disc, the exact phase is within 1.5 % "
    "at 1.6 depths of focus and 8 % off at 4.6. Where a slice scatters again what another has "
    "scattered, in crystals of more than some nanometres on a zone axis, phases stay too low."
)
"""How far off `recon.ssb.phase` is, and where the theory of `recon.specimen` ends."""


class SpecimenCard(Feature):
    """What stands under "Specimen"."""

    sheets = (*Depth.sheets, *Film.sheets)

    def __init__(self, page):
        super().__init__(page)
        self.state = page.experiment.specimen
        changes = {
            "thickness_nm": {"label": "Thickness"},
            "tilt_y": {"label": "Tilt y"},
            "tilt_x": {"label": "Tilt x"},
            "focal_spread_nm": {"label": "Focal spread"},
            "film_y": {"label": "Film y"},
            "film_x": {"label": "Film x"},
        }
        self.controls = Controls.of(self.state, changes, changes)
        button = {
            "name": "thin",
            "kind": "button",
            "label": "Thin specimen",
            "doc": "Set thickness, tilt, focal spread and film to zero",
        }
        film = {
            "name": "fit_film",
            "kind": "button",
            "label": "Fit film…",
            "doc": "Find how the focus changes over the scan, where the film is tilted as a whole",
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
            film | {"half": True},
        ]
        self.series, self.film = Depth(page), Film(page)
        self.controls.on_press("fit_film", self.film.ask)
        self.controls.on_press("depth", self.series.ask)
        self.controls.on_press("thin", self.state.reset)
        self.said = Text(css_classes=["statements"])
        self._ties.tie(self.state, self._say, *changes)
        self._ties.tie(page.experiment.scan, self._say, "energy_kev", "semiangle_mrad")
        self._ties.show(page.pipeline.preparing.param.prepared, self._say)
        self._say()

    def _say(self, *events) -> None:
        prepared = self.page.pipeline.preparing.prepared
        g = prepared and prepared.sidebands
        request = self.page.experiment.request()
        film = cost(g.through(request.specimen)) if g is not None else ""
        self.said.say("\n".join(filter(None, (said(self.state, request), film))))

    def roots(self) -> dict:
        """Views by their names in assets/page.html."""
        return {"specimen": self.controls, "specimen_said": self.said}

    def close(self) -> None:
        """Let go of everything."""
        super().close()
        self.series.close()
        self.film.close()
        self.controls.close()


def cost(g) -> str:
    """How far the film changes the focus, and how many redraws a picture takes; "" if level."""
    try:
        found = levels(g, 0.0)
    except ValueError as refusal:
        return str(refusal)
    if len(found) == 1:
        return ""
    return (
        f"The film changes the defocus by {np.ptp(found) / 10:.3g} nm over the scan: each picture "
        f"blends {len(found)}, and takes as many times as long. Tiles, OBF and fits take the "
        "defocus of the middle."
    )


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
