"""What lies over a picture: rings, outlines, lines and words."""

from functools import reduce
from operator import mul

import holoviews as hv
import holoviews.plotting.bokeh
import numpy as np
from holoviews.streams import Pipe

RING, SECOND = "#ffb000", "#4cc2ff"
"""Of what was found, and of what is compared with it or pointed at."""


class Marks:
    """An element of HoloViews that lies over another by `*`, and whose data change.

    HoloViews draws it. In a figure of `draw_with` the same values are written past HoloViews, which
    would draw what lies below anew.

    Parameters
    ----------
    template : hv.Element
        Without data, with its options.
    """

    def __init__(self, template):
        self.template, self.source = template, None
        self._pipe = Pipe(data=[])
        self.plot = hv.DynamicMap(lambda data: template.clone(data), streams=[self._pipe])

    @property
    def data(self) -> list:
        """What is drawn, as `show` took it."""
        return self._pipe.data

    def show(self, data) -> None:
        """Draw other data: a tuple of values for each mark, a list of (x, y) for each path."""
        data = list(data)
        if data == self.data:
            return
        if self.source is None:
            self._pipe.send(data)
        else:
            self._pipe.update(data=data)
            self.source.data = self.columns()

    def columns(self) -> dict[str, list]:
        """What is drawn, as the glyph's source wants it."""
        if isinstance(self.template, hv.Path):
            paths = [list(zip(*path, strict=True)) for path in self.data]
            return {"xs": [x for x, _ in paths], "ys": [y for _, y in paths]}
        names = [dimension.name for dimension in self.template.dimensions()]
        values = zip(*self.data, strict=True) if self.data else [()] * len(names)
        return {name: list(column) for name, column in zip(names, values, strict=True)}


def draw_with(below, marks):
    """HoloViews' plot of an element with marks over it, which are written into it from now on.

    `below` is None where there is nothing but marks.
    """
    whole = reduce(mul, [*([] if below is None else [below]), *(each.plot for each in marks)])
    plot = hv.renderer("bokeh").get_plot(whole)
    if marks:
        layers = list(plot.subplots.values())[-len(marks) :]
        for each, layer in zip(marks, layers, strict=True):
            each.source = layer.handles["source"]
    return plot


def circle(radius: float) -> list[list[float]]:
    """A path around the origin."""
    turns = np.linspace(0, 2 * np.pi, 101)
    return (radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)).tolist()
