"""The stages are Param's: what they depend on is declared, what they give can be referred to."""

import re

import panel as pn
import param
import pytest

import app.pipeline
from app.pipeline.lanes import ComputeService
from app.state.ties import Ties
from tests.support.paths import ROOT
from tests.support.sessions import CALIBRATED, FakeEngine, Session

BOKEH_S = "session._subscribed_connections"
"""Bokeh's own name for a session's websockets."""


@pytest.fixture
def session():
    service = ComputeService()
    made = Session(FakeEngine({"demo": CALIBRATED}), service)
    yield made
    made.pipeline.close()
    service.close()


def arrows(stage):
    """What the methods of a stage depend on, as it is written."""
    before = {id(getattr(stage, n)): n for n in stage.param if n not in stage.results()}
    before |= {id(stage): ""}
    declared = [n for n in dir(type(stage)) if hasattr(getattr(type(stage), n), "_dinfo")]
    infos = [info for name in declared for info in stage.param.method_dependencies(name)]
    return {f"{before[id(info.inst)]}.{info.name}".lstrip(".") for info in infos}


def test_the_arrows_in_the_packages_words_are_those_of_the_code(session):
    table = app.pipeline.__doc__.partition("---\n")[2].partition("\n\n")[0]
    rows = re.split(r"\n    (?=\w)", re.sub(r"\([^)]*\)", "", table))
    written = {row.split()[0]: set(re.findall(r"\b[a-z_]+(?:\.[a-z_]+)?", row)) for row in rows}
    stages = session.pipeline.stages
    found = {type(each).__name__: arrows(each) | {*each.results()} for each in stages}
    found["Told"] = set(session.pipeline.told.param) - {"name"}
    assert written == found


def test_there_are_no_topics_beside_the_parameters():
    for path in (ROOT / "app").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"topic|subscribe", text.replace(BOKEH_S, ""), re.IGNORECASE), path


def test_a_result_can_be_bound_and_composed_as_panel_does(session):
    drawing = session.pipeline.drawing
    mode = pn.bind(lambda phase: phase and phase.mode, drawing.param.phase)

    class View(param.Parameterized):
        status = param.Parameter(allow_refs=True)

    view = View(status=drawing.param.status)
    assert (mode(), view.status) == (None, None)
    session.start().rest()
    defocus = drawing.param.phase.rx().array[0, 0]
    session.experiment.aberrations.defocus = 7
    session.rest()
    assert (mode(), defocus.rx.value, view.status) == ("exact", 7, drawing.status)


def test_a_session_that_ends_leaves_nothing_tied_to_its_state(session):
    session.start().rest()
    states = session.experiment.parts().values()

    def tied():
        return [
            w
            for state in states
            for kinds in state.param.watchers.values()
            for w in kinds.values()
            if w
        ]

    assert len(tied()) > len(states)
    session.pipeline.close()
    assert tied() == []
    results = session.pipeline.results.values()
    assert all(getattr(ref.owner, ref.name) is ref.default for ref in results)


def test_what_is_said_twice_is_heard_twice(session):
    heard, told = [], session.pipeline.told
    ties = Ties().hear(told.param.notice, heard.append)
    told.notice = told.notice = "Again."
    ties.untie()
    told.notice = "No more."
    assert heard == ["Again.", "Again."]
