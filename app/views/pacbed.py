"""The position-averaged pattern and the disc that was found in it."""

import holoviews as hv
import numpy as np

from app.drawing.display import Extent
from app.drawing.marks import RING, SECOND, Marks, circle
from app.views.image import ImageView, axes

SPARSE = 0.005
"""Share of the pixels that hold something, below which the largest of them are shown, not means."""


class PacbedView(ImageView):
    """Square root of the summed pattern, with the bright-field disc and the chosen annulus."""

    def __init__(self):
        self.disc, self.edges = rings(RING), rings(SECOND, line_dash="dashed")
        cross = hv.Points([], axes("mrad")).opts(marker="cross", size=11, color=RING)
        self.centre = Marks(cross)
        super().__init__("e⁻", "mrad", marks=(self.disc, self.edges, self.centre))
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
        known = centre is not None
        edges = [edge for edge in annulus or () if 0 < edge < 10 and abs(edge - 1) > 0.02]
        radii = [size * radius * step for size in (1, *edges)] if known and radius else []
        self._counts = counts
        self.raster.how = how_to_show(counts)
        self.disc.show(map(circle, radii[:1]))
        self.edges.show(map(circle, radii[1:]))
        self.centre.show([(0.0, 0.0)] if known else [])
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


def rings(colour: str, **look) -> Marks:
    """Circles around the disc's centre."""
    return Marks(hv.Path([], axes("mrad")).opts(color=colour, line_width=1.6, **look))


def how_to_show(counts) -> str:
    """How a pattern is aggregated that is larger than its frame: see `app.drawing.aggregate`."""
    # The mean of an electron and of hundreds of empty pixels could not be seen.
    return "max" if np.count_nonzero(counts) < SPARSE * counts.size else "mean"
