"""Messages that no script of ours sends, of every kind that reaches the server."""

import json
from itertools import count

from tests.support.wire import change, components, event, message, models

JUNK = (None, True, -1, 1e308, 10**400, "", "x" * 10_000, "é\0", [], [[]], {}, {"a": {"b": []}})
NOT_FINITE = {"type": "number", "value": "nan"}
ARRAY = {
    "type": "ndarray",
    "array": {"type": "bytes", "data": "AAAAAAAA8D8="},
    "shape": [1],
    "dtype": "float64",
    "order": "little",
}
DOES = [
    "close",
    "act",
    "undo",
    "redo",
    "compare",
    "list",
    "load",
    "delete",
    "save",
    "painted",
    "theme",
    "cancel",
    "retry",
    "dismiss",
    "accept",
    "begin",
    "piece",
    "swap",
    "drop",
    "scale",
]
FIELDS = ["number", "name", "kind", "theme", "key", "transfer", "at", "data", "last", "overwrite"]


def patches(document):
    """(words, event) of everything that a page could be told by a script gone mad."""
    of_name = {}
    for number, name in components(document).items():
        of_name.setdefault(name, number)
    for name, number in of_name.items():
        yield from _to_component(name, number)
    found = models(document)
    for number, model in found.items():
        if model["name"].startswith(("Controls", "PolarControls")):
            yield from _values(number, model)
    yield from _of_figures(found)
    yield from _of_nothing(next(iter(of_name.values())))


def _to_component(name, number):
    for junk in (*JUNK, NOT_FINITE, ARRAY):
        yield f"{name} is sent {junk!r:.40}", message(number, junk)
        yield f"{name} does {junk!r:.40}", message(number, {"does": junk, "press": junk})
    for does, junk in zip(DOES * 2, _turns(JUNK), strict=False):
        fields = dict.fromkeys(FIELDS, junk)
        yield f"{name} does {does} without anything", message(number, {"does": does})
        yield f"{name} does {does} with {junk!r:.20}", message(number, {"does": does} | fields)


def _values(number, model):
    values = dict(model["attributes"].get("values", {}).get("entries", ()))
    for name, junk in zip(values, _turns((*JUNK, NOT_FINITE, ARRAY)), strict=False):
        new = {"type": "map", "entries": [[name, junk], ["absent", junk]]}
        yield f"the control {name} is {junk!r:.40}", change(number, "values", new)
    for junk in (None, 1, [], "x"):
        yield f"all values are {junk!r}", change(number, "values", junk)


def _of_figures(found):
    seen = set()
    for number, model in found.items():
        kind = model["name"]
        if kind == "ColumnDataSource":
            columns = _columns(model)
            for junk in (None, [], [None], ["x"], [[1]], [1e308], [True], [1, 2], [NOT_FINITE]):
                new = {"type": "map", "entries": [[name, junk] for name in columns]}
                yield f"columns are {junk!r:.40}", change(number, "data", new)
            yield "there are no columns", change(number, "data", {"type": "map"})
        elif kind == "Figure":
            for junk in (*JUNK, NOT_FINITE):
                yield f"a tap at {junk!r:.40}", event("tap", number, sx=1, sy=1, x=junk, y=junk)
        elif kind in ("Range1d", "panel.models.location.Location", "Text", "Toolbar"):
            for attribute in ("start", "end", "search", "text", "active_drag"):
                if (kind, attribute) not in seen:
                    seen.add((kind, attribute))
                    yield f"{attribute} of {kind}", change(number, attribute, {"a": []})
                    yield f"{attribute} of {kind}", change(number, attribute, "x" * 1000)


def _of_nothing(number):
    yield "an unknown model", message("p0", {"does": "close"})
    yield "an unknown event", event("absent", number)
    yield "an event of nothing", event("data_event", number)
    yield "an unknown property", change(number, "absent", 1)
    yield "a property that is not a script's", change(number, "esm", "alert(1)")
    for kind in ("RootAdded", "RootRemoved", "TitleChanged", "ColumnsStreamed", "absent", None, []):
        yield f"a change of kind {kind!r}", {"kind": kind, "model": {"id": number}, "title": "x"}
    yield (
        "an object to be made",
        change(number, "data", {"type": "object", "name": "os", "id": "x"}),
    )
    yield "a class that is not there", message(number, {"type": "object", "name": "Absent"})
    yield "a reference to itself", message(number, {"id": "p99999999"})
    yield "no event at all", {}
    yield "a number for an event", 1


def fragments():
    """(words, the three parts of a message) that are no message of Bokeh's protocol."""
    header = {"msgid": "1", "msgtype": "PATCH-DOC"}
    yield "no JSON", ("{", "{}", "{}")
    yield "no header", ("[]", "{}", "{}")
    yield "an unknown kind", (json.dumps(header | {"msgtype": "ABSENT"}), "{}", "{}")
    yield "an answer to nothing", (json.dumps(header | {"msgtype": "OK"}), "{}", "{}")
    yield "content that is no object", (json.dumps(header), "{}", "1")
    yield "deep content", (json.dumps(header), "{}", "[" * 5000 + "]" * 5000)
    yield "bytes", (b"\xff\xfe", "{}", "{}")
    yield "another's document", (json.dumps(header | {"msgtype": "PUSH-DOC"}), "{}", "{}")


def _columns(model):
    data = model["attributes"].get("data", {})
    return [name for name, _ in data.get("entries", ())] or ["x", "y"]


def _turns(values):
    for turn in count():
        yield values[turn % len(values)]
