"""Compiling a loop for all cores."""

import gc
import importlib.util
from weakref import ref

import numpy as np
import pytest

LOOP = """
from numba import prange

from recon.kernels import parallel


@parallel
def total_of_sums(first, second):
    sums, total = first + second, 0.0
    for i in prange(first.size):
        total += sums[i]
    return total
"""


@pytest.fixture
def total_of_sums(tmp_path):
    """A loop that no cache has: Numba's typing of its sum of arrays leaves circles."""
    (tmp_path / "loop.py").write_text(LOOP)
    spec = importlib.util.spec_from_file_location("loop", tmp_path / "loop.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.total_of_sums


def test_what_the_caller_of_a_first_loop_held_is_freed_with_it(total_of_sums):
    class Scan:
        pass

    def reconstruct():
        scan = Scan()
        assert total_of_sums(np.arange(3.0), np.ones(3)) == 6.0
        return ref(scan)

    gc.collect()
    gc.disable()
    try:
        scan = reconstruct()
        assert len(total_of_sums.compiled.overloads) == 1
        assert scan() is None
    finally:
        gc.enable()
