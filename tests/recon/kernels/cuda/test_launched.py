"""Each CUDA kernel compiled for just what the program launches it with.

The types are recorded in Numba's simulator, in a process of its own, and compiled here without a
GPU: what a first launch would stumble over, a double among singles or a layout that no one
thought of, shows before there is a GPU.
"""

import json
import os
import subprocess
import sys
from functools import cache
from importlib import import_module

import numpy as np
import pytest
from numba import config, types
from numba.np.numpy_support import from_dtype

from tests.support.paths import ROOT
from tests.support.ptx import DOUBLE, IN_REGISTERS, WARNINGS, assembled, compiler, ptx_of

__all__ = ["compiler"]


@cache
def launches():
    """(module, name, types) of every launch."""
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.launches"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def signature(described):
    """Numba's types of what a kernel was launched with."""
    return tuple(
        getattr(types, "boolean" if one == "bool" else one)
        if isinstance(one, str)
        else types.Array(from_dtype(np.dtype(one[0])), one[1], one[2])
        for one in described
    )


@WARNINGS
@pytest.mark.skipif(bool(config.ENABLE_CUDASIM), reason="the simulator compiles nothing")
def test_every_launch_compiles_in_single_precision_without_a_spill(compiler, tmp_path):
    recorded = launches()
    assert len({name for _, name, _ in recorded}) > 15
    assert {"_sum_hard", "_sum_hard_weighed", "_weighed_power"} <= {name for _, name, _ in recorded}
    assert any(["float16", 1, "C"] in arguments for _, _, arguments in recorded)
    for module, name, described in recorded:
        kernel = getattr(import_module(module), name)
        label = f"{module}.{name}{described}"
        ptx = ptx_of(kernel, signature(described))
        # Geometry and the choice of a step are in double precision on purpose, and take such
        # arrays; elsewhere a double comes from a Python number among the arguments.
        if not any(isinstance(one, list) and one[0] == "float64" for one in described):
            assert "float64" not in described, label
            assert not DOUBLE.findall(ptx), label
        assert IN_REGISTERS in assembled(compiler, tmp_path, kernel, ptx), label
