"""What the tests of CUDA kernels share: where they run, and a simulator that takes its turns."""

import sys
from threading import Lock

import numpy as np
import pytest
from numba import config, cuda

on_cuda_only = [
    pytest.mark.skipif(
        not (config.ENABLE_CUDASIM or cuda.is_available()),
        reason="no GPU, and no simulator of one: set NUMBA_ENABLE_CUDASIM=1",
    ),
    # Tiny arrays straight from the host are no way to use a GPU, but one to test it.
    pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaPerformanceWarning"),
]


def take_turns(monkeypatch):
    """Let the simulator's threads take turns at once: at a barrier, one of them waits busily.

    Its shared arrays are then allocated under a lock: the first two threads to come may not get
    an array each. They are filled with a number that would be noticed.
    """
    if not config.ENABLE_CUDASIM:
        yield
        return
    from numba.cuda.simulator import kernelapi
    from numba.np.numpy_support import as_dtype

    lock = Lock()

    def array(self, shape, dtype):
        caller = sys._getframe(1)
        place = caller.f_code, caller.f_lineno
        with lock:
            if place not in self._allocations:
                self._allocations[place] = np.full(shape, 1234567, as_dtype(dtype))
            return self._allocations[place]

    monkeypatch.setattr(kernelapi.FakeCUDAShared, "array", array)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(2e-5)
    yield
    sys.setswitchinterval(interval)


def make_small(monkeypatch, sizes):
    """Blocks of fewer threads, {module: {name: size}}, in the simulator only."""
    if config.ENABLE_CUDASIM:
        for module, names in sizes.items():
            for name, size in names.items():
                monkeypatch.setattr(module, name, size)
