"""Bytes in two places: the host's memory and a device's, each with its own limit."""

import gc
import weakref
from contextlib import suppress
from threading import Thread

import numpy as np
import pytest

from app.engine.store import Store, arrays_in, bytes_of
from tests.support.stored import Scan
from tests.support.waiting import PATIENCE_S, wait_until


class OnDevice:
    """As much of an array on a device as the store looks at."""

    def __init__(self, nbytes, address=None):
        self.nbytes = nbytes
        self.__cuda_array_interface__ = {} if address is None else {"data": (address, False)}


def put(store, key, value):
    return store.get(key, lambda report: value)


def test_each_place_counts_its_own_bytes():
    store = Store(100, 100)
    put(store, "a", Scan(np.zeros(5), [OnDevice(30)]))
    assert (store.nbytes, store.device_nbytes) == (40, 30)


def test_an_array_that_two_values_share_counts_once():
    store, pixels = Store(100), np.zeros(5)
    put(store, "host", Scan(pixels))
    put(store, "device", Scan(pixels, [OnDevice(7)]))
    assert (store.nbytes, store.device_nbytes) == (40, 7)
    assert bytes_of((pixels, pixels)) == 40
    put(store, "other", Scan(np.zeros(9)))  # forgets "host", whose array "device" still has
    assert "device" not in store
    assert store.nbytes == 72


def test_what_is_used_least_makes_room_on_the_device_and_the_memory_is_given_back():
    released = []
    store = Store(1000, 100, lambda: released.append(store.device_nbytes))
    for key in "abc":
        put(store, key, Scan(OnDevice(45)))
        put(store, "a", None)
    assert ("a" in store, "b" in store, "c" in store) == (True, False, True)
    assert released == [90]


def test_what_only_the_host_holds_makes_no_room_on_the_device():
    store = Store(1000, 100)
    put(store, "host", Scan(np.zeros(5)))
    for key in "ab":
        put(store, key, Scan(OnDevice(90)))
    assert ("host" in store, "a" in store, "b" in store) == (True, False, True)


def test_what_a_session_holds_on_the_device_still_counts():
    store = Store(1000, 100)
    held = put(store, "a", Scan(OnDevice(90)))
    put(store, "b", Scan(OnDevice(60)))
    assert store.device_nbytes == 150
    assert put(store, "a", None) is held
    del held
    store.clear_device()
    assert store.device_nbytes == 0


def test_what_grows_after_it_was_kept_counts_as_it_is():
    store = Store(1000, 100)
    scan = put(store, "a", Scan(OnDevice(10)))
    scan.spare.append(OnDevice(20))
    assert store.device_nbytes == 30


def test_an_array_and_its_handle_count_once():
    assert bytes_of([OnDevice(30, 4096), OnDevice(30, 4096), OnDevice(5, 8192)]) == 35


def test_a_forgotten_value_is_made_again_even_while_a_session_holds_it():
    store = Store(100)
    held = put(store, "a", Scan(np.zeros(3)))
    store.forget("a")
    assert put(store, "a", Scan(np.zeros(3))) is not held
    assert store.nbytes == 24


def test_a_value_that_is_let_go_is_found_as_long_as_a_session_holds_it():
    store = Store(100)
    held = put(store, "a", Scan(np.zeros(3)))
    store.let_go("a")
    assert store.nbytes == 0
    assert put(store, "a", Scan(np.zeros(3))) is held
    del held
    store.let_go("a")
    gc.collect()
    assert "a" not in store


def test_clearing_the_device_leaves_the_host_alone_and_gives_back():
    released = []
    store = Store(1000, 100, lambda: released.append(1))
    put(store, "host", Scan(np.zeros(5)))
    put(store, "device", Scan(np.zeros(3), [OnDevice(9)]))
    store.clear_device()
    assert ("host" in store, "device" in store) == (True, False)
    assert (store.nbytes, store.device_nbytes, released) == (40, 0, [1])


def test_the_store_answers_while_the_device_gives_memory_back():
    seen = []

    def released():
        other = Thread(target=lambda: seen.append("a" in store), daemon=True)
        other.start()
        other.join(PATIENCE_S / 20)
        seen.append(other.is_alive())

    store = Store(1000, 100, released)
    for key in "ab":
        put(store, key, Scan(OnDevice(90)))
    wait_until(lambda: seen)
    assert seen == [False, False]  # forgotten, and told so at once


def test_a_closed_store_holds_nothing():
    store = Store(1000, 100)
    put(store, "a", Scan(np.zeros(3), [OnDevice(9)]))
    store.close()
    assert (store.nbytes, store.device_nbytes) == (0, 0)


@pytest.mark.parametrize("value", [None, 3, "words", object()])
def test_what_holds_no_array_takes_no_bytes(value):
    assert list(arrays_in(value)) == []
    assert bytes_of(value) == 0


def test_a_failure_that_was_caught_holds_nothing_of_where_it_was_raised():
    class Held:
        pass

    held = []

    def compute(report):
        local = Held()
        held.append(weakref.ref(local))
        raise ValueError("no")

    gc.disable()
    try:
        store = Store(100)
        with suppress(ValueError):
            store.get("k", compute)
        wait_until(lambda: held[0]() is None)
    finally:
        gc.enable()
