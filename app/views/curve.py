"""How an iteration converges."""

import holoviews as hv
import numpy as np
import panel as pn
from bokeh.models import DataRange1d

from app.views.frame import dress

ACCENT = "#4cc2ff"


class CurveView(pn.viewable.Viewer):
    """Error after each iteration, on a logarithmic scale."""

    unit = axis_unit = ""

    def __init__(self, **params):
        super().__init__(**params)
        element = hv.Curve((np.arange(1.0, 3.0), np.array([1.0, 0.5])), "iteration", "error").opts(
            responsive=True, logy=True, tools=[], color=ACCENT, line_width=2
        )
        self.plot = hv.renderer("bokeh").get_plot(element)
        self.figure = fig = self.plot.state
        fig.x_range, fig.y_range = DataRange1d(), DataRange1d()
        fig.update(
            toolbar_location=None,
            output_backend="canvas",
            background_fill_alpha=0,
            border_fill_alpha=0,
            outline_line_color=None,
            min_width=40,
            min_height=40,
            min_border=4,
        )
        fig.title.text = ""
        fig.toolbar.logo = None
        self.source = self.plot.handles["source"]
        self.pane = pn.pane.Bokeh(fig, sizing_mode="stretch_both", margin=0, min_height=60)
        self.set_theme("dark")

    def show(self, errors) -> None:
        """Draw `errors` (n,), the first of them after the first iteration."""
        errors = np.asarray(errors, float)
        positive = np.where(errors > 0, errors, np.nan)
        self.source.data = {"iteration": np.arange(1, errors.size + 1), "error": positive}

    def clear(self) -> None:
        """Show nothing."""
        self.source.data = {"iteration": [], "error": []}

    def set_theme(self, theme: str) -> None:
        """Dress the figure for a "dark" or a "light" page."""
        self.theme = theme
        dress(self.figure, theme)

    def close(self) -> None:
        """Let go of the figure."""
        self.plot.cleanup()

    def __panel__(self):
        return self.pane
