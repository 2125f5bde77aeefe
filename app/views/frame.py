"""A figure of HoloViews that fills its place with square pixels and zooms together with others."""

from collections.abc import Callable
from contextlib import nullcontext

import panel as pn
from bokeh.models import ColumnDataSource, CustomJS, PanTool, Range1d, ScaleBar, WheelZoomTool

from app.drawing.display import Extent
from app.drawing.marks import draw_with
from app.pipeline.hands import give_way
from app.server.sending import one_message
from app.views.assets import asset
from app.views.component import finite, number

COLOURS = {
    "dark": {"text": "#9aa4b2", "line": "#3a4350", "ink": "#e8ecf1", "backdrop": "#10141a"},
    "light": {"text": "#5b6572", "line": "#c3cad3", "ink": "#1b2430", "backdrop": "#f4f6f8"},
}
"""Of axes, rules, marks and the empty part of a figure."""


SEEN = ("x0", "x1", "y0", "y1", "width", "height", "ratio", "across", "down")
"""What the browser says is visible: the part, the figure's size [px of the screen], and of how wide
and high a whole that was said."""


class Link:
    """Centre and zoom that the figures of one scan share.

    A zoom of 1 shows all of the scan in each figure, whatever the figure's shape; 0 asks for that.
    """

    def __init__(self):
        self.source = ColumnDataSource({"cx": [0.0], "cy": [0.0], "zoom": [0.0]})

    def visible(self, extent: Extent) -> tuple[float, float, float, float] | None:
        """(x0, x1, y0, y1) of the part with the scan's own shape; None while all is shown."""
        cx, cy, zoom = (number(self.source.data, name) for name in ("cx", "cy", "zoom"))
        if None in (cx, cy, zoom) or not 1e-9 < zoom < 1e9:
            return None
        half_x, half_y = extent.width / zoom / 2, extent.height / zoom / 2
        part = (cx - half_x, cx + half_x, cy - half_y, cy + half_y)
        everything = (extent.x0, extent.x1, extent.y0, extent.y1)
        tolerance = 1e-3 * max(extent.width, extent.height)
        near = all(abs(a - b) < tolerance for a, b in zip(part, everything, strict=True))
        return None if near else part

    def show(self, extent: Extent, part) -> None:
        """Show the part (x0, x1, y0, y1), or everything for None."""
        values = {"cx": [0.0], "cy": [0.0], "zoom": [0.0]}
        if part is not None:
            x0, x1, y0, y1 = part
            width, height = max(abs(x1 - x0), 1e-12), max(abs(y1 - y0), 1e-12)
            zoom = min(extent.width / width, extent.height / height)
            values = {"cx": [(x0 + x1) / 2], "cy": [(y0 + y1) / 2], "zoom": [zoom]}
        if self.source.data != values:
            self.source.data = values


class Frame(pn.viewable.Viewer):
    """The figure of a HoloViews element, made once; what it shows is written into its sources.

    Parameters
    ----------
    element : holoviews element
        Its options say how it looks.
    marks : sequence of Marks
        What lies over it.
    link : Link, optional
        Shared with the figures that zoom together with this one.
    zoom : bool
        Whether pan and wheel move the picture.
    """

    def __init__(self, element, marks=(), link: Link | None = None, zoom: bool = True, **params):
        super().__init__(**params)
        self.plot = draw_with(element, marks)
        self.figure = fig = self.plot.state
        self.theme = "dark"
        self.straight = False
        """Whether what rests is written into its source past HoloViews, too, as what moves is."""
        self.whole = Extent(0.0, 1.0, 0.0, 1.0)
        self.on_view: Callable[[], None] | None = None
        """Called when another part has become visible."""
        self.on_pointer: Callable[[float | None, float | None], None] | None = None
        """Called with the position under the pointer, or with None twice."""
        self.on_tap: Callable[[float, float, bool], None] | None = None
        """Called with the position of a click, and whether the shift key was down."""
        self.extent = ColumnDataSource({"x0": [0.0], "x1": [1.0], "y0": [0.0], "y1": [1.0]})
        self.view = ColumnDataSource({name: [0.0] for name in SEEN})
        self.pointer = ColumnDataSource({"x": [float("nan")], "y": [float("nan")]})
        self._prepare(fig, link, zoom)
        self.pane = pn.pane.Bokeh(fig, sizing_mode="stretch_both", margin=0, min_height=60)
        give_way()  # a figure takes a tenth of what a page does

    def _prepare(self, fig, link, zoom):
        # y runs downwards: the first row of a scan is on top, and a positive angle looks clockwise.
        left = 52 if fig.yaxis and fig.yaxis[0].visible else 4
        fig.x_range, fig.y_range = Range1d(0, 1), Range1d(1, 0)
        fig.update(
            sizing_mode="stretch_both",
            toolbar_location=None,
            # HoloViews asks for WebGL, which every paint of the few marks would have to wait for.
            output_backend="canvas",
            min_border=4,
            # Room for five digits, so that the frame keeps its size while it is zoomed.
            min_border_left=left,
            background_fill_alpha=0,
            border_fill_alpha=0,
            outline_line_color=None,
            match_aspect=False,
        )
        fig.title.text = ""
        fig.grid.visible = False
        fig.toolbar.logo = None
        fig.tools = []
        if zoom:
            wheel = WheelZoomTool(zoom_on_axis=False, speed=1 / 500)
            pan = PanTool()
            fig.add_tools(wheel, pan)
            fig.toolbar.active_scroll, fig.toolbar.active_drag = wheel, pan
        bars = list(fig.select(type=ScaleBar))
        for bar in bars:
            # HoloViews gave it the range that has just been replaced.
            bar.update(range=fig.x_range, anchor="bottom_left", x_units="data", y_units="data")
        source = link.source if link else None
        args = {"fig": fig, "extent": self.extent, "view": self.view, "pointer": self.pointer}
        args["bars"] = bars
        script = CustomJS(args=args | {"link": source}, code=asset("frame.js"))
        for name in ("inner_width", "inner_height"):
            fig.js_on_change(name, script)
        for axis in (fig.x_range, fig.y_range):
            axis.js_on_change("start", script)
            axis.js_on_change("end", script)
        self.extent.js_on_change("data", script)
        if link:
            link.source.js_on_change("data", script)
        for event in ("mousemove", "mouseleave", "doubletap"):
            fig.js_on_event(event, script)
        fig.on_event("tap", self._tapped)
        self.view.on_change("data", self._viewed)
        self.pointer.on_change("data", self._pointed)

    def _viewed(self, attr, old, new):
        if not self.on_view:
            return
        document = self.view.document
        # Else Bokeh looks through all models of the page for each picture drawn anew.
        with one_message(document) if document else nullcontext():
            self.on_view()

    def _pointed(self, attr, old, new):
        if self.on_pointer:
            x, y = number(new, "x"), number(new, "y")
            self.on_pointer(*((None, None) if None in (x, y) else (x, y)))

    def _tapped(self, event):
        x, y = finite(event.x), finite(event.y)
        if self.on_tap and None not in (x, y):
            shift = getattr(event, "modifiers", None) or {}
            self.on_tap(x, y, isinstance(shift, dict) and shift.get("shift") is True)

    @property
    def visible(self) -> Extent | None:
        """The part that can be seen; None before the browser has said so of what is shown now."""
        x0, x1, y0, y1, *_, across, down = (number(self.view.data, name) for name in SEEN)
        if None in (x0, x1, y0, y1) or not self.width or not self.height:
            return None
        part, whole = Extent(x0, x1, y0, y1), self.whole
        if (across, down) != (whole.width, whole.height):
            return None  # of what was shown before
        sizes = (part.width / whole.width, part.height / whole.height)
        return part if all(1e-9 < abs(size) < 1e9 for size in sizes) else None

    @property
    def width(self) -> float:
        """Width of the figure on the screen [px]; 0 before the browser has said so."""
        return number(self.view.data, "width") or 0.0

    @property
    def height(self) -> float:
        """Height of the figure on the screen [px]; 0 before the browser has said so."""
        return number(self.view.data, "height") or 0.0

    def set_whole(self, extent: Extent) -> bool:
        """Say what there is to see; whether that is news."""
        if extent == self.whole:
            return False
        self.whole = extent
        self.extent.data = {
            name: [float(getattr(extent, name))] for name in ("x0", "x1", "y0", "y1")
        }
        return True

    def call(self, name: str) -> None:
        """Give the figure a name, by which the browser finds it."""
        self.figure.name = name

    def compact(self) -> None:
        """Spare the titles of the axes, and ticks, where a figure is small."""
        for axis in self.figure.axis:
            axis.axis_label = None
            axis.ticker.desired_num_ticks = 4

    def set_theme(self, theme: str) -> None:
        """Dress the figure for a "dark" or a "light" page."""
        self.theme = theme
        dress(self.figure, theme)

    def close(self) -> None:
        """Let go of the browser's callbacks."""
        self.on_view = self.on_pointer = self.on_tap = None
        self.plot.cleanup()

    def __panel__(self):
        return self.pane


def dress(fig, theme: str) -> None:
    """Colours and type of a figure's axes, bars and marks."""
    colours = COLOURS[theme]
    for axis in fig.axis:
        axis.update(
            axis_line_color=colours["line"],
            major_tick_line_color=colours["line"],
            minor_tick_line_color=None,
            major_label_text_color=colours["text"],
            major_label_text_font_size="11px",
            major_tick_out=4,
            major_tick_in=0,
            axis_label_text_color=colours["text"],
            axis_label_text_font_size="11px",
            axis_label_text_font_style="normal",
            axis_label_standoff=4,
        )
    for item in [*fig.right, *fig.left, *fig.center, *fig.above]:
        kind = type(item).__name__
        if kind == "ColorBar":
            item.update(
                background_fill_alpha=0,
                bar_line_color=None,
                major_label_text_color=colours["text"],
                major_label_text_font_size="11px",
                major_tick_line_color=colours["text"],
                title_text_color=colours["text"],
                title_text_font_size="11px",
                title_text_font_style="normal",
            )
        elif kind == "ScaleBar":
            item.update(
                background_fill_color="#000000",
                background_fill_alpha=0.45,
                border_line_alpha=0,
                bar_line_color="#ffffff",
                bar_line_width=3,
                bar_length=0.13,
                padding=7,
                margin=8,
                label_text_color="#ffffff",
                label_text_font_size="12px",
            )
