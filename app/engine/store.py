"""Results shared by all sessions of the process: computed once, kept while there is room.

Two sessions that ask for the same thing at the same time wait for one computation; it is stopped
only when every one of them has cancelled.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, is_dataclass
from threading import Event, RLock, Thread, local
from weakref import WeakValueDictionary

import numpy as np

from recon.errors import Cancelled

Report = Callable[[float], None]

POLL_S = 0.05
COMPUTING = "livestem-computing"
"""Name of the thread of a computation, which goes on for a moment after it was abandoned."""
_MISSING = object()
_here = local()


class UnderWay(BaseException):
    """Raised within `not_waiting` instead of waiting for what another thread has asked for.

    Attributes
    ----------
    wait : Wait
    """

    def __init__(self, wait: "Wait"):
        super().__init__("under way")
        self.wait = wait


@contextmanager
def not_waiting(landed):
    """Have this thread wait for nothing that another has begun: `Store.get` raises `UnderWay`.

    Parameters
    ----------
    landed : sequence of Wait
        What was waited for without it, and is there now: given, or raised, without a look.
    """
    _here.landed = {wait.key: wait for wait in landed}
    try:
        yield
    finally:
        _here.landed = None


class Store:
    """Values by key; beyond `limit` bytes the least recently used ones are forgotten.

    A value that some session still holds is found again even after it was forgotten here, so that
    no scan is ever in memory twice. An array that several values share counts once.

    Parameters
    ----------
    limit : int
        Bytes of arrays in the host's memory.
    device_limit : int, optional
        Bytes of arrays on a device, those that sessions hold included; None for no limit. Values
        that hold some are forgotten first for what else has to go there, and no others are.
    released : callable, optional
        Called after values with arrays on a device were forgotten: gives the memory back.
    """

    def __init__(
        self,
        limit: int,
        device_limit: int | None = None,
        released: Callable[[], None] = lambda: None,
    ):
        self._limit, self._device_limit, self._released = limit, device_limit, released
        self._lock = RLock()
        self._values: OrderedDict[Hashable, tuple[object, set[int]]] = OrderedDict()
        self._alive: WeakValueDictionary[Hashable, object] = WeakValueDictionary()
        self._flights: dict[Hashable, _Flight] = {}
        # Identity of an array in the host's memory -> its bytes, and how many values have it.
        self._sizes: dict[int, int] = {}
        self._users: Counter[int] = Counter()
        self._on_device: set[Hashable] = set()
        self._freed = False
        self._bytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the values that are kept, in the host's memory."""
        return self._bytes

    @property
    def device_nbytes(self) -> int:
        """Bytes of arrays on a device, of values that are kept here or that a session holds."""
        with self._lock:
            known = (self._values.get(k, (self._alive.get(k),))[0] for k in self._on_device)
            found = [array for value in known for array in arrays_in(value) if not _host(array)]
        return sum({_place(array): array.nbytes for array in found}.values())

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._values or key in self._alive

    def get(
        self, key: Hashable, compute: Callable[[Report], object], progress: Report | None = None
    ):
        """The value of `key`, computed by `compute(report)` unless it is known or under way.

        Parameters
        ----------
        key : hashable
            Everything that the value depends on.
        compute : callable
            Runs on a thread of its own; calls `report(fraction)` now and then, which raises
            `Cancelled` when nobody waits any more.
        progress : callable, optional
            Called with the fraction while waiting, on the caller's thread; raises `Cancelled` to
            wait no longer.

        Raises
        ------
        Exception
            Whatever `compute` or `progress` raised.
        UnderWay
            Within `not_waiting`, if another thread has asked for it before.
        """
        landed = getattr(_here, "landed", None)
        with self._lock:
            value = self._find(key)
            if value is _MISSING:
                flight = self._join(key, compute, landed, progress)
        if value is not _MISSING:
            self._give_back()
            return value
        try:
            while not flight.done.wait(POLL_S if progress else None):
                progress(flight.fraction)
        except BaseException:
            self._leave(key, flight)
            raise
        if flight.error is None:
            return flight.value
        try:
            raise flight.error
        finally:
            # Or the error would hold this frame, and the frame the error, with all that lay on the
            # device where it was raised.
            del flight

    def _join(self, key, compute, landed, progress):
        """Wait for the computation of `key` from now on; it begins if it is not under way."""
        flight = self._flights.get(key)
        if landed and key in landed:
            flight = landed[key].flight
        elif flight is None:
            flight = self._flights[key] = _Flight()
            work = key, flight, compute
            Thread(target=self._run, args=work, name=COMPUTING, daemon=True).start()
        elif landed is not None and progress is not None:
            flight.waiting += 1
            raise UnderWay(Wait(self, key, flight, progress))
        flight.waiting += 1
        return flight

    def _leave(self, key, flight):
        """Wait for a computation no longer; stop it if nobody else does."""
        with self._lock:
            flight.waiting -= 1
            if not flight.waiting:
                flight.abandoned = True
                if self._flights.get(key) is flight:
                    del self._flights[key]

    def close(self) -> None:
        """Stop what is under way, and forget everything."""
        with self._lock:
            for flight in self._flights.values():
                flight.abandoned = True
            for key in list(self._values):
                self._forget(key)
            self._on_device.clear()

    def known(self, key: Hashable):
        """The value of `key` if there is one, else None; nothing is computed."""
        with self._lock:
            return self._values[key][0] if key in self._values else self._alive.get(key)

    def forget(self, key: Hashable) -> None:
        """Have the value of `key` made again when it is asked for next."""
        with self._lock:
            self._forget(key)
            self._alive.pop(key, None)

    def let_go(self, key: Hashable) -> None:
        """Keep the value of `key` no longer for later; while a session holds it, it is found."""
        with self._lock:
            self._forget(key)

    def clear_device(self) -> None:
        """Forget every value that holds arrays on a device; what sessions hold stays there."""
        with self._lock:
            for key in self._on_device.intersection(self._values):
                self._forget(key)
            self._on_device = {key for key in self._on_device if key in self._alive}
        self._released()

    def _find(self, key):
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key][0]
        value = self._alive.get(key, _MISSING)
        if value is not _MISSING:
            self._keep(key, value)
        return value

    def _run(self, key, flight, compute):
        def report(fraction: float) -> None:
            flight.fraction = fraction
            if flight.abandoned:
                raise Cancelled

        try:
            flight.value = compute(report)
        except BaseException as error:  # told to everyone who waits, whatever it is
            flight.error = error
        try:
            with self._lock:
                if flight.error is None and not flight.abandoned:
                    self._keep(key, flight.value)
                if self._flights.get(key) is flight:
                    del self._flights[key]
            self._give_back()
        finally:
            done, flight = flight.done, None  # as in `get`
            done.set()

    def _keep(self, key, value):
        self._forget(key)
        arrays = list(arrays_in(value))
        sizes = {id(array): array.nbytes for array in arrays if _host(array)}
        self._values[key] = (value, set(sizes))
        self._users.update(set(sizes))
        news = sizes.keys() - self._sizes.keys()
        self._sizes.update((array, sizes[array]) for array in news)
        self._bytes += sum(sizes[array] for array in news)
        # Tuples, dicts and numbers cannot be referred to weakly; they are small.
        with suppress(TypeError):
            self._alive[key] = value
        for old in list(self._values)[:-1]:
            if self._bytes <= self._limit:
                break
            self._forget(old)
        if len(sizes) < len({id(array) for array in arrays}):
            self._on_device.add(key)
            del value, arrays
            self._make_room(key)

    def _forget(self, key):
        for array in self._values.pop(key, (None, ()))[1]:
            self._users[array] -= 1
            if not self._users[array]:
                del self._users[array]
                self._bytes -= self._sizes.pop(array)

    def _make_room(self, newest):
        """Forget what is on the device until the rest fits, the least recently used first."""
        self._on_device = {k for k in self._on_device if k in self._values or k in self._alive}
        if self._device_limit is None:
            return
        forgotten = False
        for key in [k for k in self._values if k in self._on_device and k != newest]:
            if self.device_nbytes <= self._device_limit:
                break
            self._forget(key)
            forgotten = True
        self._freed = self._freed or forgotten

    def _give_back(self):
        """Give the memory back that was freed on the device; the lock is free meanwhile."""
        with self._lock:
            freed, self._freed = self._freed, False
        if freed:
            self._released()


class _Flight:
    """A computation under way."""

    def __init__(self):
        self.done = Event()
        self.value = None
        self.error: BaseException | None = None
        self.fraction = 0.0
        self.waiting = 0
        self.abandoned = False


@dataclass(frozen=True, eq=False)
class Wait:
    """For a computation that is under way, without a thread that does."""

    store: Store
    key: Hashable
    flight: _Flight
    progress: Report

    def over(self) -> bool:
        """Whether it has ended; told of its fraction else.

        Raises
        ------
        Exception
            Whatever `progress` raised: it is not waited for any more.
        """
        if self.flight.done.is_set():
            return True
        try:
            self.progress(self.flight.fraction)
        except BaseException:
            self.store._leave(self.key, self.flight)
            raise
        return False


def arrays_in(value) -> Iterator:
    """The arrays in `value`, a nesting of arrays, dataclasses, dicts and sequences."""
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__cuda_array_interface__"):
        yield value
    elif isinstance(value, dict):
        for part in list(value.values()):
            yield from arrays_in(part)
    elif isinstance(value, tuple | list):
        for part in list(value):
            yield from arrays_in(part)
    elif is_dataclass(value):
        for field in fields(value):
            yield from arrays_in(getattr(value, field.name))


def bytes_of(value) -> int:
    """Bytes of the arrays in `value`, wherever they are; one that comes twice counts once."""
    return sum({_place(array): array.nbytes for array in arrays_in(value)}.values())


def _host(array) -> bool:
    return isinstance(array, np.ndarray | np.generic)


def _place(array):
    """What tells an array from others: on a device its address, which its handles share."""
    if _host(array):
        return id(array)
    return (array.__cuda_array_interface__.get("data") or (id(array),))[0]
