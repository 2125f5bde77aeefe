"""Rows added to G by the CUDA kernels, against the CPU's and the equation in double precision.

In Numba's simulator:
`NUMBA_ENABLE_CUDASIM=1 pytest tests/recon/kernels/cuda/test_growing_cuda.py`, or on a GPU.
"""

import numpy as np
import pytest

from recon.kernels import cpu, cuda
from recon.kernels.cpu.simd import LANES
from recon.live.segments import segments_of
from recon.ssb.tables import scan_tables
from tests.support import simulator
from tests.support.g_of_events import CALIBRATION, events_in_disc

pytestmark = simulator.on_cuda_only

SCAN = 5, 11
COLUMNS = SCAN[1] // 2 + 1
WIDTH = 2 * LANES


@pytest.fixture(autouse=True)
def brisk_simulator(monkeypatch):
    simulator.make_small(monkeypatch)
    yield from simulator.take_turns(monkeypatch)


def random_rows(planes, rows, seed=0):
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(2, planes, rows, COLUMNS))
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


@pytest.mark.parametrize(
    ("above", "below"), [([1, 0], [2, 3]), ([2, 1, 0], [-1, -1, 3]), ([-1, 0], [1, -1])]
)
def test_pairs_are_sums_and_differences(above, below):
    transform = random_rows(3, 4)
    factors = np.array([1, 1.25, 2], np.float32)
    pairs = np.full((3, len(above), 4, WIDTH), np.nan, np.float32)
    twin = pairs.copy()
    arguments = transform, np.array(above, np.int32), np.array(below, np.int32), factors
    cpu.pair_rows(*arguments, pairs)
    cuda.pair_rows(*arguments, twin)
    padded = np.concatenate([transform, np.zeros((3, 1, COLUMNS))], axis=1) * factors[:, None, None]
    total, difference = (padded[:, above] + sign * padded[:, below] for sign in (1, -1))
    expected = np.stack([total.real, total.imag, difference.real, difference.imag], axis=2)
    np.testing.assert_allclose(pairs[..., :COLUMNS], expected, rtol=1e-6)
    np.testing.assert_array_equal(twin, pairs)


@pytest.mark.parametrize("in_place", [False, True])
def test_rows_are_added_as_the_equation_says(in_place):
    tables = scan_tables(events_in_disc(SCAN), CALIBRATION, 12, full=True)
    planes = int(tables.runs[:, 0].max()) + 1
    segments, _ = segments_of(tables, planes)
    # Rows 1 to 4 in pairs about 2.5.
    transform = random_rows(planes, 4)
    pairs = np.zeros((planes, 2, 4, WIDTH), np.float32)
    above, below = np.array([2, 3], np.int32), np.array([1, 0], np.int32)
    cpu.pair_rows(transform, above, below, np.ones(planes, np.float32), pairs)
    angles = 2 * np.pi * np.arange(SCAN[0]) / SCAN[0]
    waves, turns = (
        np.stack([np.cos(a), np.sin(a)], axis=-1).astype(np.float32)
        for a in (np.outer(angles, [0.5, 1.5]), angles * 2.5)
    )
    rng = np.random.default_rng(1)
    old = rng.normal(size=(2, tables.counts.entries + 2 * LANES)).astype(np.float32)
    results = []
    for kernels in (cpu, cuda):
        before = old.copy()
        after = before if in_place else np.full_like(old, -7)
        kernels.add_rows(pairs, waves, turns, *segments, *before, *after)
        results.append(after)
        if not in_place:
            np.testing.assert_array_equal(before, old)
    wave = np.exp(-1j * np.outer(angles, np.arange(1, 5)))
    dense = np.einsum("ry,pyx->prx", wave, transform.astype(complex))
    expected = (old[0] + 1j * old[1]).astype(complex)
    written = np.zeros(expected.size, bool)
    for (plane, row, column, length), at in zip(
        segments.table.astype(int), segments.places, strict=True
    ):
        expected[at : at + length] += dense[plane, row, column : column + length]
        written[at : at + length] = True
    for re, im in results:
        np.testing.assert_allclose(re[written], expected.real[written], atol=3e-6)
        np.testing.assert_allclose(im[written], expected.imag[written], atol=3e-6)
        # Nothing beyond the entries is touched: it may be another thread's.
        untouched = old if in_place else np.full_like(old, -7)
        np.testing.assert_array_equal(np.stack([re, im])[:, ~written], untouched[:, ~written])
    np.testing.assert_allclose(results[1], results[0], atol=3e-6)
