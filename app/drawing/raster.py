"""An array over a rectangle as a HoloViews pipeline: data, zoom and size in, a picture out.

Where a figure must answer a hand at once, `Raster.columns` gives the same pixels for its source.
"""

from collections.abc import Callable

import holoviews as hv
import numpy as np
from holoviews.streams import Pipe, PlotSize, RangeXY

from app.drawing.aggregate import seen
from app.drawing.display import Extent, packed

MOVING_PX = 512
"""Longest side that is sent while a hand is moving."""

RESTING_PX = 1024
"""Longest side that is sent at rest, if the figure has that many pixels on the screen."""

COLUMNS = ("image", "x", "y", "dw", "dh")
"""Of the source that HoloViews gives an image's glyph."""


class Raster:
    """A `DynamicMap` of one array, aggregated by Datashader to what its frame shows.

    Parameters
    ----------
    template : hv.Image or hv.RGB
        With its options; each picture is a clone of it, so that they are looked up once.
    shade : callable
        `shade(part)` gives the element's values of an aggregated part: (h, w) for an image,
        (h, w, 4) uint8 for colours.
    linked : bool
        Whether zoom and size come from the plot that HoloViews makes. Otherwise `look` tells them.

    Attributes
    ----------
    plot : hv.DynamicMap
        With the streams `Pipe`, `RangeXY` and `PlotSize`.
    how : str
        How Datashader aggregates: see `app.drawing.aggregate.aggregate`.
    """

    def __init__(self, template, shade: Callable = lambda part: part, linked: bool = True):
        self.template, self._shade, self.how = template, shade, "mean"
        self.dimensions: dict = {}
        """Other `vdims` for the next pictures, such as one whose range are the limits."""
        self.pipe = Pipe(data=None)
        self._range, self._size = RangeXY(linked=linked), PlotSize(linked=linked)
        self.plot = hv.DynamicMap(self._draw, streams=[self.pipe, self._range, self._size])

    def restyle(self, **options) -> None:
        """Have the next pictures look otherwise."""
        self.template = self.template.opts(**options)

    def look(self, visible: Extent | None, width: float, height: float) -> None:
        """Say what is visible, in a frame of so many pixels of the screen; draws nothing."""
        ranges = {"x_range": None, "y_range": None}
        if visible is not None:
            ranges = {"x_range": (visible.x0, visible.x1), "y_range": (visible.y0, visible.y1)}
            size = {"width": max(1, round(width)), "height": max(1, round(height))}
            _update(self._size, size)
        _update(self._range, ranges)

    def hold(self, image, whole: Extent) -> None:
        """Take another array over the rectangle `whole`; draws nothing."""
        self.pipe.update(data=(image, whole))

    def send(self, image, whole: Extent) -> None:
        """Have HoloViews draw another array over the rectangle `whole`."""
        self.pipe.send((image, whole))

    def rest_in(self, source, image, whole: Extent) -> None:
        """Write another array into the figure's source, as HoloViews would draw it at rest."""
        self.hold(image, whole)
        source.data = self.columns(self._most)

    @property
    def _most(self) -> int:
        # A page that has not yet told its frames' sizes is still being loaded.
        return MOVING_PX if self.visible is None else RESTING_PX

    def columns(self, most: int = MOVING_PX) -> dict[str, list]:
        """What is drawn, as the glyph's source wants it; the longer side has `most` pixels."""
        part, where = self._part(most)
        pixels = self._shade(part)
        if pixels.ndim == 3:
            pixels = packed(pixels)
        values = (pixels, where.x0, where.y0, where.width, where.height)
        return {name: [value] for name, value in zip(COLUMNS, values, strict=True)}

    @property
    def visible(self) -> Extent | None:
        """What the frame shows; None before that is known."""
        ranges = self._range.x_range, self._range.y_range
        known = None not in ranges and self._size.width and self._size.height
        return Extent(*ranges[0], *ranges[1]) if known else None

    @property
    def pixels(self) -> tuple[int, int] | None:
        """(height, width) of the frame [px of the screen]; None before that is known."""
        return None if self.visible is None else (self._size.height, self._size.width)

    def _part(self, most):
        image, whole = self.pipe.data
        return seen(image, whole, self.visible, self.pixels, most, self.how)

    def _draw(self, data, x_range, y_range, width, height, scale):
        if data is None:
            return self.template
        part, where = self._part(self._most)
        # HoloViews has the first row on top, where y is largest; ours runs downwards.
        values = np.flipud(self._shade(part))
        bounds = (where.x0, where.y0, where.x1, where.y1)
        return self.template.clone(values, bounds=bounds, **self.dimensions)


def _update(stream, values) -> None:
    """Have a stream hold these; to tell it what it holds takes as long as the means of a part."""
    if any(getattr(stream, name) != value for name, value in values.items()):
        stream.update(**values)
