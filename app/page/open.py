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
from app.page.watching import only_watching
from app.pipeline.hands import give_way
from app.recall.presets import Presets
from app.rooms.doors import doors
from app.rooms.joining import Joining
from app.rooms.member import OWN, WATCH
from app.server.process import shared
from app.server.restricted import restrict
from app.state.link import parameters
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

    asked = query()
    token = asked.pop("room", "")
    through = doors.find(token) if token else None
    if token and through is None:
        asked = (doors.remains(token) or {}) | asked
    if token and through is None and not asked:
        nobody_there().servable(title="livestem")
        return None
    if through is not None:
        asked = coming_in(through[0], asked)

    def make_pipeline(experiment, post):
        how = {"user": pn.state.user, "doors": doors, "through": through}
        return Joining(experiment, parts.engine, parts.service, post, **how)

    cache = parts.settings.cache
    presets = Presets(cache and cache / "presets", pn.state.user)
    page = Page(make_pipeline, parts.catalogue, asked, presets=presets)
    if token and through is None:
        page.notices.add(f"{ENDED} This is a page of your own, with what was set there.", "notice")
        page.address.again()  # without the link
    if through is not None:
        page.address.room = token
        if through[1] == WATCH:
            restrict(pn.state.curdoc, only_watching(page))
    pn.state.on_session_destroyed(page.close)
    # Bokeh goes through a document's models whenever a part is added: once for all is enough.
    pn.state.curdoc.theme = THEME
    with pn.state.curdoc.models.freeze():
        template(page).servable(title="livestem")
    pn.state.onload(page.start)
    return page


ENDED = "The room of this link has ended, or the link has run out: ask for another one."


def coming_in(door, asked) -> dict[str, str]:
    """What a page begins with that comes into a room: what is set there, and its own of the rest.

    Parameters
    ----------
    door : Door
    asked : mapping of str to str
        Of the page's address.
    """
    own = {key for key, where in parameters().items() if where in OWN}
    room = door.room
    there = {} if room is None else room.query()
    return there | {key: text for key, text in asked.items() if key in own}


def refusal(sentence: str) -> pn.pane.HTML:
    """A page of one sentence."""
    words = f"livestem could not start: {sentence}"
    return pn.pane.HTML(escape(words), styles={"font": "16px/1.5 sans-serif"}, max_width=640)


def nobody_there() -> pn.pane.HTML:
    """The page of a link that leads into no room, and says nothing else to begin with."""
    words = f'<p>{escape(ENDED)}</p><p><a href="?">Open a page of your own</a></p>'
    box = {"font": "16px/1.5 sans-serif", "margin": "16vh auto 0", "padding": "0 20px"}
    return pn.pane.HTML(words, styles=box, max_width=460, sizing_mode="stretch_width")


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
    made.add_variable("livestem_role", getattr(page.pipeline, "role", ""))
    made.add_variable("app_favicon", "")
    made.add_variable("apple_icon", "")
    return made
