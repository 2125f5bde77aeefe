"""A session's page, put into Bokeh's document."""

import logging
from html import escape

import holoviews as hv
import holoviews.plotting.bokeh
import panel as pn
from bokeh.themes import Theme

from app.drawing.wheel import data_url, picture_of_wheel
from app.page.made import is_made
from app.page.page import Page
from app.pipeline.hands import give_way
from app.pipeline.pipeline import Pipeline
from app.recall.presets import Presets
from app.server.process import shared
from app.views.assets import asset
from recon.device.backend import DeviceError

LETTERS = 'Inter, system-ui, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif'
"""Of the figures, as of the page: Bokeh's own choice is no font on many computers, which then take
one with serifs."""

THEME = Theme(
    json={
        "attrs": {
            "Axis": {"major_label_text_font": LETTERS, "axis_label_text_font": LETTERS},
            "BaseColorBar": {"major_label_text_font": LETTERS, "title_text_font": LETTERS},
            "ScaleBar": {"label_text_font": LETTERS, "title_text_font": LETTERS},
            "Legend": {"label_text_font": LETTERS, "title_text_font": LETTERS},
            "Text": {"text_font": {"value": LETTERS}},
            "Label": {"text_font": LETTERS},
            "Title": {"text_font": LETTERS},
        }
    }
)
# HoloViews gives a document its own theme with each plot that it makes.
hv.renderer("bokeh").theme = THEME


def open_page() -> Page | None:
    """Make the page of the current session and serve it.

    Where the server's settings make no sense here, such as a GPU that is wanted and absent, the
    page is one sentence, and the result None; so it is where the page has been made already.
    """
    if is_made(pn.state.curdoc):
        return None
    pn.extension(template=None)
    try:
        parts = shared()
    except (DeviceError, ValueError) as error:
        logging.getLogger(__name__).error("%s", error)
        refusal(str(error)).servable(title="livestem")
        return None

    def make_pipeline(experiment, post):
        return Pipeline(experiment, parts.engine, parts.service, post, user=pn.state.user)

    cache = parts.settings.cache
    presets = Presets(cache and cache / "presets", pn.state.user)
    page = Page(make_pipeline, parts.catalogue, query(), presets=presets)
    pn.state.on_session_destroyed(page.close)
    # Bokeh goes through a document's models whenever a part is added: once for all is enough.
    pn.state.curdoc.theme = THEME
    with pn.state.curdoc.models.freeze():
        template(page).servable(title="livestem")
    pn.state.onload(page.start)
    return page


def refusal(sentence: str) -> pn.pane.HTML:
    """A page of one sentence."""
    words = f"livestem could not start: {sentence}"
    return pn.pane.HTML(escape(words), styles={"font": "16px/1.5 sans-serif"}, max_width=640)


def query() -> dict[str, str]:
    """The entries of the address that the session was opened with."""
    return {
        name: values[-1].decode("utf-8", "replace")
        for name, values in (pn.state.session_args or {}).items()
    }


class Bench(pn.Template):
    """The page's template; in words it is short, as Panel asks for them with every part."""

    def __repr__(self) -> str:
        return "livestem"

    def _apply_root(self, name, model, tags) -> None:
        give_way()  # Panel calls this with every part
        super()._apply_root(name, model, tags)


def template(page: Page) -> pn.Template:
    """The page's parts in their places."""
    made = Bench(asset("page.html"), items=page.roots(), location=True)
    made.add_variable("livestem_style", asset("style.css"))
    made.add_variable("livestem_connection", asset("connection.js"))
    made.add_variable("livestem_layout", asset("layout.js"))
    made.add_variable("livestem_icon", data_url("image/svg+xml", asset("favicon.svg").encode()))
    made.add_variable("livestem_wheel", picture_of_wheel())
    made.add_variable("livestem_theme", page.experiment.display.theme)
    made.add_variable("app_favicon", "")
    made.add_variable("apple_icon", "")
    return made
