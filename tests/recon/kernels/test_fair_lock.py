"""Kernels take turns: whoever has waited longest goes next."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from recon.kernels import FairLock
from tests.support.waiting import wait_until


def test_who_asks_again_at_once_waits_behind_all_others():
    lock, order, stop = FairLock(), [], Event()

    def again_and_again(name, times):
        for _ in range(times):
            with lock:
                order.append(name)
                # It gives the turn back only when both others wait.
                wait_until(lambda: stop.is_set() or len(lock._waiting) == 2)

    with ThreadPoolExecutor(3) as threads:
        under_way = [threads.submit(again_and_again, name, 20) for name in "abc"]
        wait_until(lambda: len(order) >= 50)
        stop.set()
        for each in under_way:
            each.result()
    first = order[:48]
    for begin in range(0, 48, 3):
        assert first[begin : begin + 3] == first[:3]
    assert not lock.locked()


def test_a_failure_gives_the_turn_back():
    lock = FairLock()

    def fail():
        with lock:
            raise KeyError(lock.locked())

    with pytest.raises(KeyError, match="True"):
        fail()
    assert not lock.locked()
    with lock:
        pass
