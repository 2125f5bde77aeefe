"""Loops over arrays, compiled by Numba; imported only by the algorithms above them."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, wraps
from threading import Lock

import numba
from numba import njit

WAITING = "OMP_WAIT_POLICY"
"""How OpenMP's threads wait for the next kernel, as the environment says it."""


class FairLock:
    """A lock that is given to whoever has waited longest.

    A plain one goes to the thread that asks again at once: a session that redraws without a pause
    would keep a scan that grows from growing, or another session from its image, for seconds.
    """

    def __init__(self):
        self._mine, self._held = Lock(), False
        self._waiting: deque[Lock] = deque()

    def locked(self) -> bool:
        """Whether somebody has it."""
        return self._held

    def __enter__(self) -> None:
        with self._mine:
            if not self._held:
                self._held = True
                return
            turn = Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()

    def __exit__(self, *raised) -> None:
        with self._mine:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False


_one_at_a_time = FairLock()
_most: int | None = None


def use_threads(number: int) -> None:
    """Let every kernel of this process take so many threads at most, whoever launches it."""
    global _most
    _most = max(1, min(int(number), numba.config.NUMBA_NUM_THREADS))


@cache
def start_threads() -> None:
    """Start the threads of all kernels, once a process: the first kernel does, if nobody did.

    OpenMP's threads would spin for a while after each kernel, and take the cores from the transform
    that follows and from the page. What they are told is read when they start; the environment is
    left as it was found, and an owner's own setting counts.
    """
    if WAITING in os.environ:
        numba.get_num_threads()
        return
    os.environ[WAITING] = "passive"
    try:
        numba.get_num_threads()
    finally:
        os.environ.pop(WAITING, None)


def threads() -> int:
    """Threads that a kernel takes."""
    start_threads()
    return _most or numba.get_num_threads()


@contextmanager
def beside_kernels():
    """Around a parallel loop of another library that Numba has compiled too.

    It runs beside our kernels, but where Numba's fallback threading layer would abort the process:
    there it waits until none runs.
    """
    start_threads()
    if numba.threading_layer() == "workqueue":
        with _one_at_a_time:
            yield
    else:
        yield


def parallel(function=None, *, fastmath=False):
    """Compile a loop for all cores, once (cached on disk); it runs without the interpreter lock.

    One parallel kernel runs at a time: each takes every core anyway, and Numba's fallback
    threading layer (where neither TBB nor OpenMP is installed) aborts the process when two
    threads launch kernels at once, as two browser sessions do. `fastmath` lets sums be
    reordered, so that inner loops vectorise.
    """
    if function is None:
        return lambda f: parallel(f, fastmath=fastmath)
    compiled = njit(parallel=True, cache=True, nogil=True, fastmath=fastmath)(function)

    @wraps(function)
    def launch(*arguments):
        # First: Numba would start them itself, to spin, when it takes a kernel from the disk.
        start_threads()
        if not compiled.overloads:
            # Seconds, in which other sessions' kernels shall run.
            _compile(compiled, tuple(map(compiled.typeof_pyval, arguments)))
        if _most is not None:
            # Numba remembers it for each thread that launches.
            numba.set_num_threads(_most)
        with _one_at_a_time:
            return compiled(*arguments)

    launch.compiled = compiled
    return launch


def _compile(compiled, signature) -> None:
    """Compile a loop, in a thread of its own.

    Numba leaves tracebacks in circles, and those every frame above them: a caller's arrays, on a
    GPU too, would stay until Python next looks for garbage.
    """
    with ThreadPoolExecutor(1, "compile") as aside:
        aside.submit(compiled.compile, signature).result()
