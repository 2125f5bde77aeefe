"""What the page's scripts may tell a component, and what is left unheard."""

import asyncio
from weakref import ref

import panel as pn
import param
import pytest
from bokeh.document import Document
from bokeh.models import ColumnDataSource
from bokeh.server.session import ServerSession
from panel.models.esm import DataEvent
from tornado.ioloop import IOLoop

from app.state.aberrations import AberrationState
from app.state.experiment import Experiment
from app.views.component import finite, number
from app.views.controls import Controls
from app.views.frame import Frame
from app.views.shell import Notices, Shell, Upload, _Part

JUNK = [None, True, 1.5, "", "1", [], [1], {}, {"a": 1}]


class Told(_Part):
    heard = ("open",)
    open = param.Boolean(False)
    items = param.List([])
    _esm = "export function render() {}"


@pytest.mark.parametrize("junk", [*JUNK, 7])
def test_what_is_no_message_is_for_nobody(junk):
    part, heard = Told(), []
    part.on("act", heard.append, number=int)
    part._handle_msg(junk)
    part._handle_msg({"does": junk})
    part._handle_msg({"does": "act", "number": junk} if junk != 7 else {"does": "act"})
    assert heard == []
    part._handle_msg({"does": "act", "number": 7})
    assert heard == [{"does": "act", "number": 7}]


def test_a_script_sets_what_it_is_said_to_set_and_nothing_else():
    part = Told(items=[1])
    part._process_events({"open": True, "items": ["planted"]})
    assert part.open
    assert part.items == [1]


def acknowledge(model):
    model._trigger_event(DataEvent(model, data={"does": "painted", "number": 7}))


def test_a_message_that_draws_nothing_waits_for_no_lock():
    """And what Panel counts as work under way is nothing that anybody is shown."""

    async def heard():
        document, shell, told = Document(), Shell(), []
        shell.at_once("painted", told.append, number=int)
        shell.on("theme", told.append)
        model = shell.get_root(document)
        document.add_root(model)
        session = ServerSession("session", document, IOLoop.current())
        context = Context(session)
        document._session_context = ref(context)
        await session.with_document_locked(acknowledge, model)
        at_once = list(told)
        model._trigger_event(DataEvent(model, data={"does": "theme"}))
        assert told == at_once  # it has its turn
        await asyncio.sleep(0.05)
        return at_once, told

    counts = []
    watcher = pn.state.param.watch(counts.append, "_busy_counter")
    try:
        at_once, told = asyncio.run(heard())
    finally:
        pn.state.param.unwatch(watcher)
    assert [each["does"] for each in at_once] == ["painted"]
    assert [each["does"] for each in told] == ["painted", "theme"]
    assert counts == []


def test_what_changes_is_set_on_the_scripts_model_and_panels_on_its_own():
    document, part = Document(), Told()
    model = part.get_root(document)
    document.add_root(model)
    part.param.update(items=[3], open=True, visible=False)
    assert (model.data.items, model.data.open, model.visible) == ([3], True, False)
    part.items = [4]
    assert model.data.items == [4]
    model.data.open = False  # as the browser does
    assert not part.open


def test_the_browser_takes_scripts_as_they_are_and_each_once():
    """Those without the name of a bundle Panel translates in the page, for each component."""
    document = Document()
    models = [part.get_root(document) for part in (Told(), Told(), Controls([]), Notices())]
    assert [model.esm for model in models] == [Told._esm, Told._esm, Controls._esm, Notices._esm]
    names = [model.bundle for model in models]
    assert None not in names
    assert names[0] == names[1]
    assert len(set(names)) == 3


class Browser:
    """A connection to it, which takes nothing before it has `read`."""

    def __init__(self):
        self.read = asyncio.Event()
        self.read.set()

    async def send_patch_document(self, event):
        await self.read.wait()


class Context:
    """Of a session, as a document refers to it."""

    def __init__(self, session):
        self.session, self.destroyed = session, False


async def heard_while_sending(tell):
    """Defocus in the state, in a figure and in its control, after each `tell(model)`.

    A picture is on its way to a browser that takes long to read it when the value is due.
    """
    document, state, source = Document(), AberrationState(), ColumnDataSource({"x": []})
    controls = Controls.of(state, ["defocus"])
    controls.on_press("zero", lambda: setattr(state, "defocus", 5.0))
    model = controls.get_root(document)
    document.add_root(model)
    document.add_root(source)
    state.param.watch(lambda event: setattr(source, "data", {"x": [event.new]}), "defocus")
    session, browser = ServerSession("session", document, IOLoop.current()), Browser()
    context = Context(session)
    document._session_context = ref(context)
    session.subscribe(browser)
    for each in tell:
        await session.with_document_locked(each, model)
    browser.read.clear()
    sending = asyncio.ensure_future(
        session.with_document_locked(setattr, document, "title", "a picture")
    )
    await asyncio.sleep(0.1)  # longer than a value waits
    browser.read.set()
    await sending
    await asyncio.sleep(0.2)
    return state.defocus, source.data["x"], controls.values["defocus"]


def set_defocus(model):
    model.data.values = {"defocus": 7.0}


def press(model):
    model._trigger_event(DataEvent(model, data={"press": "zero"}))


def say_nothing(model):
    model._trigger_event(DataEvent(model, data={"press": "other"}))


@pytest.mark.parametrize(
    ("tell", "stands"),
    [([set_defocus], 7.0), ([set_defocus, say_nothing], 7.0), ([set_defocus, press], 5.0)],
)
def test_values_and_messages_that_come_while_a_picture_is_sent_are_drawn(tell, stands, caplog):
    assert asyncio.run(heard_while_sending(tell)) == (stands, [stands], stands)
    assert [each for each in caplog.records if each.levelname != "DEBUG"] == []


class Taking:
    """A catalogue, and the one file that arrives there."""

    def begin_upload(self, name, size):
        self.name, self.content = name, b""
        return self

    @property
    def size(self):
        return len(self.content)

    def write(self, piece):
        self.content += piece

    def end_upload(self, upload):
        return upload.name, upload.content


@pytest.mark.parametrize("junk", JUNK)
def test_notices_and_uploads_take_no_junk(junk):
    taken, problems = [], []
    notices, upload = Notices(), Upload(Taking(), taken.append, problems.append)
    shown = notices.add("A sentence.", offer=("Do", lambda: taken.append("done")))
    for does in ("dismiss", "accept"):
        notices._handle_msg({"does": does, "number": junk})
    assert [item[0] for item in notices.items] == [shown]
    begin = {"does": "begin", "transfer": 3, "name": "a", "size": 1}
    for field in ("transfer", "name", "size"):
        if field != "name" or not isinstance(junk, str):
            upload._handle_msg(begin | {field: junk})
            assert upload.transfer == 0
    upload._handle_msg(begin)
    whole = {"does": "piece", "transfer": 3, "at": 0, "last": True, "data": "QQ=="}
    for field in ("transfer", "at", "data"):
        if not isinstance(junk, str):
            upload._handle_msg(whole | {field: junk})
    upload._handle_msg(whole | {"data": "Q"})  # no base 64
    assert taken == []
    upload._handle_msg(whole)
    assert taken == [("a", b"A")]
    assert problems == []


@pytest.mark.parametrize("junk", [*JUNK[:2], *JUNK[3:], float("nan"), float("inf"), 1e300, -1e300])
def test_a_control_shows_what_stands_there_after_junk(junk):
    experiment = Experiment()
    experiment.aberrations.defocus = 12.0
    for controls, name in (
        (Controls.of(experiment.aberrations, ["defocus"]), "defocus"),
        (Controls.of(experiment.dpc, ["iterations"]), "iterations"),
    ):
        before = controls.values[name]
        controls._process_events({"values": {name: junk, "absent": junk}})
        assert controls.values[name] == before
    assert experiment.aberrations.defocus == 12.0


@pytest.mark.parametrize("junk", [*JUNK[:2], *JUNK[3:], float("nan"), 1e300, 10**400])
def test_a_size_and_an_angle_stay_after_junk(junk):
    from app.views.polar import PolarControls

    state = AberrationState()
    state.set_polar("C12", 20.0, 30.0)
    controls = PolarControls.of_order(state, 1)
    before = dict(controls.values)
    for values in ({"C12": junk, "phi12": 30.0}, {"C12": 20.0, "phi12": junk}, {}):
        controls._process_events({"values": values})
        assert state.polar("C12") == pytest.approx((20.0, 30.0))
        assert controls.values["C12"] == before["C12"]


COLUMNS = [{}, {"x": []}, {"x": [None]}, {"x": ["1"]}, {"x": [True]}, {"x": [1, 2]}, {"x": "1"}]


@pytest.mark.parametrize("data", [*COLUMNS, {"x": [float("nan")]}, {"x": [1e300]}, None, 1])
def test_a_column_without_one_number_holds_none(data):
    assert number(data, "x") is None


def test_numbers_are_numbers():
    assert number({"x": [2]}, "x") == 2.0
    assert finite(-1.5) == -1.5
    assert finite(10**400) is None


@pytest.mark.parametrize("junk", [None, "x", [], float("nan"), 1e99, 0.0])
def test_a_figure_that_is_told_of_no_rectangle_shows_everything(junk):
    import holoviews as hv

    frame = Frame(hv.Curve([]))
    try:
        names = ("x0", "x1", "y0", "y1", "width", "height")
        frame.view.data = {name: [junk] for name in names}
        assert frame.visible is None
        assert (frame.height, frame.width) in ((0.0, 0.0), (1e99, 1e99))
        seen = []
        frame.on_pointer = lambda *place: seen.append(place)
        frame.pointer.data = {"x": [junk if junk != 0.0 else None], "y": [0.0]}
        assert all(place in [(None, None), (1e99, 0.0)] for place in seen)
    finally:
        frame.close()
