"""The position-averaged pattern and the disc that was found in it."""

import numpy as np
from bokeh.models import ColumnDataSource

from app.drawing.display import Extent
from app.views.image import ImageView

SPARSE = 0.005
"""Share of the pixels that hold something, below which the largest of them are shown, not means."""


class PacbedView(ImageView):
    """Square root of the summed pattern, with the bright-field disc and the chosen annulus."""

    def __init__(self):
        super().__init__("e⁻", "mrad")
        names = ("x", "y", "width", "height", "colour", "dash")
        self.rings = ColumnDataSource({name: [] for name in names})
        self.centre = ColumnDataSource({"x": [], "y": []})
        self.figure.ellipse(
            "x",
            "y",
            "width",
            "height",
            source=self.rings,
            fill_alpha=0,
            line_color="colour",
            line_dash="dash",
            line_width=1.6,
            level="overlay",
        )
        self.figure.scatter(
            "x",
            "y",
            source=self.centre,
            marker="cross",
            size=11,
            line_color="#ffb000",
            level="overlay",
        )
        self.bar.visible = False
        self._counts = None

    def show_pattern(
        self, counts, centre, radius, mrad_per_px=None, annulus=None, moving=False
    ) -> None:
        """Draw the pattern.

        Parameters
        ----------
        counts : (Ky, Kx) array
        centre : (float, float) or None
            (y, x) of the disc in pixel-index coordinates; None where there is no disc.
        radius : float or None
            Of the disc [px].
        mrad_per_px : float, optional
            The axes are in pixels while it is not known.
        annulus : (float, float), optional
            Inner and outer radius of the chosen detector, in radii of the disc.
        moving : bool
            Whether more patterns follow at once.
        """
        step = mrad_per_px or 1.0
        self.set_axis_unit("mrad" if mrad_per_px else "px")
        # The index of a pixel is its middle.
        origin = (-0.5, -0.5) if centre is None else (-0.5 - centre[0], -0.5 - centre[1])
        middle = [] if centre is None else [0.0]
        rings = []
        if centre is not None and radius:
            rings.append((radius, "#ffb000", "solid"))
            for edge in annulus or ():
                if 0 < edge < 10 and abs(edge - 1) > 0.02:
                    rings.append((edge * radius, "#4cc2ff", "dashed"))
        self._counts = counts
        self.raster.how = how_to_show(counts)
        self.rings.data = {
            "x": middle * len(rings),
            "y": middle * len(rings),
            "width": [2 * r * step for r, _, _ in rings],
            "height": [2 * r * step for r, _, _ in rings],
            "colour": [colour for _, colour, _ in rings],
            "dash": [dash for _, _, dash in rings],
        }
        self.centre.data = {"x": middle, "y": middle}
        corner = (origin[0] * step, origin[1] * step)
        # Weak scattering beside the disc shows in the root, as in a camera's gamma.
        self.show(
            np.sqrt(np.maximum(counts, 0), dtype=np.float32),
            Extent.of(counts.shape, (step, step), corner),
            moving,
        )

    def in_words(self, value) -> str:
        """Counts, not their root."""
        return f"{round(float(value) ** 2)} e⁻"


def how_to_show(counts) -> str:
    """How a pattern is aggregated that is larger than its frame: see `app.drawing.aggregate`."""
    # The mean of an electron and of hundreds of empty pixels could not be seen.
    return "max" if np.count_nonzero(counts) < SPARSE * counts.size else "mean"
