"""Which device does a piece of work, and what happens where that one cannot.

One process has one device, and all its sessions share it:

* Everything runs on the device's default stream, in the order in which threads launch it. Long
  work reports after each batch; there it waits until the device has done the batch, and then lets
  redraws go first (`Turns`). So a redraw of one session waits for at most one batch of another's
  G, and long work for at most 50 ms at each of its reports.
* Scans and G lie on the device once, in the `Store`, whose lock is held for look-ups only and
  never while something is computed. Threads share nothing else but this module's two locks:
  of the turns, held to count; and of what has been moved, held to look up. None of the three is
  ever waited for while another is held.
* Events are looked up for each pass over them and held no longer, so that they make room when
  something else has to go there; G stays while a session shows it.

What the device's memory does not hold is tried a second time after everything has gone that no
session uses, and a G a third time without the one that it replaces. Then, where the device was
found by itself ("auto"), the CPU does this piece of work, and is asked for it again during ten
minutes; where the owner demands the GPU, the sentence is shown. A device that does not even
answer any more is given up for the whole process.
"""

import logging
from collections.abc import Callable, Hashable
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from threading import Condition, Lock
from time import monotonic

from app.engine.store import Report, Store
from recon.device.backend import (
    CPU,
    Device,
    guarded,
    memory,
    on_host,
    release,
)
from recon.device.failure import DeviceError, DeviceFull

SHARE = 0.75
"""Of the device's memory, for what stays there; the rest is for transforms and images."""

RETRY_S = 600
"""After this time the device is tried again with what did not fit."""

PATIENCE_S = 0.05
"""Longest wait of a batch for redraws."""

_log = logging.getLogger(__name__)


class Turns:
    """Lets redraws pass between the batches of long work."""

    def __init__(self, patience: float = PATIENCE_S):
        self._condition = Condition()
        self._redraws = 0
        self._patience = patience

    @contextmanager
    def redraw(self):
        """Work that others give way to."""
        with self._condition:
            self._redraws += 1
        try:
            yield
        finally:
            with self._condition:
                self._redraws -= 1
                self._condition.notify_all()

    def give_way(self) -> None:
        """Wait while there are redraws, but not for ever."""
        with self._condition:
            self._condition.wait_for(lambda: not self._redraws, self._patience)


@dataclass(frozen=True)
class _Move:
    """What the CPU does in the device's place."""

    kind: type
    statement: str
    at: float


class Placement:
    """Does work on the device while that is possible, and on the CPU where it is not.

    Parameters
    ----------
    store : Store
        Where results are remembered.
    device : Device
        Where work is done.
    strict : bool
        Whether the owner wants no other: what the device cannot do is then an error.
    why_cpu : str, optional
        Why it is the CPU, where a GPU would have been taken.
    """

    def __init__(self, store: Store, device: Device = CPU, strict=False, why_cpu=None):
        self.store, self.device, self.strict, self.why_cpu = store, device, strict, why_cpu
        self.turns = Turns()
        self._lock = Lock()
        self._moved: dict[Hashable, _Move] = {}

    def get(
        self,
        key: tuple,
        compute: Callable[[Device, Report], object],
        progress: Report | None = None,
        let_go: Callable[[], None] | None = None,
    ):
        """The value of `key`, made by `compute(device, report)` unless it is known.

        The second entry of `key` is the scan's own key. Where the device is full, `let_go()` is
        called for what the value will replace.

        Raises
        ------
        DeviceError
            If the device cannot do it, and the owner wants no other.
        Exception
            Whatever `compute` or `progress` raised.
        """
        device = self.device_for(key)
        if device is not CPU:
            try:
                return self._get(device, key, compute, progress, let_go)
            except DeviceError as error:
                if not self.give_up(key, error):
                    raise
        return self._get(CPU, key, compute, progress)

    def _get(self, device, key, compute, progress, let_go=None):
        def make(report):
            if device is CPU:
                return compute(CPU, report)
            return self.attempt(lambda: compute(device, self._considerate(device, report)), let_go)

        return self.store.get(kept_under(key, device.name), make, progress)

    def holds(self, key: tuple) -> bool:
        """Whether the value of `key` is there, on the device that would make it now."""
        return kept_under(key, self.device_for(key).name) in self.store

    def redraw(self, g, compute: Callable[[], object]):
        """`compute()`, which follows a G and goes before long work, brought to the host."""
        if g.device is CPU:
            return compute()
        with self.turns.redraw():
            return self.attempt(lambda: brought_home(compute()))

    def attempt(self, work: Callable[[], object], let_go: Callable[[], None] | None = None):
        """`work()` on the device; again, with more room, where it did not fit.

        Raises
        ------
        DeviceError
            Also for what CuPy or the driver raised.
        """
        for make_room in (lambda: None, let_go):
            if make_room is None:
                break
            try:
                return guarded(work)()
            except DeviceFull as error:
                _log.info("What no session uses is dropped from the device: %s", str(error))
            make_room()
            self.store.clear_device()
        return guarded(work)()

    def device_for(self, key: Hashable) -> Device:
        """Where the value of `key` is made now."""
        with self._lock:
            move = self._moved.get(key)
            if move is not None and monotonic() - move.at > RETRY_S:
                del self._moved[key]
                move = None
            return self.device if move is None else CPU

    def give_up(self, key: tuple, error: DeviceError) -> bool:
        """Have the CPU do what the device failed at; False where the owner forbids that."""
        if self.strict:
            return False
        lost = not isinstance(error, DeviceFull) and not self._answers()
        with self._lock:
            if lost and self.device is not CPU:
                self.device, self.why_cpu = CPU, str(error)
                _log.error("The GPU is no longer used; running on the CPU: %s", str(error))
            said = f"{error} Running on the CPU instead."
            self._moved[key] = _Move(type(error), said, monotonic())
        self.store.forget(kept_under(key, "gpu"))
        return True

    def statements(self, scan_key: Hashable) -> tuple[str, ...]:
        """Why the CPU had to do some of the work on a scan; one sentence for each kind of error."""
        with self._lock:
            moved = [move for key, move in self._moved.items() if key[1:2] == (scan_key,)]
        first = {move.kind: move.statement for move in reversed(moved)}
        return tuple(first.values())

    def _considerate(self, device, report):
        def tell(fraction):
            report(fraction)
            device.xp.cuda.get_current_stream().synchronize()
            self.turns.give_way()

        return tell

    def _answers(self) -> bool:
        """Whether the device still computes at all."""
        device = self.device
        if device is CPU:
            return False
        try:
            return int(on_host(device.xp.ones(2, "int32") + device.xp.ones(2, "int32"))[1]) == 2
        except Exception:
            _log.debug("The device does not answer.", exc_info=True)
            return False


def kept_under(key: tuple, device: str) -> tuple:
    """The store's key for a value that a device has made: each has its own."""
    return (*key, device)


def brought_home(value):
    """`value`, an array, a dict of them or a dataclass, with its arrays in the host's memory."""
    if isinstance(value, dict):
        return {name: brought_home(part) for name, part in value.items()}
    if is_dataclass(value):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        return replace(value, **{name: brought_home(part) for name, part in parts.items()})
    return on_host(value) if hasattr(value, "__cuda_array_interface__") else value


def room_on(device: Device) -> int | None:
    """Bytes that scans and G may take on a device; None for the CPU, which has its own limit."""
    return None if device is CPU else int(SHARE * memory(device).usable)


def released_by(device: Device) -> Callable[[], None]:
    """What gives a device's unused memory back, and never fails at it."""

    def give_back():
        try:
            release(device)
        except Exception:
            _log.debug("The device's memory could not be released.", exc_info=True)

    return give_back
