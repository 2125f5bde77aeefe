"""Lines over one axis: how an iteration converges, what correlates up to which frequency."""

from collections.abc import Callable

import holoviews as hv
import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, CustomJS, FixedTicker, LinearAxis, Range1d

from app.drawing.marks import Marks, draw_with
from app.pipeline.chart import Chart
from app.views.assets import asset
from app.views.component import number
from app.views.frame import COLOURS, dress

INKS = {
    "dark": ("#4cc2ff", "#ffb000", "#4ccb8b", "#ff8fa3"),
    "light": ("#0b7dc2", "#b36b00", "#17874e", "#c62858"),
}
"""Of the lines, in their order."""

PERIODS = (50, 20, 10, 5, 4, 3, 2.5, 2, 1.6, 1.3, 1.1, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Å that the upper axis may name."""

APART = 0.09
"""Share of the axis that lies between two of them at least."""


class CurveView(pn.viewable.Viewer):
    """Lines with axes, legend and marked places.

    The figure is made anew when its axes or its legend change; otherwise only what it shows is
    written into its sources.
    """

    unit = axis_unit = ""

    def __init__(self, **params):
        super().__init__(**params)
        self.theme, self._name = "dark", ""
        self.on_pointer: Callable[[float | None, float | None], None] | None = None
        """Called with the position under the pointer, or with None twice."""
        self.on_pick: Callable[[float], None] | None = None
        """Called with the place along x that was clicked."""
        self.chart = Chart(np.empty(0), {"": np.empty(0)})
        self.pane = pn.pane.Bokeh(sizing_mode="stretch_both", margin=0, min_height=60)
        self._build()

    def show(self, x, lines: dict, **more) -> None:
        """Draw `lines` over `x`; all as `Chart` takes it."""
        self.draw(Chart(x, lines, **more))

    def draw(self, chart: Chart) -> None:
        """Draw a chart."""
        anew = chart.layout != self.chart.layout
        self.chart = chart
        if anew:
            self._build()
        self._write()

    def mark(self, marks) -> None:
        """Mark other places along x, pairs of a place and a few words."""
        (x0, x1), (_, top) = self.chart.ends()
        self.marks.show((float(x),) for x, _ in marks)
        words = []
        for n, (x, text) in enumerate(marks):
            # Words stay within the figure: those of the right half stand left of their line. Each
            # is a line lower than the last, since two places may be near one another.
            left = x > (x0 + x1) / 2
            said = f"{text} " if left else f" {text}"
            words.append((float(x), top, "\n" * n + said, "right" if left else "left"))
        self.words.show(reversed(words))  # the first above the empty lines of the others

    def clear(self) -> None:
        """Show nothing."""
        for line in self.lines.values():
            line.show([])
        self.mark(())

    def _build(self):
        chart = self.chart
        many = len(chart.lines) > 1
        self.lines = {
            name: Marks(hv.Curve([], label=name if many else "").opts(logy=chart.logy))
            for name in chart.lines
        }
        self.marks = Marks(hv.VLines([]).opts(line_width=1.4, line_dash="dotted"))
        self.words = Marks(
            hv.Labels([], vdims=["text", "text_align"]).opts(
                text_align=hv.dim("text_align"),
                text_baseline="top",
                text_font_size="11px",
                backend_opts={"glyph.y_offset": 3, "glyph.padding": 1},
            )
        )
        self.plot = draw_with(None, [*self.lines.values(), self.marks, self.words])
        self.figure = fig = self.plot.state
        fig.x_range, fig.y_range = Range1d(0, 1), Range1d(0.1 if chart.logy else 0, 1)
        fig.update(
            toolbar_location=None,
            tools=[],
            output_backend="canvas",
            sizing_mode="stretch_both",
            background_fill_alpha=0,
            border_fill_alpha=0,
            outline_line_color=None,
            min_width=40,
            min_height=40,
            min_border=4,
            name=self._name or None,
        )
        fig.toolbar.logo = None
        fig.xaxis.axis_label, fig.yaxis.axis_label = chart.x_label or None, chart.y_label or None
        fig.xgrid.visible, fig.ygrid.visible = False, True
        if chart.periods:
            self._upper = LinearAxis(axis_label="period (Å)")
            fig.add_layout(self._upper, "above")
        self.pointer = ColumnDataSource({"x": [float("nan")], "y": [float("nan")]})
        script = CustomJS(args={"pointer": self.pointer}, code=asset("curve.js"))
        fig.js_on_event("mousemove", script)
        fig.js_on_event("mouseleave", script)
        fig.on_event("tap", self._tapped)
        self.pointer.on_change("data", self._pointed)
        self.set_theme(self.theme)
        self.pane.object = fig

    def _write(self):
        chart, fig = self.chart, self.figure
        (x0, x1), (y0, y1) = chart.ends()
        fig.x_range.update(start=x0, end=x1)
        fig.y_range.update(start=y0, end=y1)
        along = chart.column("x").tolist()
        for name, line in self.lines.items():
            line.show(zip(along, chart.column(name).tolist(), strict=True))
        self.mark(chart.marks)
        if chart.periods:
            places = periods(x0, x1)
            self._upper.ticker = FixedTicker(ticks=list(places))
            self._upper.major_label_overrides = places

    def read(self, x: float | None, y: float | None) -> str:
        """What the lines say under the pointer; empty beside them."""
        (x0, x1), _ = self.chart.ends()
        if x is None or not x0 <= x <= x1:
            return ""
        return self.chart.read(x)

    def _pointed(self, attr, old, new):
        if self.on_pointer:
            x, y = number(new, "x"), number(new, "y")
            self.on_pointer(*((None, None) if x is None else (x, y)))

    def _tapped(self, event):
        x = number({"x": [event.x]}, "x")
        if self.on_pick and x is not None:
            self.on_pick(x)

    def call(self, name: str) -> None:
        """Give the figure a name, by which the browser finds it."""
        self._name = self.figure.name = name

    def compact(self) -> None:
        """Nothing: a curve without its axes' titles says nothing."""

    def set_theme(self, theme: str) -> None:
        """Dress the figure for a "dark" or a "light" page."""
        self.theme, fig, colours = theme, self.figure, COLOURS[theme]
        dress(fig, theme)
        fig.ygrid.update(grid_line_color=colours["line"], grid_line_alpha=0.5)
        glyphs = [layer.handles["glyph"] for layer in self.plot.subplots.values()]
        inks = iter(INKS[theme] * len(self.lines))
        dashes = iter(("dashed", "dotdash", "dotted") * len(self.lines))
        for name, glyph in zip(self.lines, glyphs, strict=False):
            if name in self.chart.guides:
                glyph.update(line_color=colours["text"], line_dash=next(dashes), line_width=1.2)
            else:
                glyph.update(line_color=next(inks), line_dash="solid", line_width=2)
        line, words = glyphs[-2:]
        line.line_color = words.text_color = colours["ink"]
        words.update(background_fill_color=colours["backdrop"], background_fill_alpha=0.65)
        for legend in fig.legend:
            legend.update(
                location="top_right",
                label_text_color=colours["text"],
                label_text_font_size="11px",
                label_height=14,
                glyph_height=14,
                glyph_width=22,
                spacing=1,
                padding=4,
                margin=4,
                background_fill_color=colours["backdrop"],
                background_fill_alpha=0.7,
                border_line_color=None,
            )

    def close(self) -> None:
        """Let go of the browser's callbacks."""
        self.on_pointer = self.on_pick = None
        self.plot.cleanup()

    def __panel__(self):
        return self.pane


def periods(first: float, last: float) -> dict[float, str]:
    """Spatial frequencies [1/nm] of round periods [Å] between two others -> the periods."""
    places, after = {}, first + 0.04 * (last - first)
    for period in PERIODS:
        q = 10 / period
        if after <= q <= last:
            places[q] = f"{period:g}"
            after = q + APART * (last - first)
    return places
