"""Each row is dealt to one thread, however many ask, and no sum hangs on which."""

import numba
import numpy as np
import pytest
from numba import prange

from recon.kernels import parallel, use_threads
from recon.kernels.cpu.dealing import deal
from recon.optics import Aberrations
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import MODES, single_sideband
from tests.support.g_of_events import CALIBRATION, events_in_disc

ROWS, ASKING = 200_000, 64


@parallel
def take_all(dealt, taken):
    for _ in prange(ASKING):
        while True:
            row = deal(dealt)
            if row >= taken.size:
                break
            taken[row] += 1


@pytest.mark.usefixtures("all_threads")
def test_each_row_is_dealt_once():
    use_threads(numba.config.NUMBA_NUM_THREADS)
    dealt, taken = np.zeros(1, np.int64), np.zeros(ROWS, np.int64)
    take_all(dealt, taken)
    assert (taken == 1).all()
    assert dealt[0] == ROWS + ASKING


@pytest.mark.usefixtures("all_threads")
@pytest.mark.parametrize("mode", MODES)
def test_a_phase_is_the_same_from_however_many_threads(mode):
    g = build_sidebands(events_in_disc((48, 40)), CALIBRATION, 12, full=True)
    how = g, Aberrations(C10=-200.0), mode
    use_threads(1)
    alone = single_sideband(*how)
    use_threads(numba.config.NUMBA_NUM_THREADS)
    for _ in range(20):
        np.testing.assert_array_equal(single_sideband(*how), alone)
