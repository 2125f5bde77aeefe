"""Work on threads of its own, so that the page never waits: the latest value wins.

Every session owns one pending place in each lane. A new job replaces the one that waits there and
keeps its place in the queue; so a drag never queues, and the last value is always worked on.
Lanes have their own threads: a redraw never waits behind the reading of a file. In the slow lane
nobody waits on a thread for what another session has begun (`app.pipeline.waiting`).
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import Condition, Lock, Thread
from time import monotonic, perf_counter

from app.engine.store import UnderWay, Wait, not_waiting
from app.pipeline.waiting import Waiting

QUICK, DERIVED, SLOW, DOSE = "quick", "derived", "slow", "dose"
EXTRA, ASIDE, POINT = "extra", "aside", "point"
LANES = {QUICK: 2, DERIVED: 2, SLOW: 4, DOSE: 1, EXTRA: 2, ASIDE: 2, POINT: 2}
"""Threads of each lane. quick: redraws, milliseconds, of two pages at once. derived: DPC and sums,
up to seconds. slow: reading, simulating, building G. dose: drafts of another dose. extra: what is
shown at rest. aside: what was asked for once, such as a fit. point: frames under a
pointer."""

Done = Callable[[object, BaseException | None, float], None]
Gate = Callable[[], float]


@dataclass(frozen=True)
class _Job:
    work: Callable[[], object]
    done: Done
    not_before: float
    landed: tuple[Wait, ...] = ()
    """What it has waited for, without a thread."""


class ComputeService:
    """Runs the latest job of each session and lane, in turns.

    Parameters
    ----------
    lanes : mapping of str to int
        Number of threads of each lane.
    """

    def __init__(self, lanes: Mapping[str, int] = LANES):
        # One lock, but each lane's threads are woken for what is theirs alone: a drag submits to
        # several lanes, and a thread woken in vain takes the interpreter from the one that draws.
        self._lock = Lock()
        self._woken = {name: Condition(self._lock) for name in lanes}
        self._pending: dict[str, OrderedDict[Hashable, _Job]] = {n: OrderedDict() for n in lanes}
        self._busy: dict[str, set[Hashable]] = {name: set() for name in lanes}
        self._gates: dict[Hashable, Gate] = {}
        self._closed = False
        self._waiting = Waiting()
        self._threads = [
            Thread(target=self._serve, args=(lane,), name=f"livestem-{lane}-{n}", daemon=True)
            for lane, count in lanes.items()
            for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self,
        session: Hashable,
        lane: str,
        work: Callable[[], object],
        done: Done,
        *,
        delay: float = 0.0,
        yielding: bool = False,
    ) -> None:
        """Have `work()` done, in place of whatever `session` had waiting in `lane`.

        Parameters
        ----------
        session : hashable
            Whose place it is. One job of a session runs at a time in a lane.
        work : callable
            Must hold a snapshot of all it needs.
        done : callable
            `done(result, error, seconds)`, called on the worker's thread.
        delay : float
            Seconds to wait first; a job submitted meanwhile takes its place.
        yielding : bool
            Whether this job gives way to one that waits already.
        """
        with self._lock:
            taken = yielding and session in self._pending[lane]
            if not self._closed and not taken:
                # Assigning to a known key keeps its place in an OrderedDict.
                self._pending[lane][session] = _Job(work, done, monotonic() + delay)
                self._woken[lane].notify_all()

    def gate(self, session: Hashable, ready_in: Gate | None) -> None:
        """Hold back the quick jobs of `session` while `ready_in()` gives more than 0 seconds."""
        with self._lock:
            if ready_in is None:
                self._gates.pop(session, None)
            else:
                self._gates[session] = ready_in
            self._woken[QUICK].notify_all()

    def wake(self) -> None:
        """Look at the gates again."""
        with self._lock:
            self._woken[QUICK].notify_all()

    def pending(self, session: Hashable, lane: str) -> bool:
        """Whether a job of `session` waits in `lane`."""
        with self._lock:
            return session in self._pending[lane]

    def idle(self, session: Hashable) -> bool:
        """Whether nothing of `session` waits or runs, but for what was asked for aside."""
        with self._lock:
            return not any(
                session in self._pending[lane] or session in self._busy[lane]
                for lane in self._pending
                if lane != ASIDE
            )

    def discard(self, session: Hashable, lane: str | None = None) -> None:
        """Forget what `session` has waiting in `lane`, or everywhere."""
        with self._lock:
            for name, jobs in self._pending.items():
                if lane in (None, name) and jobs.pop(session, None):
                    self._woken[name].notify_all()

    def close(self, timeout: float | None = 5.0) -> None:
        """Forget what waits and end the threads after what they are at."""
        with self._lock:
            self._closed = True
            for jobs in self._pending.values():
                jobs.clear()
            for woken in self._woken.values():
                woken.notify_all()
        self._waiting.close(timeout)
        for thread in self._threads:
            thread.join(timeout)

    def _serve(self, lane: str) -> None:
        while (taken := self._take(lane)) is not None:
            self._do(lane, *taken)
            # A thread that waits must not keep alive what a session has long closed.
            del taken

    def _do(self, lane, session, job):
        result, error, start = None, None, perf_counter()
        try:
            with not_waiting(job.landed) if lane == SLOW else nullcontext():
                result = job.work()
        except UnderWay as under_way:
            wait = under_way.wait
            self._waiting.add(wait, lambda failed: self._landed(lane, session, job, wait, failed))
            return
        except BaseException as raised:  # a worker outlives whatever a job does
            error = raised
        self._end(lane, session, job, result, error, perf_counter() - start)

    def _landed(self, lane, session, job, wait, error):
        """Go on with a job whose wait is over, unless it was stopped or another took its place."""
        if error is not None:
            self._end(lane, session, job, None, error, 0.0)
            return
        with self._lock:
            self._busy[lane].discard(session)
            if not self._closed and session not in self._pending[lane]:
                self._pending[lane][session] = replace(job, landed=(*job.landed, wait))
                self._pending[lane].move_to_end(session, last=False)
            self._woken[lane].notify_all()

    def _end(self, lane, session, job, result, error, seconds):
        try:
            job.done(result, error, seconds)
        except Exception:
            logging.getLogger(__name__).exception("A result could not be handed over.")
        with self._lock:
            self._busy[lane].discard(session)
            self._woken[lane].notify_all()

    def _take(self, lane: str) -> tuple[Hashable, _Job] | None:
        """Wait for a job that may run; None when the service is closed."""
        jobs, busy = self._pending[lane], self._busy[lane]
        with self._lock:
            while not self._closed:
                wait = None
                for session, job in jobs.items():
                    if session in busy:
                        continue
                    ready_in = job.not_before - monotonic()
                    if lane == QUICK and session in self._gates:
                        ready_in = max(ready_in, self._gates[session]())
                    if ready_in <= 0:
                        del jobs[session]
                        busy.add(session)
                        return session, job
                    wait = ready_in if wait is None else min(wait, ready_in)
                # Nor must one that waits for a job's time keep that alive once it is discarded.
                session = job = None
                self._woken[lane].wait(wait)
        return None
