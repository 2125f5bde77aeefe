"""Pictures that stand on their own: in a notebook, or in another Panel app.

Each takes arrays, or references to what gives them (a parameter, `pn.bind`, `pn.rx`), and follows
them. `plot` is its HoloViews object, to be laid beside others or over them with `+` and `*`;
Datashader aggregates what is larger than its frame, for each zoom anew. The page draws with the
same parts.
"""

from typing import ClassVar

import holoviews as hv
import numpy as np
import panel as pn
import param
from holoviews.streams import Pipe, PointerXY, Tap

from app.drawing.arrangement import arrange
from app.drawing.display import Extent, Limits, mosaic, phase_rgba
from app.drawing.field import Field
from app.drawing.marks import RING, Marks
from app.drawing.raster import Raster
from app.pipeline.chart import Chart
from app.state.display import COLOUR_MAPS
from app.views.image import axes, options, palette
from app.views.pacbed import how_to_show
from app.views.spectrum import PER_ANGSTROM, logarithm, ringed
from recon.calibration import Calibration

SIZE = {"responsive": False, "frame_width": 420, "data_aspect": 1, "toolbar": "above"}


class Shown(pn.viewable.Viewer):
    """What all of them have.

    Attributes
    ----------
    plot : hv.DynamicMap
        Of the picture, with what lies over it.
    pointer : holoviews.streams.PointerXY
        Where the pointer is, while the picture is on a page.
    tap : holoviews.streams.Tap
        Where it was clicked last.
    """

    takes: ClassVar[tuple[str, ...]] = ()
    """Parameters that may be given by their place."""

    __abstract = True

    def __init__(self, *values, **params):
        hv.extension("bokeh")
        super().__init__(**dict(zip(self.takes, values, strict=False)) | params)
        self.plot = self._made()
        self.pointer, self.tap = PointerXY(source=self.plot), Tap(source=self.plot)
        self.param.watch(self._show, [name for name in self.param if name != "name"])
        self._show()

    def _made(self):
        """The HoloViews object."""
        raise NotImplementedError

    def _show(self, *events):
        """Have it drawn with the parameters as they are now."""
        raise NotImplementedError

    def __panel__(self):
        return pn.pane.HoloViews(self.plot)


class OverScan(Shown):
    """What all have whose axes are those of the scan: nm, or positions without a calibration."""

    calibration = param.ClassSelector(
        class_=Calibration, default=None, allow_None=True, allow_refs=True
    )

    __abstract = True

    @property
    def _unit(self) -> str:
        return "px" if self.calibration is None else "nm"

    def _extent(self, shape) -> Extent:
        if self.calibration is None:
            return Extent.of(shape)
        return Extent.of(shape, tuple(step / 10 for step in self.calibration.scan_sampling))


class ScanImage(OverScan):
    """An image of one value at each position."""

    image = param.Array(allow_refs=True, doc="(Sy, Sx) real values")
    title = param.String("", allow_refs=True, doc="What the values are")
    unit = param.String("", allow_refs=True)
    colour_map = param.Selector(default="grey", objects=list(COLOUR_MAPS), allow_refs=True)

    takes = ("image", "calibration")

    def _made(self):
        self._limits = Limits(0.1, 99.9)
        element = hv.Image(np.zeros((2, 2)), axes(self._unit), self._dimension((0, 1)))
        look = options(self._unit, colorbar=True, cmap=palette(self.colour_map))
        self._raster = Raster(element.opts(**look | SIZE | {"tools": ["hover"]}))
        return self._raster.plot

    def _dimension(self, limits):
        name = self.title or "value"
        return hv.Dimension(("value", name), unit=self.unit or None, range=limits)

    def _show(self, *events):
        if any(event.name == "colour_map" for event in events):
            self._raster.restyle(cmap=palette(self.colour_map))
        values = self._dimension(self._limits.of(self.image))
        self._raster.dimensions = {"kdims": axes(self._unit), "vdims": [values]}
        self._raster.send(self.image, self._extent(self.image.shape))


class SSBImage(ScanImage):
    """The single-sideband phase: `SSBImage(phase, calibration)`."""

    title = param.String("SSB phase", allow_refs=True)
    unit = param.String("rad", allow_refs=True)


class DPCImage(ScanImage):
    """The phase integrated from the centre of mass: `DPCImage(phase, calibration)`."""

    title = param.String("DPC phase", allow_refs=True)
    unit = param.String("rad", allow_refs=True)


class CenterOfMass(OverScan):
    """The centre of mass: colours of an `hv.RGB`, arrows of an `hv.VectorField`."""

    field = param.Array(allow_refs=True, doc="(2, Sy, Sx) as (y, x), such as mrad")

    takes = ("field", "calibration")

    def _made(self):
        self._field = Field(axes(self._unit), options(self._unit) | SIZE)
        return self._field.plot

    def _show(self, *events):
        field = np.moveaxis(self.field, 0, -1)
        self._field.raster.dimensions = {"kdims": axes(self._unit)}
        self._field.raster.send(field, self._extent(field.shape))


class Tiles(Shown):
    """Tiles of conj(gamma) G, an `hv.RGB` of all of them, with `hv.Labels` below each."""

    tiles = param.Array(allow_refs=True, doc="(n, By, Bx) complex, such as `recon.gfunction_tiles`")
    labels = param.List([], item_type=str, allow_refs=True, doc="n, such as the periods")

    takes = ("tiles", "labels")

    def _made(self):
        blank = hv.RGB(np.zeros((2, 2, 4), np.uint8), vdims=list("RGBA"))
        look = {"xaxis": None, "yaxis": None, "bgcolor": "#0d1116", "invert_yaxis": True}
        self._raster = Raster(blank.opts(**look | SIZE), lambda part: phase_rgba(part, 1.0))
        look = {"text_color": "#b9c3cf", "text_font_size": "9pt", "text_baseline": "top"}
        self._words = Marks(hv.Labels([]).opts(**look))
        return self._raster.plot * self._words.plot

    def _show(self, *events):
        count, height, width = self.tiles.shape
        side = float(SIZE["frame_width"])
        words = 7.0 * max((len(label) for label in self.labels), default=0)
        made = arrange(count, (height, width), (side, side), 18.0, words)
        corners = [(round(y), round(x)) for y, x in made.corners]
        shape = tuple(round(size) for size in made.size)
        self._raster.send(mosaic(self.tiles, corners, shape), Extent.of(shape))
        places = ((x + width / 2, float(y + height)) for y, x in corners)
        self._words.show((*at, label) for at, label in zip(places, self.labels, strict=False))


class Pattern(Shown):
    """A pattern on the detector, an `hv.Image` of its square root; an `hv.Ellipse` is the disc."""

    counts = param.Array(allow_refs=True, doc="(Ky, Kx), such as a PACBED or `recon.pattern_of`")
    calibration = param.ClassSelector(
        class_=Calibration,
        default=None,
        allow_None=True,
        allow_refs=True,
        doc="Gives the disc, and axes in mrad; they are pixels without it.",
    )

    takes = ("counts", "calibration")

    def _made(self):
        self._limits = Limits(0.5, 99.5)
        element = hv.Image(np.zeros((2, 2)), axes("px"), "root")
        look = options("px", colorbar=True, cmap=palette("grey"))
        self._raster = Raster(element.opts(**look | SIZE | {"tools": ["hover"]}))
        self._disc = Pipe(data=[])
        ring = hv.DynamicMap(self._ring, streams=[self._disc])
        return self._raster.plot * ring

    def _ring(self, data):
        return hv.Ellipse(0, 0, data or 0).opts(color=RING, line_width=1.6)

    def _show(self, *events):
        known = self.calibration
        step, centre = (
            (1.0, (0.0, 0.0)) if known is None else (known.angular_sampling, known.centre)
        )
        root = np.sqrt(np.maximum(self.counts, 0), dtype=np.float32)
        unit = "px" if known is None else "mrad"
        value = hv.Dimension(("root", "√ counts"), range=self._limits.of(root))
        self._raster.dimensions = {"kdims": axes(unit), "vdims": [value]}
        # The index of a pixel is its middle.
        corner = tuple((-0.5 - middle) * step for middle in centre)
        self._raster.how = how_to_show(self.counts)
        self._raster.send(root, Extent.of(root.shape, (step, step), corner))
        self._disc.send(0.0 if known is None else 2 * known.radius * step)


class Spectrum(Shown):
    """A power spectrum, an `hv.Image` of its logarithm; `hv.Points` are picked frequencies."""

    power = param.Array(allow_refs=True, doc="(H, W), DC in the middle")
    sampling = param.NumericTuple((1.0, 1.0), allow_refs=True, doc="Of its pixels (y, x) [1/Å]")
    frequencies = param.Parameter((), allow_refs=True, doc="(n, 2) int (row, column) from DC")

    takes = ("power", "sampling", "frequencies")

    def _made(self):
        self._limits = Limits(0.1, 99.9)
        element = hv.Image(np.zeros((2, 2)), axes("1/nm"), "power")
        look = options("1/nm", colorbar=True, cmap=palette("grey"))
        self._raster = Raster(element.opts(**look | SIZE | {"tools": ["hover"]}))
        self._rings = ringed()
        return self._raster.plot * self._rings.plot

    def _show(self, *events):
        steps = tuple(PER_ANGSTROM * step for step in self.sampling)
        values = logarithm(self.power)
        middle = tuple(
            -(size // 2 + 0.5) * step for size, step in zip(values.shape, steps, strict=True)
        )
        power = hv.Dimension(("power", "log₁₀ power"), range=self._limits.of(values))
        self._raster.dimensions = {"vdims": [power]}
        self._raster.send(values, Extent.of(values.shape, steps, middle))
        self._rings.show((float(c * steps[1]), float(r * steps[0])) for r, c in self.frequencies)


class Curve(Shown):
    """Lines over one axis: an `hv.Curve` each, and an `hv.VLine` at each marked place."""

    chart = param.ClassSelector(class_=Chart, allow_refs=True)

    takes = ("chart",)

    def _made(self):
        self._pipe = Pipe(data=self.chart)
        return hv.DynamicMap(self._lines, streams=[self._pipe])

    def _lines(self, data):
        x = hv.Dimension(("x", data.x_label or "x"))
        y = hv.Dimension(("y", data.y_label or "y"))
        lines = [
            hv.Curve((data.column("x"), data.column(name)), x, y, label=name).opts(
                line_dash="dashed" if name in data.guides else "solid", logy=data.logy
            )
            for name in data.lines
        ]
        marks = [hv.VLine(place).opts(line_dash="dotted") for place, _ in data.marks]
        return hv.Overlay([*lines, *marks]).opts(width=500, height=300)

    def _show(self, *events):
        self._pipe.send(self.chart)
