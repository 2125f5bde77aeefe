"""Pictures of the scan and of the detector: one value, or one vector, at each pixel."""

from functools import partial
from time import monotonic

import colorcet
import holoviews as hv
import numpy as np
from bokeh.models import (
    BasicTicker,
    BasicTickFormatter,
    ColumnDataSource,
    LinearColorMapper,
    ScaleBar,
)
from bokeh.palettes import all_palettes

from app.drawing.display import Extent, Limits, to_u8, value_at
from app.drawing.field import Field
from app.drawing.marks import SECOND, Marks
from app.drawing.raster import COLUMNS, MOVING_PX, Raster
from app.views.frame import Frame, Link
from app.views.moving import moving_source

PAPER = {"dark": "#1b1f24", "light": "#e6e9ed"}
"""Under what is hatched."""

ENDS = ("x0", "x1", "y0", "y1")
"""Of a hatched part."""

BAR_PX = 84
"""Room for the colour bar, whose numbers are as long as "−0.05"."""
BAR_S = 0.3
"""How often a colour bar's numbers change while a hand moves."""

_COLORCET = {"fire": "fire", "coolwarm": "coolwarm", "cyclic": "cyclic_mygbm_30_95_c78"}


def palette(name: str) -> list[str]:
    """256 colours of a map, as "#rrggbb"."""
    if name == "grey":
        return [f"#{level:02x}{level:02x}{level:02x}" for level in range(256)]
    if name in _COLORCET:
        return list(colorcet.palette[_COLORCET[name]])
    return list(all_palettes[name.capitalize()][256])


def options(axis_unit: str, **more) -> dict:
    """HoloViews' options of a picture whose axes are measured in `axis_unit`."""
    common = {"responsive": True, "invert_yaxis": True, "tools": []}
    if axis_unit == "nm":
        common |= {
            "scalebar": True,
            "scalebar_location": "bottom_left",
            "scalebar_unit": ("nm", "m"),
        }
    return common | more


def _keep_borders(left: int, bar, plot, element) -> None:
    """Set a figure's borders as they were; HoloViews sets its own with every picture it draws.

    A bar is laid out as wide as its numbers are then; later ones may be longer.
    """
    right = BAR_PX if bar.visible else 4
    plot.state.update(min_border_left=left, min_border_right=right)


def axes(axis_unit: str) -> list[hv.Dimension]:
    """The two axes of a picture."""
    return [hv.Dimension(name, unit=axis_unit or None) for name in ("x", "y")]


class Picture(Frame):
    """A frame of a `Raster`: what is shown and visible, averaged to what the screen can show.

    At rest HoloViews draws it. While a hand moves the same pixels are written straight into the
    source of the figure that HoloViews has made, which takes a fraction of the time. Zooming in
    sends the true pixels of the visible part.
    """

    def __init__(
        self, raster: Raster, plot, unit: str, axis_unit: str, link: Link | None = None, marks=()
    ):
        self._hatched = self._hatching = None
        self.outlined = Marks(hv.Path([], axes(axis_unit)).opts(color=SECOND, line_width=1.8))
        super().__init__(plot, [*marks, self.outlined], link)
        self.raster = raster
        """Not linked: zoom and size come from the frame's own script, which links figures."""
        self.unit, self.axis_unit = unit, axis_unit
        self.glyph_plot = next(iter(self.plot.subplots.values()))
        """HoloViews' plot of the picture itself."""
        self.source = self.moved = self.glyph_plot.handles["source"]
        self.image: np.ndarray | None = None
        self.moving = False
        self.on_view = self.redraw

    def show(self, image, extent: Extent | None = None, moving: bool = False) -> None:
        """Draw `image`.

        Parameters
        ----------
        image : (H, W, ...) real array
        extent : Extent, optional
            Of the whole image in the axes' unit; pixels if not given.
        moving : bool
            Whether more images follow at once: then no more than `MOVING_PX` pixels are sent along
            a side, past HoloViews.
        """
        self.image, self.moving = image, moving
        self.set_whole(extent or Extent.of(image.shape))
        self.redraw()

    def redraw(self) -> None:
        """Send the visible part of the image again."""
        if self.image is None:
            return
        self.raster.look(self.visible, self.width, self.height)
        if self.moving:
            self.raster.hold(self.image, self.whole)
            self.moved.data = self.raster.columns(MOVING_PX)
        elif self.straight:
            self.raster.rest_in(self.source, self.image, self.whole)
        else:
            self.raster.send(self.image, self.whole)

    def set_unit(self, unit: str) -> None:
        """Say what the values are measured in."""
        self.unit = unit

    def set_axis_unit(self, unit: str) -> None:
        """Say what the axes are measured in: a length has a scale bar, "px" has none."""
        if unit == self.axis_unit:
            return
        self.axis_unit = unit
        for axis, name in ((self.figure.xaxis[0], "x"), (self.figure.yaxis[0], "y")):
            if axis.axis_label:
                axis.axis_label = f"{name} ({unit})"
        for bar in self.figure.select(type=ScaleBar):
            bar.visible = unit == "nm"

    def outline(self, part: Extent | None) -> None:
        """Draw a frame around a part of the picture; None takes it away."""
        self.outlined.show([] if part is None else [part.outline()])

    def hatch(self, parts) -> None:
        """Hatch the parts of the picture, `Extent`s, of which nothing is known yet."""
        if self._hatched is None:
            if not parts:
                return
            self._hatched = ColumnDataSource({name: [] for name in ENDS})
            self._hatching = self.figure.quad(
                left="x0",
                right="x1",
                top="y0",
                bottom="y1",
                source=self._hatched,
                level="overlay",  # as all marks: see `moving_source`
                line_color=None,
                fill_color=PAPER[self.theme],
                hatch_pattern="right_diagonal_line",
                hatch_color="#8a929c",
                hatch_alpha=0.35,
                hatch_scale=14,
            )
        data = {name: [getattr(part, name) for part in parts] for name in ENDS}
        if data != self._hatched.data:
            self._hatched.data = data

    def set_theme(self, theme: str) -> None:
        """Dress the figure for a "dark" or a "light" page."""
        super().set_theme(theme)
        if self._hatching is not None:
            self._hatching.glyph.fill_color = PAPER[theme]

    def clear(self) -> None:
        """Show nothing."""
        self.image = None
        self.hatch(())
        for source in {self.source, self.moved}:
            source.data = {name: [] for name in COLUMNS}

    def read(self, x: float | None, y: float | None) -> str:
        """Position and exact value in words; empty beside the image."""
        if x is None or self.image is None:
            return ""
        value = value_at(self.image, self.whole, x, y)
        if value is None:
            return ""
        return f"x {x:.4g}  y {y:.4g} {self.axis_unit}   {self.in_words(value)}"

    def in_words(self, value) -> str:
        """A pixel's value with its unit."""
        if np.isnan(value):
            return "not scanned yet"
        return f"{value:.4g} {self.unit}".rstrip()


class ImageView(Picture):
    """An image of one value at each pixel, in eight bits.

    Parameters
    ----------
    unit : str
        Of the values.
    axis_unit : str
        Of both axes.
    link : Link, optional
        Shared with the figures that zoom together with this one.
    marks : sequence of Marks
        What lies over it.
    """

    def __init__(self, unit="", axis_unit="nm", link: Link | None = None, marks=()):
        element = hv.Image(
            np.zeros((2, 2), np.uint8), axes(axis_unit), hv.Dimension("value", unit=unit or None)
        ).opts(**options(axis_unit, colorbar=True, clim=(0, 255), cmap=palette("grey")))
        self._shown = 0.0, 1.0
        raster = Raster(element, self._shaded, linked=False)
        super().__init__(raster, raster.plot, unit, axis_unit, link, marks)
        self.mapper = self.glyph_plot.handles["color_mapper"]
        self.scale = LinearColorMapper(palette=self.mapper.palette, low=0, high=1)
        """Of the colour bar: the same colours on the values' own scale."""
        self.moved = moving_source(self.figure, self.source, self.mapper)
        self.limits = Limits()
        self._told_at, self._was_moving = 0.0, False
        self._dress_bars()

    def _dress_bars(self):
        self.bar = self.glyph_plot.handles["colorbar"]
        self.bar.update(
            color_mapper=self.scale,
            ticker=BasicTicker(desired_num_ticks=5),
            formatter=BasicTickFormatter(precision=2, use_scientific=True),
            width=10,
            padding=6,
            label_standoff=4,
            title=self.unit or None,
        )
        keep = partial(_keep_borders, self.figure.min_border_left, self.bar)
        self.plot.hooks = [*self.plot.hooks, keep]
        keep(self.plot, None)  # from the beginning, so that the frame keeps its size
        self.set_theme("dark")

    def redraw(self) -> None:
        """Send the visible part of the image again."""
        if self.image is None:
            return
        self._shown = low, high = self.limits.of(self.image, self.moving)
        super().redraw()
        # New numbers lay the bar and the whole figure out anew, which takes longer than the image:
        # while a hand moves they follow a few times a second.
        now = monotonic()
        if not self._was_moving:
            self._told_at = now
        self._was_moving = self.moving
        due = not self.moving or now - self._told_at > BAR_S
        if due and (self.scale.low, self.scale.high) != (low, high):
            self._told_at = now
            self.scale.update(low=low, high=high)

    def _shaded(self, part):
        return to_u8(part, *self._shown)  # eight bits between the limits

    def set_colours(self, name: str) -> None:
        """Choose the colour map."""
        colours = palette(name)
        if self.mapper.palette != colours:
            self.mapper.palette = colours
            self.scale.palette = colours
            self.raster.restyle(cmap=colours)

    def set_percentiles(self, low: float, high: float) -> None:
        """Black below and white above these percentiles of the image."""
        if (self.limits.low, self.limits.high) != (low, high):
            self.limits.low, self.limits.high = low, high
            self.limits.forget()
            self.redraw()

    def set_unit(self, unit: str) -> None:
        """Say what the values are measured in."""
        if unit != self.unit:
            self.unit = unit
            self.bar.title = unit or None


class FieldView(Picture):
    """A vector field: direction as hue, length as brightness, and arrows.

    Takes (H, W, 2) arrays of (y, x); right is the wheel's right and down its lower half.
    """

    def __init__(self, unit="mrad", axis_unit="nm", link: Link | None = None):
        field = Field(axes(axis_unit), options(axis_unit), linked=False)
        super().__init__(field.raster, field.plot, unit, axis_unit, link)
        self.limits = field.limits
        self.set_theme("dark")

    def clear(self) -> None:
        """Show nothing."""
        super().clear()
        arrows = list(self.plot.subplots.values())[1].handles["source"]
        arrows.data = {name: [] for name in arrows.data}

    def in_words(self, value) -> str:
        """Both components, and the length."""
        y, x = value
        return f"({x:.3g}, {y:.3g}) {self.unit}, |{np.hypot(y, x):.3g}|"
