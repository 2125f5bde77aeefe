"""Each row is dealt to one thread, however many ask."""

import numba
import numpy as np
from numba import prange

from recon import kernels
from recon.kernels import parallel
from recon.kernels.cpu.dealing import deal

ROWS, ASKING = 200_000, 64


@parallel
def take_all(dealt, taken):
    for _ in prange(ASKING):
        while True:
            row = deal(dealt)
            if row >= taken.size:
                break
            taken[row] += 1


def test_each_row_is_dealt_once(monkeypatch):
    monkeypatch.setattr(kernels, "_most", numba.config.NUMBA_NUM_THREADS)
    dealt, taken = np.zeros(1, np.int64), np.zeros(ROWS, np.int64)
    take_all(dealt, taken)
    assert (taken == 1).all()
    assert dealt[0] == ROWS + ASKING
