"""What importing `recon` leaves of the process as it was, and what using it does."""

import os
import re
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
    base = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
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


@pytest.mark.parametrize(("own", "spins"), [(None, False), ("active", True)])
def test_threads_of_kernels_wait_quietly_unless_their_owner_says_so(own, spins):
    # OpenMP calls a policy passive, too, that nobody has set: how often they look does not lie.
    asked = {"OMP_DISPLAY_ENV": "VERBOSE", "NUMBA_THREADING_LAYER": "omp"}
    asked |= {"OMP_WAIT_POLICY": own} if own else {}
    run(IMPORT + KERNEL)  # compiled now, if ever: below it comes from the disk
    layer, said = run(IMPORT + KERNEL, **asked)
    looks = re.search(r"GOMP_SPINCOUNT = '(\d+)'", said)
    if layer != "omp" or looks is None:
        pytest.skip(f"the threads here are {layer}'s, which does not say how they wait")
    assert (int(looks[1]) > 0) is spins


def test_operators_of_other_types_are_what_they_were():
    run(IMPORT + OTHERS)
