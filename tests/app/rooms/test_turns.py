"""Who looks on is drawn in turns, with pauses."""

from app.rooms.turns import LEAST_S, SHARE, Turns
from tests.support.room_pages import Time


class Page:
    def __init__(self, turns, time, takes=0.0):
        self.ready, self.woken, self._turns, self._time, self._takes = True, [], turns, time, takes

    def wake(self):
        self.woken.append(self._time())
        self._turns.took(self._takes)


def test_they_get_their_share_of_the_time_and_each_the_same_of_it():
    time = Time()
    turns = Turns(time.after, time)
    cost = 0.01
    pages = [Page(turns, time, cost) for _ in range(5)]
    while time() < 20:
        for page in pages:
            turns.ask(page)  # something new, all the time
        time.move(0.016)
    counts = [len(page.woken) for page in pages]
    assert max(counts) - min(counts) <= 1
    assert sum(counts) * cost / 20 <= SHARE * 1.1


def test_one_that_is_not_ready_keeps_nobody_else_waiting():
    time = Time()
    turns = Turns(time.after, time)
    slow, quick = Page(turns, time), Page(turns, time)
    slow.ready = False
    turns.ask(slow)
    turns.ask(quick)
    time.move(10 * LEAST_S)
    assert (len(slow.woken), len(quick.woken)) == (0, 1)
    slow.ready = True
    time.move(1)
    assert len(slow.woken) == 1


def test_who_has_left_is_not_woken():
    time = Time()
    turns = Turns(time.after, time)
    first, second = Page(turns, time), Page(turns, time)
    turns.ask(first)
    turns.ask(second)
    turns.drop(second)
    time.move(1)
    assert (len(first.woken), len(second.woken)) == (1, 0)


def test_at_rest_they_come_one_after_the_other_without_pauses():
    time, now_moving = Time(), [True]
    turns = Turns(time.after, time, lambda: now_moving[0])
    pages = [Page(turns, time, 0.01) for _ in range(5)]
    for page in pages:
        turns.ask(page)
    assert sum(len(page.woken) for page in pages) == 1  # one, and then there is a pause
    now_moving[0] = False
    turns.hurry()
    time.move(0.01)
    ends = [page.woken[-1] for page in pages]
    assert ends == sorted(set(ends))  # each has the thread to itself
    assert ends[-1] < 0.01


def test_one_that_never_tells_that_it_was_drawn_is_not_waited_for_at_rest():
    time = Time()
    turns = Turns(time.after, time, lambda: False)
    hung, quick = Page(turns, time), Page(turns, time)
    hung.wake = lambda: hung.woken.append(time())
    turns.ask(hung)
    turns.ask(quick)
    time.move(2 * LEAST_S)
    assert (len(hung.woken), len(quick.woken)) == (1, 1)
