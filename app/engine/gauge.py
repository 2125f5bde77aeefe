"""Which device works and how full it is, as the page says it."""

import logging
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from weakref import WeakKeyDictionary

from app.engine.store import bytes_of
from recon.device.backend import CPU, amount, memory, model
from recon.device.failure import filling
from recon.scan.kinds import where_it_lies

EVERY_S = 1.0
"""The driver is asked no more often than this, however many sessions redraw."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeviceState:
    """What computes, and how full its memory is."""

    name: str
    """Such as "NVIDIA H200", or "CPU, 2 threads"."""
    used: int | None
    """[bytes]; None where the device does not say."""
    total: int | None
    """[bytes]"""
    details: tuple[str, ...] = ()
    """Lines on what takes the memory, and why it is not the GPU."""

    @property
    def line(self) -> str:
        """How full it is, such as "12.3 of 139 GB"; empty where that is not known."""
        if self.used is None or not self.total:
            return ""
        return filling(self.used, self.total)

    @property
    def fraction(self) -> float:
        """How full it is, 0 to 1."""
        return min(1.0, self.used / self.total) if self.used is not None and self.total else 0.0


class Gauge:
    """Reads how full the device is that the work is placed on, now and then.

    Parameters
    ----------
    placed : Placement
    cluster : recon.cluster.connection.Cluster, optional
        Whose workers do the work, where there is one.
    """

    def __init__(self, placed, cluster=None):
        self._placed, self._cluster = placed, cluster
        self._lock = Lock()
        self._read_at, self._device, self._name, self._room = 0.0, None, "", None
        self._states: WeakKeyDictionary = WeakKeyDictionary()

    def state(self, prepared=None) -> DeviceState:
        """The device that works now; with what one session's `Prepared` takes there.

        The same object until the device has been read again.
        """
        with self._lock:
            self._read()
            # The engine stands for the sessions that have prepared nothing yet.
            whose = self._placed if prepared is None else prepared
            if whose not in self._states:
                self._states[whose] = self._state(prepared)
            return self._states[whose]

    def _read(self) -> None:
        device, now = self._placed.device, monotonic()
        if device is self._device and now - self._read_at < EVERY_S:
            return
        if device is not self._device:
            self._device, self._name = device, model(device)
        self._read_at = now
        self._states.clear()
        try:
            self._room = memory(device)
        except Exception:  # a driver that fails is told of by the work that fails with it
            _log.debug("The device does not report its memory use.", exc_info=True)
            self._room = None

    def _state(self, prepared) -> DeviceState:
        g = None if prepared is None else prepared.sidebands
        # A G that this machine does not hold may lie on a cluster that holds nothing else.
        cluster = self._cluster or getattr(g, "cluster", None)
        if cluster is None:
            return self._of_device(prepared)
        lines = [f"Cluster at {cluster.address}"]
        if g is not None:
            lines.append(f"G in {len(g.placed)} parts: {amount(g.stored)}, {g.entries:,} entries")
        try:
            there = cluster.state()
        except Exception:  # said by the work that fails with it
            _log.debug("The cluster does not say how it is.", exc_info=True)
            return DeviceState("no cluster", None, None, tuple(lines))
        return DeviceState(there.name, there.used, there.total, tuple(lines))

    def _of_device(self, prepared) -> DeviceState:
        room, lines = self._room, []
        on_gpu = self._device is not CPU
        if prepared is not None:
            events, g = prepared.scan.events, prepared.sidebands
            if g is not None:
                where = " on the CPU" if on_gpu and g.device is CPU else ""
                lines.append(f"G{where}: {amount(bytes_of(g))}, {g.entries:,} entries")
            lines.append(where_it_lies(events))
            lines += self._placed.statements(prepared.scan.key) if on_gpu else ()
        if on_gpu:
            kept = self._placed.store.device_nbytes
            lines.append(f"Scans and G of all sessions on the GPU: {amount(kept)}")
        elif self._placed.why_cpu:
            lines.append(self._placed.why_cpu)
        if room is None:
            return DeviceState(self._name, None, None, tuple(lines))
        return DeviceState(self._name, room.total - room.usable, room.total, tuple(lines))
