"""Sessions that wait for what another has begun: no thread of a lane, each its own end."""

import threading
from threading import Event

import pytest

from app.engine.store import Store
from app.pipeline.lanes import QUICK, SLOW, ComputeService
from recon.errors import Cancelled
from tests.support.waiting import wait_until


@pytest.fixture
def service():
    service = ComputeService({QUICK: 1, SLOW: 2})
    yield service
    service.close()


class Slow:
    """One value that takes its time, asked for by sessions."""

    def __init__(self, service):
        self.service, self.store = service, Store(1 << 20)
        self.made, self.begun, self.go = 0, Event(), Event()
        self.error, self.stopped = None, Event()
        self.results, self.told, self.cancelled = {}, {}, set()

    def compute(self, report):
        self.made += 1
        self.begun.set()
        while not self.go.wait(0.01):
            try:
                report(0.25)
            except Cancelled:
                self.stopped.set()
                raise
        if self.error:
            raise self.error
        return [self.made]

    def ask(self, session, before=lambda: None):
        def progress(fraction):
            self.told[session] = fraction
            if session in self.cancelled:
                raise Cancelled

        def work():
            before()
            return self.store.get("key", self.compute, progress)

        self.service.submit(session, SLOW, work, lambda *end: self.end(session, *end))

    def end(self, session, result, error, seconds):
        self.results[session] = result if error is None else error


@pytest.fixture
def slow(service):
    slow = Slow(service)
    slow.ask("a")
    assert slow.begun.wait(10)
    yield slow
    slow.go.set()


def test_any_number_waits_for_one_slow_file_and_another_is_read_meanwhile(slow, service):
    threads = threading.active_count()
    others = [f"other {n}" for n in range(50)]
    for session in others:
        slow.ask(session)
    wait_until(lambda: {"a", *others} == slow.told.keys())
    assert threading.active_count() == threads
    read = Event()
    service.submit("b", SLOW, read.set, lambda *end: None)
    assert read.wait(10)
    assert slow.results == {}
    assert not any(service.idle(session) for session in others)
    slow.go.set()
    wait_until(lambda: len(slow.results) == 51)
    assert slow.made == 1
    assert all(result is slow.results["a"] for result in slow.results.values())
    wait_until(lambda: all(service.idle(session) for session in others))


def test_what_goes_wrong_is_told_to_all_and_not_tried_again(slow):
    for session in "bcd":
        slow.ask(session)
    wait_until(lambda: len(slow.told) == 4)
    slow.error = ValueError("damaged")
    slow.go.set()
    wait_until(lambda: len(slow.results) == 4)
    assert all(result is slow.error for result in slow.results.values())
    assert slow.made == 1
    # Who asks anew has it tried again.
    slow.ask("b")
    wait_until(lambda: slow.made == 2)


def test_it_goes_on_until_nobody_waits(slow):
    for session in "bc":
        slow.ask(session)
    wait_until(lambda: len(slow.told) == 3)
    for number, session in enumerate("bac", 1):
        assert not slow.stopped.is_set()
        slow.cancelled.add(session)
        wait_until(lambda number=number: len(slow.results) == number)
        assert isinstance(slow.results[session], Cancelled)
    assert slow.stopped.wait(10)


def test_what_a_session_asks_for_next_takes_the_place_of_what_it_waits_for(slow, service):
    slow.ask("b")
    wait_until(lambda: "b" in slow.told)
    done = Event()
    service.submit("b", SLOW, done.set, lambda *end: None)
    slow.cancelled.add("b")
    assert done.wait(10)
    assert isinstance(slow.results["b"], Cancelled)


def test_work_goes_on_where_it_waited_with_what_it_waited_for(slow):
    """What was done before is asked for again; a store that keeps nothing changes nothing."""
    begun = []
    slow.store._limit = 0
    slow.ask("b", before=lambda: begun.append(1))
    wait_until(lambda: "b" in slow.told)
    slow.go.set()
    wait_until(lambda: len(slow.results) == 2)
    assert slow.results["b"] is slow.results["a"]
    assert (slow.made, len(begun)) == (1, 2)


def test_a_service_is_closed_while_others_wait(slow, service):
    slow.ask("b")
    wait_until(lambda: "b" in slow.told)
    slow.store.close()
    service.close()
    assert not any(t.name == "livestem-waiting" and t.is_alive() for t in service_threads(service))


def service_threads(service):
    return [*service._threads, service._waiting._thread]
