"""How long work takes on a device: by the device's own clock, and as its caller waits for it."""

from dataclasses import dataclass
from statistics import median
from time import perf_counter

from recon.device.backend import Device

LEAST_RUNS, MOST_RUNS = 3, 50

ENOUGH = 0.4
"""Seconds of one kind of timing after which no further run is made."""

FLUSH_BYTES = 256 * 2**20
"""Written before each run that the device times: more than any cache holds."""


@dataclass(frozen=True)
class Timing:
    """Median times of a piece of work [ms].

    Attributes
    ----------
    device_ms : float or None
        Between two CUDA events, with the work's data out of the cache and without waiting for
        the host to launch it, as far as the work itself does not wait. None without CUDA events.
    wall_ms : float
        From the call until the device has finished, by the host's clock.
    runs : int
        Number of runs that `wall_ms` is the median of.
    """

    device_ms: float | None
    wall_ms: float
    runs: int

    @property
    def best_ms(self) -> float:
        """The device's own time where there is one."""
        return self.wall_ms if self.device_ms is None else self.device_ms


class Clock:
    """Times by the host's clock, once the device has finished.

    Parameters
    ----------
    device : Device
    """

    name = "wall clock"

    def __init__(self, device: Device):
        self._cuda = getattr(device.xp, "cuda", None)

    def now(self) -> float:
        """Seconds by the host's clock, with nothing left to do on the device."""
        if self._cuda is not None:
            self._cuda.Device().synchronize()
        return perf_counter()

    def device_ms(self, work) -> float | None:
        """None: only CUDA events tell the device's own time."""
        return None


class CudaClock(Clock):
    """Times by CUDA events on the default stream as well, with work's data out of the cache."""

    name = "CUDA events"

    def __init__(self, device: Device):
        super().__init__(device)
        self._flush = device.xp.empty(FLUSH_BYTES, "u1")

    def device_ms(self, work) -> float:
        """Time of one run of the work by the device's clock [ms]."""
        start, stop = self._cuda.Event(), self._cuda.Event()
        # While the device writes this, the host gets ahead: launches are not waited for.
        self._flush.fill(0)
        start.record()
        work()
        stop.record()
        stop.synchronize()
        return self._cuda.get_elapsed_time(start, stop)


def clock_of(device: Device) -> Clock:
    """The best clock that a device has."""
    cuda = getattr(device.xp, "cuda", None)
    return CudaClock(device) if hasattr(cuda, "get_elapsed_time") else Clock(device)


def timing(clock: Clock, work, most: int = MOST_RUNS) -> Timing:
    """Median times of `work()`, after one run that is not counted: it compiles and fills caches.

    Parameters
    ----------
    clock : Clock
    work : callable
    most : int
        Runs of each kind, at most; long work is run less often.
    """
    _wall_ms(clock, work)
    walls = [_wall_ms(clock, work)]
    least = 1 if walls[0] > 2e3 * ENOUGH else LEAST_RUNS
    runs = min(most, max(least, int(1e3 * ENOUGH / max(walls[0], 1e-3))))
    walls += [_wall_ms(clock, work) for _ in range(runs - 1)]
    times = [clock.device_ms(work) for _ in range(runs)]
    return Timing(None if None in times else median(times), median(walls), runs)


def _wall_ms(clock, work):
    start = clock.now()
    work()
    return 1e3 * (clock.now() - start)
