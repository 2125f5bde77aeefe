"""Coalescing, fairness and survival of the service; joining in the store. Threads only."""

import gc
from threading import Barrier, Event, Lock, Thread

import numpy as np
import pytest

from app.engine.store import Store, bytes_of
from app.pipeline.lanes import DERIVED, QUICK, SLOW, ComputeService
from recon.errors import Cancelled
from tests.support.waiting import PATIENCE_S, wait_until


@pytest.fixture
def service():
    service = ComputeService({QUICK: 1, DERIVED: 2, SLOW: 2})
    yield service
    service.close()


class Log:
    """Notes what ran, and holds up the first job until told to go on."""

    def __init__(self, service, lane=QUICK):
        self.service, self.lane = service, lane
        self.ran, self.results = [], []
        self.started, self.go = Event(), Event()

    def block(self, session):
        def work():
            self.started.set()
            assert self.go.wait(PATIENCE_S)

        self.service.submit(session, self.lane, work, self.done)
        assert self.started.wait(PATIENCE_S)

    def submit(self, session, value, **options):
        def work():
            self.ran.append(value)
            return value

        self.service.submit(session, self.lane, work, self.done, **options)

    def done(self, result, error, seconds):
        assert seconds >= 0
        self.results.append(error or result)


def test_of_a_drag_only_the_first_and_the_last_value_are_worked_on(service):
    log = Log(service)
    log.block("a")
    for value in range(100):
        log.submit("a", value)
    log.go.set()
    wait_until(lambda: len(log.results) == 2)
    assert log.ran == [99]


def test_a_session_is_idle_when_nothing_of_it_waits_or_runs(service):
    log = Log(service)
    assert service.idle("a")
    log.block("a")
    log.submit("b", 1)
    assert not service.idle("a")
    assert not service.idle("b")
    log.go.set()
    wait_until(lambda: service.idle("a") and service.idle("b"))
    assert len(log.results) == 2
    log.submit("a", 2, delay=60)
    assert not service.idle("a")
    service.discard("a")
    assert service.idle("a")


def test_sessions_take_turns_and_a_drag_keeps_its_place(service):
    log = Log(service)
    log.block("z")
    for session in "abc":
        log.submit(session, session)
    for value in range(10):
        log.submit("a", f"a{value}")
    log.go.set()
    wait_until(lambda: len(log.ran) == 3)
    assert log.ran == ["a9", "b", "c"]


def test_a_redraw_never_waits_for_slow_work_of_any_session(service):
    slow = [Log(service, lane) for lane in (SLOW, SLOW, DERIVED, DERIVED)]
    for n, log in enumerate(slow):
        log.block(n)
    slow[0].submit(2, "queued")
    quick = Log(service)
    for session in (0, 1, 2):
        quick.submit(session, session)
    wait_until(lambda: len(quick.ran) == 3)
    assert slow[0].ran == []
    for log in slow:
        log.go.set()


def test_one_session_cannot_take_both_slow_threads(service):
    log = Log(service, SLOW)
    log.block("a")
    log.submit("a", "a2")
    log.submit("b", "b")
    wait_until(lambda: log.ran == ["b"])
    log.go.set()
    wait_until(lambda: log.ran == ["b", "a2"])


def test_an_error_goes_to_its_owner_and_the_worker_lives_on(service):
    log = Log(service)

    def fail():
        raise ValueError("no")

    service.submit("a", QUICK, fail, log.done)
    wait_until(lambda: len(log.results) == 1)
    assert str(log.results[0]) == "no"
    log.submit("a", 1)
    wait_until(lambda: log.ran == [1])


def test_an_error_while_handing_over_is_survived(service, caplog):
    service.submit("a", QUICK, lambda: 1, lambda *_: 1 / 0)
    log = Log(service)
    log.submit("b", 1)
    wait_until(lambda: log.ran == [1])
    assert "could not be handed over" in caplog.text


def test_a_delayed_job_gives_its_place_to_a_newer_one(service):
    log = Log(service)
    log.submit("a", "exact", delay=60)
    assert service.pending("a", QUICK)
    log.submit("a", "draft")
    wait_until(lambda: log.ran == ["draft"])
    log.submit("a", "exact", delay=0.01)
    wait_until(lambda: log.ran == ["draft", "exact"])


def test_a_yielding_job_does_not_push_out_the_one_that_waits(service):
    log = Log(service)
    log.block("z")
    log.submit("a", "newer draft")
    log.submit("a", "older exact", yielding=True)
    log.go.set()
    wait_until(lambda: len(log.results) == 2)
    assert log.ran == ["newer draft"]


def test_a_gate_holds_back_one_session_only_and_computes_the_latest(service):
    wait = [60.0]
    service.gate("a", lambda: wait[0])
    log = Log(service)
    log.submit("a", 1)
    log.submit("b", 2)
    wait_until(lambda: log.ran == [2])
    log.submit("a", 3)
    wait[0] = 0.0
    service.wake()
    wait_until(lambda: log.ran == [2, 3])


def test_discarded_work_is_not_done(service):
    log = Log(service)
    log.block("z")
    log.submit("a", 1)
    log.submit("b", 2)
    service.discard("a")
    log.go.set()
    wait_until(lambda: log.ran == [2])


def test_a_closed_service_has_no_threads_and_takes_nothing():
    service = ComputeService()
    log = Log(service)
    log.submit("a", 1, delay=60)
    service.close()
    log.submit("a", 2)
    assert log.ran == []
    assert not any(thread.is_alive() for thread in service._threads)


# ---- the store ----


def test_a_value_is_computed_once():
    store = Store(1000)
    value = np.zeros(3)
    assert store.get("k", lambda report: value) is value
    assert store.get("k", lambda report: 1 / 0) is value


def test_two_that_want_the_same_wait_for_one_computation():
    store, calls, lock, together = Store(1000), [], Lock(), Barrier(3)
    go, found = Event(), []

    def compute(report):
        with lock:
            calls.append(1)
        assert go.wait(PATIENCE_S)
        return np.ones(2)

    def ask():
        together.wait(PATIENCE_S)
        found.append(store.get("k", compute, lambda fraction: None))

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    together.wait(PATIENCE_S)
    wait_until(lambda: calls)
    go.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(calls) == 1
    assert found[0] is found[1]


def blocked(store, cancelled, results):
    """A caller of the store who cancels once `cancelled` is set."""

    def progress(fraction):
        if cancelled.is_set():
            raise Cancelled

    def ask():
        try:
            results.append(store.get("k", compute, progress))
        except Exception as error:
            results.append(error)

    started, go, stopped = Event(), Event(), Event()

    def compute(report):
        started.set()
        try:
            while not go.wait(0.002):
                report(0.5)
        except Cancelled:
            stopped.set()
            raise
        return np.ones(2)

    thread = Thread(target=ask)
    thread.start()
    return thread, started, go, stopped


def test_one_who_cancels_does_not_stop_the_other():
    store, mine, theirs = Store(1000), [], []
    cancel, never = Event(), Event()
    first, started, go, stopped = blocked(store, cancel, mine)
    assert started.wait(PATIENCE_S)
    second, *_ = blocked(store, never, theirs)
    wait_until(lambda: store._flights["k"].waiting == 2)
    cancel.set()
    first.join(PATIENCE_S)
    assert isinstance(mine[0], Cancelled)
    assert not stopped.is_set()
    go.set()
    second.join(PATIENCE_S)
    np.testing.assert_array_equal(theirs[0], 1)


def test_work_stops_when_all_have_cancelled_and_can_be_done_again():
    store, results, cancel = Store(1000), [], Event()
    thread, started, _, stopped = blocked(store, cancel, results)
    assert started.wait(PATIENCE_S)
    cancel.set()
    thread.join(PATIENCE_S)
    assert stopped.wait(PATIENCE_S)
    assert store.get("k", lambda report: 7) == 7


def test_a_failure_is_told_to_everyone_and_not_remembered():
    store = Store(1000)
    with pytest.raises(ZeroDivisionError):
        store.get("k", lambda report: 1 / 0)
    assert store.get("k", lambda report: 7) == 7


def test_the_least_recently_used_value_makes_room():
    store = Store(100)
    for key in "abc":
        store.get(key, lambda report: np.zeros(5))
        store.get("a", lambda report: np.zeros(5))
    gc.collect()
    assert ("a" in store, "b" in store, "c" in store) == (True, False, True)
    assert store.nbytes == 80


def test_what_a_session_still_holds_is_not_made_twice():
    store = Store(100)
    held = store.get("a", lambda report: np.zeros(10))
    store.get("b", lambda report: np.zeros(10))
    assert store.get("a", lambda report: 1 / 0) is held


def test_a_value_larger_than_the_limit_is_kept_alone():
    store = Store(10)
    store.get("a", lambda report: np.zeros(2))
    store.get("b", lambda report: np.zeros(4))
    assert store.nbytes == 32


def test_bytes_of_nested_values():
    assert bytes_of({"a": np.zeros(2), "b": (np.zeros(3, "u1"), 5)}) == 19
