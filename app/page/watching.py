"""What the page of somebody who only watches may tell the server: how it looks there, no more."""

from bokeh.models import ColumnDataSource, Plot, Range1d
from panel.models.browser import BrowserInfo
from panel.models.location import Location

LOOKS = ("inner_width", "inner_height", "outer_width", "outer_height")
RANGE = ("start", "end", "reset_start", "reset_end")
HAPPENS = ("document_ready", "connection_lost", "client_reconnected")
"""Events of no model."""
SEEN = ("tap", "doubletap", "rangesupdate", "lodstart", "lodend", "mousemove", "mouseleave")
"""Events of a figure: what is under the pointer there."""
LONGEST = 100
"""Numbers in a column that a figure's script writes."""


def only_watching(page):
    """What may be done of the messages of a page that only watches: `allowed(event)`.

    Zoom, size of figures, pointer, theme, help, notices put away, frames painted, one's name and
    whom one follows. Nothing of that changes more than the page itself.
    """
    sources = set()
    talkers = {part.name for part in page.told_by_watchers()}

    def learn():
        # Figures come as they are needed, and none goes.
        sources.clear()
        sources.add(page.link.source.id)
        frames = [page.frequencies.tiles, page.frequencies.spectrum]
        frames += [view for slot in page.slots.values() for view in slot.views]
        for frame in frames:
            sources.update((frame.view.id, frame.pointer.id))

    def allowed(event) -> bool:
        learn()
        if event.get("kind") == "MessageSent" and event.get("msg_type") == "bokeh_event":
            return _may_happen(event["msg_data"])
        if event.get("kind") != "ModelChanged":
            return False
        number, name = event["model"]["id"], event["attr"]
        model = page.doc.models.get_by_id(number)
        if isinstance(model, ColumnDataSource):
            return number in sources and name == "data" and _plain(event["new"])
        if isinstance(model, Location | BrowserInfo):  # what they say of the browser
            return event["new"] is None or isinstance(event["new"], str | bool | int | float)
        of = LOOKS if isinstance(model, Plot) else RANGE if isinstance(model, Range1d) else ()
        return name in of and (event["new"] is None or _number(event["new"]))

    def _may_happen(data) -> bool:
        if data["name"] in HAPPENS:
            return True
        number = dict(data["values"]["entries"])["model"]["id"]
        model = page.doc.models.get_by_id(number)
        if data["name"] in SEEN:
            return isinstance(model, Plot)
        # A component of our own is known by the name of its properties.
        named = getattr(getattr(model, "data", None), "name", None)
        return data["name"] in ("data_event", "esm_event") and named in talkers

    return allowed


def _plain(new) -> bool:
    """Whether columns hold a few numbers, and no model."""
    entries = new["entries"] if isinstance(new, dict) and new.get("type") == "map" else None
    columns = dict(entries) if entries is not None else new
    return all(
        isinstance(column, list) and len(column) <= LONGEST and all(map(_number, column))
        for column in columns.values()
    )


def _number(value) -> bool:
    nan = isinstance(value, dict) and value.get("type") == "number"  # such as NaN
    return nan or (isinstance(value, int | float) and not isinstance(value, bool))
