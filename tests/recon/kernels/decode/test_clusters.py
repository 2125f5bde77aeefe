"""Clusters of hits: what has to hold whatever the hits are."""

from itertools import pairwise

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.io.events import hits as electrons
from recon.io.events.scan_timing import timing_of
from recon.kernels.decode import clusters as kernels

SHAPE = (32, 32)


def recording(seed, number, span):
    """Hits in no order, as words from time 0 on."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, (span, SHAPE[0] * SHAPE[1], 1024), (number, 3))
    time, pixel, tot = columns.T.astype(np.uint64)
    return time << np.uint64(28) | pixel << np.uint64(10) | tot


def in_batches(hits, cuts):
    """The same hits as batches that end at `cuts`."""
    times = (hits >> np.uint64(28)).astype(np.int64)
    edges = [0, *sorted(cuts), None]
    for first, end in pairwise(edges):
        inside = (times >= first) & (times < (end if end is not None else 1 << 62))
        yield first, end, hits[inside] - np.uint64(first << 28)


def all_of(batches, window):
    parts = list(electrons.find_electrons(batches, SHAPE, window))
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


@given(
    seed=st.integers(0, 2**32 - 1),
    cuts=st.sets(st.integers(1, 999), max_size=6),
    window=st.sampled_from([-1, 0, 5, 60]),
)
def test_where_batches_end_changes_nothing(seed, cuts, window):
    hits = recording(seed, 200, 1000)
    whole = all_of(in_batches(hits, ()), window)
    for one, other in zip(whole, all_of(in_batches(hits, cuts), window), strict=True):
        assert np.array_equal(one, other)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 300, 1 << 34]))
def test_sorting_in_parts_is_sorting(seed, span):
    hits = recording(seed, 70_000, span)
    assert np.array_equal(electrons.in_order_of_time(hits), np.sort(hits))


@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_no_hit_is_lost_and_none_counts_twice(seed, window):
    hits = np.sort(recording(seed, 300, 2000))
    parent, unfinished = kernels.connect(hits, kernels.bounds_of(hits), window, 1 << 62, SHAPE)
    assert not unfinished.any()
    assert (parent <= np.arange(hits.size)).all()
    assert np.array_equal(parent[parent], parent)
    assert np.unique(parent).size == len(all_of(in_batches(hits, ()), window)[0])


@pytest.mark.usefixtures("all_threads")
@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_cores_changes_nothing(threads, monkeypatch):
    if threads > numba.config.NUMBA_NUM_THREADS:
        pytest.skip("there is one core")
    monkeypatch.setattr(kernels, "PART", 50)
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        found = all_of(in_batches(recording(1, 5000, 9000), (3000,)), 40)
    finally:
        numba.set_num_threads(before)
    monkeypatch.setattr(kernels, "PART", 1 << 16)
    for one, other in zip(found, all_of(in_batches(recording(1, 5000, 9000), ()), 40), strict=True):
        assert np.array_equal(one, other)


@given(
    times=st.lists(st.integers(0, 10_000), min_size=1, max_size=60),
    dwell=st.integers(1, 300),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    flyback=st.integers(0, 200),
)
def test_positions_are_those_of_whole_numbers(times, dwell, shape, flyback):
    """In units of 25/96 ns, where division leaves no doubt."""
    unit = 25e-9 / 96
    asked = {"dwell_time": dwell * unit, "flyback_time": flyback * unit}
    timing, _ = timing_of(shape, asked, {}, (100, "the first hit"), 1)
    out = np.empty(len(times), np.int64)
    kernels.positions(np.array(times), *timing.arguments(), out)
    line = shape[1] * dwell + flyback
    for time, place in zip(times, out.tolist(), strict=True):
        row, rest = divmod(time - 100, line)
        expected = row * shape[1] + rest // dwell
        if time < 100:
            expected = kernels.BEFORE
        elif row >= shape[0]:
            expected = kernels.AFTER
        elif rest // dwell >= shape[1]:
            expected = kernels.FLYBACK
        assert place == expected
