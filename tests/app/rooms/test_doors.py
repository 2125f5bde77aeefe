"""Links into rooms: looked up, ended, run out."""

import pytest

from app.rooms.doors import DAY_S, EMPTY_S, HOUR_S, Doors
from app.rooms.member import STEER, WATCH
from tests.support.room_pages import Seated, Time, make_room


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def doors(time):
    return Doors(time)


def opened(doors, time):
    door = doors.make(lambda: make_room(time)[0])
    return door, doors.open(door)


def test_a_link_leads_to_one_room_and_says_what_may_be_done_there(doors, time):
    made = []
    door = doors.make(lambda: made.append(make_room(time)[0]) or made[-1])
    assert made == []  # nobody has come yet
    assert doors.find(door.steer) == (door, STEER)
    assert doors.find(door.watch) == (door, WATCH)
    assert doors.open(door) is doors.open(door) is made[0]
    assert len(made) == 1


def test_links_cannot_be_guessed(doors):
    tokens = {token for _ in range(200) for token in vars_of(doors.make(None))}
    assert len(tokens) == 400
    assert all(len(token) >= 22 for token in tokens)  # 128 bits in base 64
    assert doors.find("") is None
    assert doors.find("A" * 22) is None


def vars_of(door):
    return door.steer, door.watch


@pytest.mark.parametrize(("life", "seconds"), [("hour", HOUR_S), ("day", DAY_S)])
def test_links_run_out(doors, time, life, seconds):
    door = doors.make(lambda: make_room(time)[0])
    doors.live(door, life)
    time.move(seconds - 1)
    assert doors.find(door.watch)
    time.move(2)
    assert doors.find(door.watch) is None
    assert doors.open(door) is None


def test_they_do_not_where_that_is_said(doors, time):
    door = doors.make(lambda: make_room(time)[0])
    doors.live(door, "ended")
    doors.live(door, "for ever and a day")  # what a page may send
    time.move(100 * DAY_S)
    assert doors.find(door.watch)


def test_who_is_in_the_room_as_its_links_run_out_stays_until_the_last_one_is_out(doors, time):
    door, room = opened(doors, time)
    anna = Seated(room)
    time.move(DAY_S + 1)
    assert doors.find(door.steer) is None
    assert not room.closed
    anna.member.leave()
    assert room.closed


def test_a_room_outlives_a_reload_and_ends_after_the_last_one_was_out_for_minutes(doors, time):
    door, room = opened(doors, time)
    Seated(room).member.leave()
    time.move(EMPTY_S - 1)
    assert doors.open(doors.find(door.steer)[0]) is room
    back = Seated(room)
    time.move(2 * EMPTY_S)
    assert not room.closed
    back.member.leave()
    time.move(EMPTY_S + 1)
    assert room.closed
    assert len(doors) == 0


def test_what_was_set_in_a_room_survives_it_as_its_links_until_they_run_out(doors, time):
    door, room = opened(doors, time)
    anna = Seated(room)
    anna.experiment.aberrations.defocus = 12.0
    anna.member.leave()
    assert doors.remains(door.watch) is None  # it is still there
    time.move(EMPTY_S + 1)
    assert doors.find(door.watch) is None
    assert doors.remains(door.watch) == doors.remains(door.steer)
    assert float(doors.remains(door.watch)["defocus"]) == 12
    time.move(DAY_S)
    assert doors.remains(door.watch) is None


def test_nothing_remains_of_a_room_that_was_ended(doors, time):
    door, room = opened(doors, time)
    doors.end(door, Seated(room).member)
    assert doors.remains(door.steer) is None


def test_new_links_end_the_old_ones_and_leave_people_in_the_room(doors, time):
    door, room = opened(doors, time)
    anna, old = Seated(room), door.watch
    doors.renew(door)
    assert doors.find(old) is None
    assert doors.find(door.watch) == (door, WATCH)
    assert anna.member in room.members


def test_a_room_that_is_ended_puts_everybody_out(doors, time):
    door, room = opened(doors, time)
    anna, ben = Seated(room), Seated(room)
    doors.end(door, anna.member)
    ben.turn()
    assert room.closed
    assert room.ended_by == anna.member.name
    assert {"end"} in ben.heard
    assert doors.find(door.steer) is None
    assert doors.open(door) is None


def test_a_door_whose_maker_has_gone_before_anybody_came_is_soon_forgotten(doors, time):
    door = doors.make(lambda: make_room(time)[0])
    doors.left(door, {"defocus": "12"})
    time.move(EMPTY_S + 1)
    assert doors.find(door.steer) is None
    assert doors.remains(door.steer) == {"defocus": "12"}
