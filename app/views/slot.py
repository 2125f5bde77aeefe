"""A place on the page that shows one contrast or another."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import panel as pn
from panel.io import hold

from app.drawing.wheel import picture_of_wheel
from app.pipeline.results import Refused
from app.state.contrasts import CONTRASTS, LIVE, Contrast
from app.state.display import COLOUR_MAPS
from app.state.ties import Ties
from app.views.assets import asset
from app.views.contrasts import altered, label, scan_image, waiting
from app.views.controls import Controls, spec
from app.views.curve import CurveView
from app.views.frame import Link
from app.views.image import FieldView, ImageView
from app.views.pacbed import PacbedView
from app.views.spectrum import SpectrumView
from app.views.text import Text

STYLE = ("colour_map", "percentile_low", "percentile_high", "freeze", "theme")
"""What changes how a picture looks, not which it is."""

OVER_SCAN = ("image", "field")
"""Kinds of views whose axes are those of the scan."""

EVERYTHING = 1 << 20
"""More pixels than a spectrum has."""


class Slot(pn.viewable.Viewer):
    """An image with a choice of what it shows, and the values under the pointer.

    Parameters
    ----------
    state : DisplayState
    name : str
        The parameter of `state` that holds the contrast.
    link : Link
        Shared with the other slots.
    results : mapping of str to Parameter, optional
        References to what the contrasts are drawn from, by `Contrast.result`.
    large : bool
        Whether colours and freezing are offered here.
    """

    called = ""
    """First word of the figures' names; that of the parameter if empty."""

    def __init__(self, state, name: str, link: Link, results=None, large=False, **params):
        super().__init__(**params)
        self.state, self.name_of_contrast, self.link = state, name, link
        self.large = large
        self.reference: Slot | None = None
        """Another slot, whose limits this one's pictures take over."""
        self.on_place: Callable[[float | None, float | None], None] | None = None
        """Called with the place under the pointer in what is drawn over the scan, or None twice."""
        self.on_pick: Callable[[float, float, bool], None] | None = None
        """Called with the place of a click in it, and whether the shift key was down."""
        self.on_look: Callable[[Slot, float | None, float | None], None] | None = None
        """Called with this slot and the place under the pointer, whatever is drawn."""
        self.straight = False
        """Whether its images are drawn past HoloViews at rest, too."""
        self._outline = None
        self._views = {}
        self.references = dict(results or {})
        self._instead: dict[str, object] = {}  # shown until another one comes
        self._hint = ""
        self.controls = self._make_controls()
        self.mode = Text(css_classes=["mode"], align="center")
        self.readout = Text(css_classes=["readout"], align="center")
        self.empty = Text(css_classes=["empty"])
        self.legend = pn.pane.HTML(
            f'<img src="{picture_of_wheel()}" alt="Colour wheel: hue is the direction">',
            css_classes=["legend"],
            stylesheets=[asset("slot.css")],
            margin=0,
        )
        self.body = pn.Column(
            css_classes=["slot-body"],
            stylesheets=[asset("slot.css")],
            sizing_mode="stretch_both",
            margin=0,
            min_height=60,
        )
        self._ties = Ties().tie(state, self._choose, name)
        self._ties.tie(state, self._restyle, *STYLE)
        self._choose()
        for name, result in self.references.items():
            self._ties.show(result, partial(self._take, name))

    def _make_controls(self):
        state, name = self.state, self.name_of_contrast
        choices = {"kind": "choice", "bare": True}
        names = [name, "colour_map", "freeze"] if self.large else [name]
        described = {
            name: choices | {"options": [(n, c.title) for n, c in CONTRASTS.items()]},
            "colour_map": choices | {"options": [(n, n.capitalize()) for n in COLOUR_MAPS]},
            "freeze": {"label": "Freeze"},
        }
        controls = Controls(
            [spec(state, each) | described[each] for each in names],
            layout="line",
            sizing_mode=None,
            align="center",
        )
        controls.bind(state, names)
        return controls

    @property
    def contrast(self) -> str:
        """What is shown."""
        return getattr(self.state, self.name_of_contrast)

    @property
    def entry(self) -> Contrast:
        """The same, with all that is said of it."""
        return CONTRASTS[self.contrast]

    @property
    def named(self) -> str:
        """What is shown, for a file's name."""
        weighting = getattr(self._result(self.entry.result), "weighting", "")
        return "-".join([self.contrast, *weighting.lower().split()])

    @property
    def views(self) -> list:
        """Those that were needed so far."""
        return list(self._views.values())

    @property
    def view(self):
        """The view that draws it."""
        return self._view(self.entry.kind)

    def _view(self, wanted: str):
        if wanted not in self._views:
            make = {
                "image": lambda: ImageView(link=self.link),
                "field": lambda: FieldView(link=self.link),
                "pattern": PacbedView,
                "power": SpectrumView,
                "curve": CurveView,
            }
            self._views[wanted] = view = make[wanted]()
            view.call(f"{self.called or self.name_of_contrast} {wanted}")
            if not self.large:
                view.compact()
            view.on_pointer = partial(self._pointed, view)
            if wanted in OVER_SCAN:
                view.on_tap = self._tapped
            self._style(view)
        return self._views[wanted]

    def _pointed(self, view, x, y) -> None:
        self._tell(view.read(x, y))
        if self.on_look:
            self.on_look(self, x, y)
        if self.on_place and self.entry.kind in OVER_SCAN:
            self.on_place(x, y)

    def _tapped(self, x, y, shift) -> None:
        if self.on_pick:
            self.on_pick(x, y, shift)

    def outline(self, place, shape) -> None:
        """Outline positions of the scan in what is drawn over it.

        Parameters
        ----------
        place : ((int, int), (int, int)) or None
            Rows and columns, each the first and the one after the last; None for no outline.
        shape : (int, int)
            Positions of the scan.
        """
        self._outline = place and (place, shape)
        self._draw_outline()

    def _draw_outline(self) -> None:
        extent = self.scan_extent
        for kind in OVER_SCAN:
            if kind in self._views:
                drawn = extent is not None and self._outline is not None
                self._views[kind].outline(extent.part(*self._outline) if drawn else None)

    def _tell(self, reading: str) -> None:
        """Say what lies under the pointer."""
        self.readout.say(reading)
        # There is no room for both beside a small curve.
        self.mode.visible = self.large or not (reading and self.entry.kind == "curve")

    def _result(self, name: str):
        """What is drawn from, by its name; None where there is nothing yet."""
        if name in self._instead:
            return self._instead[name]
        result = self.references.get(name)
        return None if result is None else getattr(result.owner, result.name)

    @property
    def results(self) -> dict[str, object]:
        """What there is to draw from, whether it is shown or not."""
        found = {name: self._result(name) for name in self.references}
        return {name: result for name, result in found.items() if result is not None}

    def hold(self, results: Mapping[str, object]) -> None:
        """Draw from these, each until another one comes."""
        self._instead = dict(results)
        self.draw()

    @property
    def scan_extent(self):
        """Extent of the scan as it is drawn here; None while it is not."""
        view = self._views.get(self.entry.kind)
        over_scan = self.entry.kind in OVER_SCAN
        return view.whole if over_scan and view is not None and view.image is not None else None

    def _take(self, name: str, result) -> None:
        """Draw what has come, if this slot shows it."""
        self._instead.pop(name, None)
        if self.entry.result == name:
            phase = self._result("phase")
            self.draw(self.entry.made == LIVE and getattr(phase, "mode", "") == "draft")

    def hint(self, text: str) -> None:
        """Say what to do while there is nothing to draw; empty for the usual words."""
        self._hint = text
        self.draw()

    def draw(self, moving: bool = False) -> None:
        """Draw the chosen contrast."""
        entry, result = self.entry, self._result(self.entry.result)
        refused = isinstance(result, Refused)
        drawn = not refused and result is not None and self._draw(entry, result, moving)
        if not drawn:
            self.view.clear()
        # Axes of nothing are hidden, but keep their place.
        self.body.styles = {"visibility": "visible" if drawn else "hidden"}
        self.legend.visible = drawn and entry.kind == "field"
        self.empty.say("" if drawn else self._hint or waiting(entry, refused))
        self.mode.tone = "warm" if drawn and altered(entry, result) else ""
        self.mode.say(label(entry, result) if drawn else "")

    def _draw(self, entry, result, moving) -> bool:
        view = self.view
        view.straight = self.straight and entry.kind != "field"  # whose arrows HoloViews draws
        if hasattr(view, "limits"):
            view.limits.lender = self.reference and self.reference.view.limits
        if entry.kind == "curve":
            chart = entry.picture(result)
            if chart is None:
                return False
            view.draw(chart)
        elif entry.kind == "pattern":
            calibration = result.calibration
            scale = None if calibration is None else calibration.angular_sampling
            passing = getattr(result, "passing", False)
            view.show_pattern(
                result.array, result.centre, result.radius, scale, moving=moving or passing
            )
        elif entry.kind == "power":
            if result.spectrum is None or result.scan_sampling is None:
                return False
            steps = 1 / (np.array(result.spectrum.shape) * result.scan_sampling)
            view.show_power(result.spectrum, steps, (), EVERYTHING * steps.max())
        else:
            image = scan_image(entry, result)
            if image is None:
                return False
            view.set_unit(image.unit)
            view.set_axis_unit(image.axis_unit)
            view.show(image.array, image.extent, moving)
            view.hatch(image.unscanned)
            if self._outline is not None:
                self._draw_outline()
        return True

    def _choose(self, *events) -> None:
        # In one message: Panel would send a new figure's place before what Bokeh says of it.
        with hold():
            view = self.view
            if hasattr(view, "limits"):
                view.limits.forget()
            self._tell("")
            self.body[:] = [view.pane]
            self.draw()

    def _restyle(self, *events) -> None:
        for view in self._views.values():
            self._style(view)

    def _style(self, view) -> None:
        state = self.state
        if view.theme != state.theme:
            view.set_theme(state.theme)
        if isinstance(view, ImageView):
            view.set_colours(state.colour_map)
            view.limits.frozen = state.freeze
            if not isinstance(view, PacbedView):
                view.set_percentiles(state.percentile_low, state.percentile_high)
            if not state.freeze:
                view.redraw()

    def close(self) -> None:
        """Let go of the state and of the figures."""
        self.on_place = self.on_pick = self.on_look = None
        self._ties.untie()
        self.controls.close()
        for view in self._views.values():
            view.close()
        self._views.clear()
        self.references.clear()
        self._instead.clear()

    def __panel__(self):
        head = pn.Row(
            self.controls,
            self.mode,
            self.readout,
            css_classes=["slot-head"],
            stylesheets=[asset("slot.css")],
            sizing_mode="stretch_width",
            margin=0,
        )
        return pn.Column(
            head,
            self.body,
            self.legend,
            self.empty,
            css_classes=["slot-frame"],
            stylesheets=[asset("slot.css")],
            sizing_mode="stretch_both",
            margin=0,
        )
