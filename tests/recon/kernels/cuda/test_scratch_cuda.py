"""Partial results of CUDA kernels live where `cuda_scratch.allocate` puts them, and come back."""

import numpy as np
from numba import cuda

from recon.kernels.cuda import events as cuda_events
from recon.kernels.cuda import scratch as cuda_scratch
from tests.support import simulator

pytestmark = simulator.on_cuda_only


def test_scratch_of_any_source_is_read_back(monkeypatch):
    made = []

    class Pooled:
        """A device array as CuPy's: Numba takes it, and `get` is what brings it back."""

        def __init__(self, shape, dtype):
            self.array = cuda.device_array(shape, dtype)
            self.size = self.array.size
            made.append(self)

        def get(self):
            return self.array.copy_to_host()

    monkeypatch.setattr(cuda_scratch, "allocate", Pooled)
    kernel = cuda_events._highest

    class Unwrapping:
        def __getitem__(self, launch):
            return lambda pixels, found: kernel[launch](pixels, found.array)

    monkeypatch.setattr(cuda_events, "_highest", Unwrapping())
    assert cuda_events.highest(np.array([3, 9, 4], np.uint32)) == 9
    assert len(made) == 1


def test_arrays_of_numba_and_of_the_host_are_read_back():
    array = cuda.device_array((2, 3), np.float32)
    array.copy_to_device(np.arange(6, dtype=np.float32).reshape(2, 3))
    np.testing.assert_array_equal(cuda_scratch.read(array), [[0, 1, 2], [3, 4, 5]])
    host = np.ones(2)
    assert cuda_scratch.read(host) is host
