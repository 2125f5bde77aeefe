"""What the tests of CUDA kernels share: where they run, and a simulator that takes its turns."""

import sys
from threading import Lock

import numpy as np
import pytest
from numba import config, cuda

import recon.kernels.cpu
import recon.kernels.cuda
from recon.kernels.cpu import (
    densify,
    dpc,
    events,
    growing,
    sideband_exact,
    sidebands,
    weighing,
)
from recon.kernels.cuda import dpc as cuda_dpc
from recon.kernels.cuda import entries as cuda_entries
from recon.kernels.cuda import events as cuda_events
from recon.kernels.cuda import growing as cuda_growing
from recon.kernels.cuda import reference as cuda_reference
from recon.kernels.cuda import sideband_exact as cuda_exact
from recon.kernels.cuda import sideband_geometry as cuda_geometry
from recon.kernels.cuda import sidebands as cuda_sidebands
from recon.kernels.cuda import weighing as cuda_weighing

OWNERS = (recon.kernels.cpu, densify, dpc, events, growing, sideband_exact, sidebands, weighing)
NAMES = recon.kernels.cuda.__all__
SMALL = {
    cuda_sidebands: {"WARP": 4, "TILE": 8, "SHARES": 2, "THREADS": 8},
    cuda_entries: {"WARP": 4, "THREADS": 16},
    cuda_exact: {"WARP": 4, "TILE": 8, "SHARES": 2, "THREADS": 16},
    cuda_weighing: {"TILE": 8},
    cuda_events: {"LANES": 2, "FRAMES": 4, "THREADS": 8, "LABELS": 16, "STRIDE": 5, "COUNTS": 80}
    | {"BINS": 64, "MOST_BLOCKS": 3},
    cuda_dpc: {"THREADS": 4},
    cuda_growing: {"WARP": 4, "WARPS": 2, "THREADS": 4, "MOST_BLOCKS": 3},
    cuda_geometry: {"THREADS": 8},
    cuda_reference: {"THREADS": 4},
}
"""Threads of a block and the like, for the simulator: it takes a Python thread for each of the
GPU's, and scans that a test can afford shall have several tiles and chunks of everything."""

on_cuda_only = [
    pytest.mark.skipif(
        not (config.ENABLE_CUDASIM or cuda.is_available()),
        reason="no GPU, and no simulator of one: set NUMBA_ENABLE_CUDASIM=1",
    ),
    # Tiny arrays straight from the host are no way to use a GPU, but one to test it.
    pytest.mark.filterwarnings("ignore:Host array used in CUDA kernel"),
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


def make_small(monkeypatch):
    """Let the simulator's blocks, and only its, have fewer threads."""
    if config.ENABLE_CUDASIM:
        for module, names in SMALL.items():
            for name, size in names.items():
                monkeypatch.setattr(module, name, size)


def exchange(monkeypatch):
    """Exchange every kernel of the CPU for its twin: algorithms then run on host arrays with it."""
    for owner in OWNERS:
        for name in NAMES:
            if hasattr(owner, name):
                monkeypatch.setattr(owner, name, getattr(recon.kernels.cuda, name))
