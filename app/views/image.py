"""Pictures of the scan and of the detector: one value, or one vector, at each pixel."""

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

from app.drawing.display import (
    Extent,
    Limits,
    area_average,
    arrows,
    com_rgba,
    crop,
    packed,
    to_u8,
    value_at,
)
from app.views.frame import Frame, Link

MOVING_PX = 512
"""Longest side that is sent while a hand is moving."""

RESTING_PX = 1024
"""Longest side that is sent at rest, if the figure has that many pixels on the screen."""

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


def axes(axis_unit: str) -> list[hv.Dimension]:
    """The two axes of a picture."""
    return [hv.Dimension(name, unit=axis_unit or None) for name in ("x", "y")]


class Picture(Frame):
    """A frame whose image source is written anew for what is shown and for what is visible.

    HoloViews makes the figure once, with axes, scale bar and colour bar. After that `show` only
    writes the source: averaged to what the screen can show. Zooming in sends the true pixels of
    the visible part.
    """

    def __init__(self, element, unit: str, axis_unit: str, link: Link | None = None):
        super().__init__(element, link)
        self.unit, self.axis_unit = unit, axis_unit
        self.source = self.plot.handles["source"]
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
            Whether more images follow at once: then no more than `MOVING_PX` pixels are sent.
        """
        self.image, self.moving = image, moving
        self.set_whole(extent or Extent.of(image.shape))
        self.redraw()

    def redraw(self) -> None:
        """Send the visible part of the image again."""
        if self.image is None:
            return
        part, where = self._visible_part()
        self.source.data = {
            "image": [self.shaded(part)],
            "x": [where.x0],
            "y": [where.y0],
            "dw": [where.width],
            "dh": [where.height],
        }

    def shaded(self, part):
        """What goes into the source for the values of the visible part."""
        raise NotImplementedError

    def _visible_part(self):
        part, where, visible = self.image, self.whole, self.visible
        most = MOVING_PX if self.moving else max(MOVING_PX, min(RESTING_PX, self.pixels))
        if visible is not None:
            # At rest a margin is sent along, so that a small pan meets no edge.
            part, where = crop(self.image, self.whole, visible, 0.0 if self.moving else 0.15)
            seen, _ = crop(self.image, self.whole, visible)
            most = round(most * max(part.shape[:2]) / max(seen.shape[:2]))
        return area_average(part, most), where

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

    def clear(self) -> None:
        """Show nothing."""
        self.image = None
        self.source.data = {name: [] for name in ("image", "x", "y", "dw", "dh")}

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
    """

    def __init__(self, unit="", axis_unit="nm", link: Link | None = None):
        element = hv.Image(
            (np.arange(2.0), np.arange(2.0), np.zeros((2, 2), np.uint8)),
            axes(axis_unit),
            hv.Dimension("value", unit=unit or None),
        ).opts(**options(axis_unit, colorbar=True, clim=(0, 255), cmap=palette("grey")))
        super().__init__(element, unit, axis_unit, link)
        self.mapper = self.plot.handles["color_mapper"]
        self.scale = LinearColorMapper(palette=self.mapper.palette, low=0, high=1)
        """Of the colour bar: the same colours on the values' own scale."""
        self.limits = Limits()
        self._shown, self._told_at, self._was_moving = (0.0, 1.0), 0.0, False
        self._dress_bars()

    def _dress_bars(self):
        self.bar = self.plot.handles["colorbar"]
        self.bar.update(
            color_mapper=self.scale,
            ticker=BasicTicker(desired_num_ticks=5),
            formatter=BasicTickFormatter(precision=2, use_scientific=True),
            width=10,
            padding=6,
            label_standoff=4,
            title=self.unit or None,
        )
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

    def shaded(self, part):
        """Eight bits between the limits."""
        return to_u8(part, *self._shown)

    def set_colours(self, name: str) -> None:
        """Choose the colour map."""
        colours = palette(name)
        if self.mapper.palette != colours:
            self.mapper.palette = colours
            self.scale.palette = colours

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
        element = hv.RGB(
            (np.arange(2.0), np.arange(2.0), *np.zeros((4, 2, 2), np.uint8)),
            axes(axis_unit),
            vdims=list("RGBA"),
        ).opts(**options(axis_unit))
        super().__init__(element, unit, axis_unit, link)
        self.limits = Limits(0, 99)
        self.arrows = ColumnDataSource({name: [] for name in ("x0", "y0", "x1", "y1", "angle")})
        ink = {"source": self.arrows, "level": "overlay"}
        self._ink = [
            self.figure.segment("x0", "y0", "x1", "y1", line_width=1.2, **ink),
            self.figure.scatter("x1", "y1", size=5, marker="triangle", angle="angle", **ink),
        ]
        self.set_theme("dark")

    def shaded(self, part):
        """Colours of the vectors, which also draws the arrows of the visible part."""
        _, longest = self.limits.of(np.hypot(self.image[..., 0], self.image[..., 1]))
        return packed(com_rgba(np.moveaxis(part, -1, 0), longest))

    def redraw(self) -> None:
        """Send the visible part of the field again."""
        super().redraw()
        if self.image is None:
            return
        part, where = self.image, self.whole
        if self.visible is not None:
            part, where = crop(self.image, self.whole, self.visible)
        y, x, dy, dx = arrows(np.moveaxis(part, -1, 0), self._arrows_across(where))
        step_x, step_y = where.width / part.shape[1], where.height / part.shape[0]
        x0, y0 = where.x0 + x * step_x, where.y0 + y * step_y
        self.arrows.data = {
            "x0": x0,
            "y0": y0,
            "x1": x0 + dx * step_x,
            "y1": y0 + dy * step_y,
            # A marker points up and turns anticlockwise; y runs downwards.
            "angle": np.arctan2(-dy, dx) - np.pi / 2,
        }

    def _arrows_across(self, where: Extent) -> int:
        seen = self.visible
        if seen is None:
            return 16
        # One for every 26 px of the picture on the screen.
        unit_per_px = abs(seen.width) / self.width
        return min(24, max(4, round(max(where.width, where.height) / unit_per_px / 26)))

    def set_theme(self, theme: str) -> None:
        """Dress the figure; arrows are white on the coloured field in both themes."""
        super().set_theme(theme)
        for mark in self._ink:
            mark.glyph.line_color = "#ffffff"
            mark.glyph.line_alpha = 0.85
        self._ink[1].glyph.update(fill_color="#ffffff", fill_alpha=0.85, line_color=None)

    def clear(self) -> None:
        """Show nothing."""
        super().clear()
        self.arrows.data = {name: [] for name in self.arrows.data}

    def in_words(self, value) -> str:
        """Both components, and the length."""
        y, x = value
        return f"({x:.3g}, {y:.3g}) {self.unit}, |{np.hypot(y, x):.3g}|"
