"""Share: two pages without a browser, which come into one room."""

import pytest

from app.page.watching import only_watching
from app.views.controls import MOVES
from tests.support.room_bench import Bench


@pytest.fixture
def bench(monkeypatch):
    made = Bench(monkeypatch)
    yield made
    made.close()


def sharing(page):
    return page.features[-1]


def test_pages_share_a_room(bench):
    """One test for all of it: each page takes seconds to make."""
    anna = bench.open()
    anna.experiment.aberrations.defocus = 5.0
    card = sharing(anna).card
    assert card.watch == card.steer == ""
    card._handle_msg({"does": "invite"})
    assert card.watch
    assert card.steer != card.watch
    assert "room" not in anna.address.query()
    assert anna.pipeline.member is None  # nobody has come yet
    ben = bench.open(card.steer)
    room = anna.pipeline.member.room
    assert ben.pipeline.member.room is room
    assert ben.experiment.aberrations.defocus == 5
    bench.until(lambda: anna.address.room == card.steer)

    # What one sets the other sees, drawn of the same image; its control waits meanwhile.
    controls = anna.panels.defocus
    controls.values = controls.values | {"defocus": 12.0, MOVES: {"defocus": 1}}
    bench.until(lambda: ben.experiment.aberrations.defocus == 12)
    bench.until(lambda: ben.pipeline.drawing.phase.array[0, 0] == 12)
    assert ben.pipeline.drawing.phase is anna.pipeline.drawing.phase
    bench.until(lambda: ben.panels.defocus.hands == {"defocus": "guest 1"})
    assert anna.panels.defocus.hands == {}
    assert "guest 1 is dragging defocus" in sharing(ben).activity.text

    # A message with an older value of what others have moved does not bring that back.
    group = ben.panels.orders[1]
    anna.experiment.aberrations.C12a = 3.0
    old = group.values
    bench.until(lambda: ben.experiment.aberrations.C12a == 3)
    group.values = old | {"C12a": 0.0, "C12b": 4.0, MOVES: {"C12b": 1}}
    bench.until(lambda: anna.experiment.aberrations.C12b == 4)
    assert room.experiment.aberrations.C12a == ben.experiment.aberrations.C12a == 3
    assert group.values["C12a"] == 3

    # One undo for both, with names.
    room.settle()
    undo = anna.features[0].tools
    bench.until(lambda: undo.undo.startswith("guest 2: C12b"))
    undo._handle_msg({"does": "undo"})
    bench.until(lambda: ben.experiment.aberrations.C12b == 0)
    assert ben.features[0].tools.redo.startswith("guest 2: C12b")

    # Who is here, and what they are called.
    sharing(ben).presence._handle_msg({"does": "name", "name": "Ben"})
    bench.until(lambda: [p["name"] for p in sharing(anna).presence.people] == ["guest 1", "Ben"])
    ben.pipeline.member.point(1.0, 2.0)
    room._tell_pointers()
    bench.until(lambda: sharing(anna).pointers.source.data["name"] == ["Ben"])
    assert sharing(ben).pointers.source.data["name"] == []

    # A reload comes back into the room; the end puts everybody out.
    anna.close()
    assert not room.closed
    back = bench.open(card.steer)
    assert back.pipeline.member.room is room
    sharing(back).card._handle_msg({"does": "end"})
    bench.until(lambda: sharing(ben).presence.ended)
    assert room.closed
    assert "room" not in ben.address.query()
    assert "C12a=3" in sharing(ben).presence.alone


def test_a_page_that_watches_may_tell_how_it_looks_and_nothing_else(bench):
    anna = bench.open()
    door = anna.pipeline.invite()
    eve = bench.open(door.watch)
    for root in eve.roots().values():
        root.get_root(eve.doc)
    allowed = only_watching(eve)
    eve.experiment.aberrations.defocus = 50.0  # were a message ever let through
    bench.until(lambda: eve.experiment.aberrations.defocus == 0)
    assert anna.experiment.aberrations.defocus == 0
    assert not sharing(eve).card.rooms
    sharing(eve).card._handle_msg({"does": "end"})
    assert not anna.pipeline.member.room.closed

    def changed(model, name, new):
        return {"kind": "ModelChanged", "model": {"id": model.id}, "attr": name, "new": new}

    slot = eve.slots["slot_main"].view
    column = {"type": "map", "entries": [["x", [1.0]], ["y", [2.0]]]}
    models = [model for root in eve.roots().values() for model, _ in root._models.values()]
    eve.doc.add_root(slot.figure)
    assert allowed(changed(slot.pointer, "data", column))
    assert allowed(changed(slot.figure, "inner_width", 300))
    assert not allowed(changed(slot.source, "data", column))
    assert not allowed(changed(slot.figure, "renderers", []))
    assert not any(allowed(changed(m, n, 1)) for m in models for n in ("values", "data", "text"))


def test_a_link_is_drawn_as_a_code_that_can_be_read(bench):
    page = bench.open()
    card = sharing(page).card
    card._handle_msg({"does": "qr", "text": "http://lab.example.org/app?room=abc"})
    assert card.qr.startswith("<svg")
    assert card.qr_of.endswith("room=abc")
    card._handle_msg({"does": "qr", "text": "x" * 5000})
    assert card.qr_of.endswith("room=abc")
