"""A room: several pages, one experiment."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.pipeline.jobs import Answer, Job
from app.pipeline.results import PhaseImage
from app.rooms.holds import HOLD_S
from app.rooms.member import HANDS, STEER, WATCH
from app.rooms.room import MOST, RoomError
from app.state.experiment import Experiment
from tests.support.room_pages import Seated, make_room, quiet, shared


@pytest.fixture
def room():
    made, time = make_room()
    made.time = time
    yield made
    made.end()


def test_what_one_sets_all_see_and_what_is_a_page_s_own_stays(room):
    anna, ben = Seated(room), Seated(room)
    quiet(room.time, anna, ben)
    anna.experiment.aberrations.defocus = 12.0
    anna.experiment.display.param.update(theme="light", slot_left="bf", colour_map="viridis")
    quiet(room.time, anna, ben)
    assert room.experiment.aberrations.defocus == ben.experiment.aberrations.defocus == 12
    display = ben.experiment.display
    assert (display.theme, display.slot_left, display.colour_map) == ("dark", "dpc", "viridis")
    assert {"virtual", "dpc"} <= set(room.experiment.display.results)


def test_who_joins_in_the_middle_of_a_drag_sees_what_is_set_at_once(room):
    anna = Seated(room)
    for value in range(30):
        anna.experiment.aberrations.defocus = float(value)
        room.time.move(0.016)
    late = Seated(room)
    late.turn()
    assert late.experiment.aberrations.defocus == 29


def test_a_page_that_was_away_gets_the_newest_value_and_no_other(room):
    anna, ben = Seated(room), Seated(room)
    quiet(room.time, anna, ben)
    seen = []
    ben.experiment.aberrations.param.watch(lambda event: seen.append(event.new), "defocus")
    for value in range(1, 50):
        anna.experiment.aberrations.defocus = float(value)
        room.time.move(0.016)
        anna.turn()
    room.time.move(1)
    assert len(ben.posted) == 1
    ben.turn()
    assert seen == [49]


def test_a_page_fetches_nothing_of_what_its_own_hand_has_set(room):
    anna, ben = Seated(room), Seated(room)
    anna.experiment.aberrations.defocus = 4.0
    for page in (anna, ben):
        page.turn()  # they hear that a hand is on it
    anna.experiment.aberrations.defocus = 5.0
    assert not anna.posted
    assert not anna.member.values
    quiet(room.time, anna, ben)
    assert ben.experiment.aberrations.defocus == 5
    room.experiment.aberrations.defocus = 7.0  # as a fit does
    assert anna.posted
    quiet(room.time, anna, ben)
    assert anna.experiment.aberrations.defocus == ben.experiment.aberrations.defocus == 7


def test_others_hands_on_a_control_wait_while_one_drags_it(room):
    anna, ben = Seated(room), Seated(room)
    quiet(room.time, anna, ben)
    anna.experiment.aberrations.defocus = 5.0
    quiet(room.time, ben)  # HANDS expires in here: so drag again
    anna.experiment.aberrations.defocus = 6.0
    ben.experiment.aberrations.defocus = 70.0
    ben.experiment.aberrations.C12a = 3.0  # another control is free
    assert room.hands(ben.member) == {("aberrations", "defocus"): anna.member}
    assert room.hands(anna.member) == {("aberrations", "C12a"): ben.member}
    room.time.move(0.3)
    ben.turn()
    assert ben.experiment.aberrations.defocus == room.experiment.aberrations.defocus == 6
    assert room.experiment.aberrations.C12a == 3
    assert any(HANDS in news for news in ben.heard)
    room.time.move(HOLD_S)
    ben.experiment.aberrations.defocus = 70.0
    assert room.experiment.aberrations.defocus == 70


def test_a_watcher_changes_nothing(room):
    anna, eve = Seated(room), Seated(room, WATCH)
    quiet(room.time, anna, eve)
    before = shared(room.experiment)
    eve.experiment.aberrations.defocus = 99.0
    eve.experiment.scan.dataset = "another.h5"
    room.undo(eve.member)
    room.perform(eve.member, Job("Fit", lambda context: 1), Answer())
    assert room.pipeline.performed == []
    quiet(room.time, anna, eve)
    assert shared(room.experiment) == before == eve.shared()
    assert room.driver is None


def test_undo_is_one_for_all_and_says_whose_step_it_was(room):
    anna, ben = Seated(room), Seated(room)
    anna.experiment.aberrations.defocus = 5.0
    room.time.move(0.1)
    ben.experiment.aberrations.C12a = 3.0  # another hand begins another step
    quiet(room.time, anna, ben)
    room.settle()
    assert room.history.undoable.startswith("guest 2: C12a")
    room.undo(anna.member)
    assert room.history.undoable.startswith("guest 1: defocus")
    assert room.history.redoable.startswith("guest 2: C12a")
    quiet(room.time, anna, ben)
    assert ben.experiment.aberrations.C12a == 0
    assert ben.experiment.aberrations.defocus == 5


def test_what_is_made_is_shown_in_every_page(room):
    anna, ben = Seated(room, shows=True), Seated(room, WATCH, shows=True)
    image = PhaseImage(np.ones((2, 3)), "exact", 1.0, None, 7)
    room.pipeline.publish("phase", image)
    room.pipeline.publish("notice", "Something was found.")
    said = []
    ben.stages["told"].param.watch(lambda event: said.append(event.new), "notice")
    quiet(room.time, anna, ben)
    assert anna.stages["drawing"].phase is ben.stages["drawing"].phase is image
    assert said == ["Something was found."]


def test_a_page_that_hangs_keeps_nobody_waiting(room):
    anna, ben, hung = Seated(room), Seated(room), Seated(room)
    quiet(room.time, anna, ben)
    for value in range(1, 100):
        anna.experiment.aberrations.defocus = float(value)
        room.time.move(0.016)
        ben.turn()
    quiet(room.time, anna, ben)
    assert ben.experiment.aberrations.defocus == 99
    assert len(hung.posted) == 1


def test_the_hand_that_drives_paces(room):
    anna, ben = Seated(room), Seated(room)
    quiet(room.time, anna, ben)
    anna.experiment.aberrations.defocus = 5.0
    ben.member.acknowledge(3)
    assert room.pipeline.acknowledged == []
    anna.member.acknowledge(3)
    assert room.pipeline.acknowledged == [3]
    anna.member.leave()
    ben.member.acknowledge(4)
    assert room.pipeline.acknowledged == [3, 4]


def test_zoom_follows_whom_one_follows(room):
    anna, ben, cleo = Seated(room), Seated(room), Seated(room)
    room.follow(ben.member, anna.member.number)
    anna.experiment.display.view = (0.0, 1.0, 0.0, 1.0)
    quiet(room.time, anna, ben, cleo)
    assert ben.experiment.display.view == (0, 1, 0, 1)
    assert cleo.experiment.display.view is None
    room.follow(ben.member, None)
    anna.experiment.display.view = None
    quiet(room.time, anna, ben, cleo)
    assert ben.experiment.display.view == (0, 1, 0, 1)


def test_names_come_from_logins_or_can_be_chosen(room):
    anna, guest, other = Seated(room, user="anna"), Seated(room), Seated(room)
    assert [each.name for each in room.members] == ["anna", "guest 1", "guest 2"]
    room.rename(guest.member, "  Ben   of the \n lab ")
    room.rename(anna.member, "eve")
    room.rename(other.member, "anna")
    assert [each.name for each in room.members] == ["anna", "Ben of the lab", "guest 2"]


def test_a_room_that_has_ended_or_is_full_takes_nobody(room):
    for _ in range(MOST):
        Seated(room, WATCH)
    with pytest.raises(RoomError, match="full"):
        Seated(room)
    room.end()
    with pytest.raises(RoomError, match="ended"):
        Seated(room)


def test_the_last_one_out_is_told_of(room):
    gone = []
    room.on_empty = lambda: gone.append(True)
    anna, ben = Seated(room), Seated(room)
    anna.member.leave()
    assert gone == []
    ben.member.leave()
    assert gone == [True]
    assert ben.member.room is None


def test_a_room_begins_with_what_was_set():
    experiment = Experiment()
    experiment.aberrations.defocus = 33.0
    experiment.scan.energy_kev = 80.0
    experiment.scan.settled = True
    room, _ = make_room(experiment=experiment)
    assert shared(room.experiment) == shared(experiment)
    assert "energy_kev" in room.experiment.scan.pinned
    room.end()


CHANGES = st.one_of(
    st.tuples(st.just("defocus"), st.integers(0, 2), st.integers(-50, 50)),
    st.tuples(st.just("C12a"), st.integers(0, 2), st.integers(-50, 50)),
    st.tuples(st.just("dpc"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("rotation"), st.integers(0, 2), st.integers(-90, 90)),
    st.tuples(st.just("undo"), st.integers(0, 2), st.none()),
    st.tuples(st.just("redo"), st.integers(0, 2), st.none()),
    st.tuples(st.just("fetch"), st.integers(0, 2), st.none()),
    st.tuples(st.just("reload"), st.integers(0, 2), st.none()),
    st.tuples(st.just("wait"), st.just(0), st.floats(0.001, 1.5)),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(CHANGES, max_size=40))
def test_however_changes_delays_and_losses_interleave_all_pages_end_equal(steps):
    room, time = make_room()
    pages = [Seated(room), Seated(room), Seated(room, STEER)]
    for what, who, value in steps:
        page = pages[who]
        state = page.experiment
        if what in ("defocus", "C12a"):
            setattr(state.aberrations, what, float(value))
        elif what == "dpc":
            state.dpc.method = "direct" if value else "iterative"
        elif what == "rotation":
            state.scan.rotation_deg = float(value)
        elif what in ("undo", "redo"):
            getattr(room, what)(page.member)
        elif what == "fetch":
            page.turn()
        elif what == "reload":  # all that was on its way to the page is lost
            page.member.leave()
            pages[who] = Seated(room)
        else:
            time.move(value)
    quiet(time, *pages)
    assert all(page.shared() == shared(room.experiment) for page in pages)
    assert not any(page.posted for page in pages)
    room.end()


def test_a_hand_moves_until_an_exact_phase_says_that_it_rests(room):
    anna, ben = Seated(room), Seated(room)
    quiet(room.time, anna, ben)
    anna.experiment.aberrations.defocus = 5.0
    room.time.move(0.3)  # a thread that was busy, or a browser: that is no rest
    assert room.moving
    room.pipeline.publish("phase", PhaseImage(np.ones((2, 3)), "draft", 1.0, None, 7))
    assert room.moving
    room.pipeline.publish("phase", PhaseImage(np.ones((2, 3)), "exact", 1.0, None, 8))
    assert not room.moving
    anna.experiment.aberrations.defocus = 6.0
    assert room.moving
    room.time.move(1)
    assert not room.moving  # where no phase comes of it
