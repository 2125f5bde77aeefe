"""A vector field as a HoloViews pipeline: direction as hue, length as brightness, and arrows."""

import holoviews as hv
import numpy as np

from app.drawing.display import Extent, Limits, arrows, com_rgba, crop
from app.drawing.raster import Raster

PX_PER_ARROW = 26
"""Of the picture on the screen, along each side."""

ARROWS = {
    "magnitude": hv.dim("Magnitude"),
    "rescale_lengths": False,
    "pivot": "tail",
    "line_color": "#ffffff",  # on the coloured field in both themes
    "line_alpha": 0.85,
    "line_width": 1.2,
}


class Field:
    """`hv.RGB * hv.VectorField` of what can be seen of a field.

    Parameters
    ----------
    axes : list of hv.Dimension
        x and y.
    options : dict
        HoloViews' of the colours.
    linked : bool
        As for `Raster`.

    Attributes
    ----------
    raster : Raster
        Of the colours; takes (H, W, 2) arrays of (y, x).
    plot : hv.DynamicMap
    limits : Limits
        Lengths of black and of full brightness.
    """

    def __init__(self, axes, options, linked: bool = True):
        self.limits = Limits(0, 99)
        colours = hv.RGB(np.zeros((2, 2, 4), np.uint8), axes, vdims=list("RGBA"))
        self.raster = Raster(colours.opts(**options), self._coloured, linked)
        self._template = hv.VectorField([], axes).opts(**ARROWS)
        streams = self.raster.plot.streams
        self.plot = self.raster.plot * hv.DynamicMap(self._with_arrows, streams=streams)

    def _coloured(self, part):
        field, _ = self.raster.pipe.data
        _, longest = self.limits.of(np.hypot(field[..., 0], field[..., 1]))
        return com_rgba(np.moveaxis(part, -1, 0), longest)

    def _with_arrows(self, data, **seen):
        if data is None:
            return self._template
        field, whole = data
        part, where = field, whole
        if self.raster.visible is not None:
            part, where = crop(field, whole, self.raster.visible)
        y, x, dy, dx = arrows(np.moveaxis(part, -1, 0), self._across(where))
        step_x, step_y = where.width / part.shape[1], where.height / part.shape[0]
        dx, dy = dx * step_x, dy * step_y
        places = where.x0 + x * step_x, where.y0 + y * step_y
        return self._template.clone((*places, np.arctan2(dy, dx), np.hypot(dx, dy)))

    def _across(self, where: Extent) -> int:
        seen = self.raster.visible
        if seen is None:
            return 16
        unit_per_px = abs(seen.width) / self.raster.pixels[1]
        longer = max(where.width, where.height)
        return min(24, max(4, round(longer / unit_per_px / PX_PER_ARROW)))
