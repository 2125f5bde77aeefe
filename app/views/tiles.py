"""The G tiles as one picture."""

import holoviews as hv
import numpy as np
from bokeh.models import ColumnDataSource

from app.drawing.display import Extent, mosaic, packed
from app.views.frame import COLOURS, Frame


class TilesView(Frame):
    """Tiles of conj(gamma) G side by side: phase as hue, magnitude as brightness.

    One figure for all of them: a figure for each costs three times as long to draw.
    """

    def __init__(self):
        element = hv.RGB(
            (np.arange(2.0), np.arange(2.0), *np.zeros((4, 2, 2), np.uint8)), vdims=list("RGBA")
        ).opts(invert_yaxis=True, responsive=True, xaxis=None, yaxis=None, tools=[])
        super().__init__(element)
        self.source = self.plot.handles["source"]
        self.labels = ColumnDataSource({"x": [], "y": [], "text": []})
        self.figure.text(
            "x",
            "y",
            "text",
            source=self.labels,
            text_font_size="11px",
            text_color=COLOURS["dark"]["text"],  # the tiles lie on black in both themes
            text_baseline="top",
            x_offset=1,
            y_offset=-1,
            background_fill_color="#0d1116",
            background_fill_alpha=0.6,
            level="overlay",
        )
        self.shown = None
        self.set_theme("dark")

    def show(self, tiles, labels=()) -> None:
        """Draw `tiles` (n, By, Bx) complex with the period of each frequency as its label."""
        made = mosaic(tiles)
        height, width = made.rgba.shape[:2]
        self.shown = made
        self.set_whole(Extent(0.0, float(width), 0.0, float(height)))
        self.source.data = {
            "image": [packed(made.rgba)],
            "x": [0.0],
            "y": [0.0],
            "dw": [float(width)],
            "dh": [float(height)],
        }
        rows, columns = made.corners.T if len(made.corners) else ([], [])
        marks = {"x": list(columns), "y": list(rows), "text": list(labels)[: len(columns)]}
        if len(marks["text"]) == len(columns) and marks != self.labels.data:
            self.labels.data = marks

    def relabel(self, labels) -> None:
        """Write other labels on the tiles that are shown."""
        marks = self.labels.data
        if len(labels) == len(marks["text"]) and list(labels) != marks["text"]:
            self.labels.data = {**marks, "text": list(labels)}

    def clear(self) -> None:
        """Show nothing."""
        self.shown = None
        self.source.data = {name: [] for name in ("image", "x", "y", "dw", "dh")}
        self.labels.data = {"x": [], "y": [], "text": []}
