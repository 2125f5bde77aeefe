"""Where the host side of a CUDA kernel gets the device memory for its partial results.

Numba's own allocator until `recon.device.backend` puts CuPy's in its place, so that all memory of
the process comes from one bounded pool. Callers name the module, `cuda_scratch.allocate(...)`, so
that they see the exchange.
"""

import numpy as np
from numba import cuda


def allocate(shape, dtype):
    """Uninitialised array on the device."""
    return cuda.device_array(shape, dtype)


def read(array) -> np.ndarray:
    """The small array that a kernel filled, on the host: waits for the kernel."""
    if isinstance(array, np.ndarray):
        return array
    return array.get() if hasattr(array, "get") else array.copy_to_host()
