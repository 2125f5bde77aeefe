"""What importing `recon` leaves of the process as it was, and what using it does."""

import os
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

IMPORT = """
import operator, os, threading
before, threads = dict(os.environ), threading.active_count()
import recon
[getattr(recon, name) for name in recon.__all__]
import recon.kernels.cpu, recon.device.residence
assert dict(os.environ) == before, set(os.environ) - set(before)
assert threading.active_count() == threads
"""

KERNEL = """
import numpy as np
from recon.kernels.cpu import highest
assert highest(np.arange(10, dtype=np.uint32)) == 9
assert dict(os.environ) == before, set(os.environ) - set(before)
import numba
print(numba.threading_layer())
"""

OTHERS = """
import numba, operator
from numba import types
assert numba.njit(lambda a, b: a + b)(2, 3) == 5
context = numba.core.registry.cpu_target.typing_context
for pair in ((types.float32, types.float64), (types.int64, types.int64)):
    said = context.resolve_function_type(operator.mul, pair, {})
    assert said.return_type == (types.float64 if pair[0] is types.float32 else types.int64)
"""


def run(code, **environment):
    """Standard output and error of a new interpreter."""
    base = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=base | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


def test_importing_changes_no_environment_and_starts_no_thread():
    run(IMPORT)


@pytest.mark.parametrize(("own", "told"), [(None, "PASSIVE"), ("active", "ACTIVE")])
def test_threads_of_kernels_wait_quietly_unless_their_owner_says_so(own, told):
    asked = {"OMP_DISPLAY_ENV": "TRUE", "NUMBA_THREADING_LAYER": "omp"}
    asked |= {"OMP_WAIT_POLICY": own} if own else {}
    layer, said = run(IMPORT + KERNEL, **asked)
    if layer != "omp" or "OMP_WAIT_POLICY" not in said:
        pytest.skip(f"the threads here are {layer}'s, which does not say how they wait")
    assert f"OMP_WAIT_POLICY = '{told}'" in said


def test_operators_of_other_types_are_what_they_were():
    run(IMPORT + OTHERS)
