"""Results shared by all sessions of the process: computed once, kept while there is room.

Two sessions that ask for the same thing at the same time wait for one computation; it is stopped
only when every one of them has cancelled.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from threading import Event, RLock, Thread
from weakref import WeakValueDictionary

import numpy as np

from recon.errors import Cancelled

Report = Callable[[float], None]

_POLL_S = 0.05
_MISSING = object()


class Store:
    """Values by key, least recently used ones forgotten beyond `limit` bytes.

    A value that some session still holds is found again even after it was forgotten here, so that
    no scan is ever in memory twice.
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._lock = RLock()
        self._values: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._alive: WeakValueDictionary[Hashable, object] = WeakValueDictionary()
        self._flights: dict[Hashable, _Flight] = {}
        self._bytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the values that are kept."""
        return self._bytes

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
        """
        with self._lock:
            value = self._find(key)
            if value is not _MISSING:
                return value
            flight = self._flights.get(key)
            if flight is None:
                flight = self._flights[key] = _Flight()
                Thread(target=self._run, args=(key, flight, compute), daemon=True).start()
            flight.waiting += 1
        try:
            while not flight.done.wait(_POLL_S if progress else None):
                progress(flight.fraction)
        except BaseException:
            with self._lock:
                flight.waiting -= 1
                if not flight.waiting:
                    flight.abandoned = True
                    if self._flights.get(key) is flight:
                        del self._flights[key]
            raise
        if flight.error is not None:
            raise flight.error
        return flight.value

    def close(self) -> None:
        """Stop what is under way, and forget everything."""
        with self._lock:
            for flight in self._flights.values():
                flight.abandoned = True
            self._values.clear()
            self._bytes = 0

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
        finally:
            flight.done.set()

    def _keep(self, key, value):
        size = bytes_of(value)
        self._bytes += size - self._values.get(key, (None, 0))[1]
        self._values[key] = (value, size)
        # Tuples, dicts and numbers cannot be referred to weakly; they are small.
        with suppress(TypeError):
            self._alive[key] = value
        while self._bytes > self._limit and len(self._values) > 1:
            _, (_, size) = self._values.popitem(last=False)
            self._bytes -= size


class _Flight:
    """A computation under way."""

    def __init__(self):
        self.done = Event()
        self.value = None
        self.error: BaseException | None = None
        self.fraction = 0.0
        self.waiting = 0
        self.abandoned = False


def bytes_of(value) -> int:
    """Bytes of the arrays in `value`, a nesting of arrays, dataclasses, dicts and sequences."""
    if isinstance(value, np.ndarray | np.generic):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(bytes_of, value.values()))
    if isinstance(value, tuple | list):
        return sum(map(bytes_of, value))
    if is_dataclass(value):
        return sum(bytes_of(getattr(value, field.name)) for field in fields(value))
    return 0
