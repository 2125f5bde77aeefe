"""Borders of slabs: every row in one slab, none empty, of about one weight."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recon.cluster.borders import balanced_borders, entries_of_rows, even_borders, overlap
from recon.ssb.bright_field import bright_field
from recon.ssb.tables import find_tables
from tests.support.clusters import CALIBRATION, DETECTOR


def assert_covers(borders, rows, parts):
    assert len(borders) == min(rows, parts)
    assert [begin for begin, _ in borders] == [0, *(end for _, end in borders[:-1])]
    assert borders[-1][1] == rows
    assert all(begin < end for begin, end in borders)


@given(rows=st.integers(1, 200), parts=st.integers(1, 40))
def test_even_borders_cover_the_rows_and_differ_by_one_at_most(rows, parts):
    borders = even_borders(rows, parts)
    assert_covers(borders, rows, parts)
    sizes = [end - begin for begin, end in borders]
    assert max(sizes) - min(sizes) <= 1


@given(
    weights=st.lists(st.floats(0, 1e6), min_size=1, max_size=120),
    parts=st.integers(1, 40),
)
def test_balanced_borders_cover_the_rows_whatever_they_weigh(weights, parts):
    assert_covers(balanced_borders(weights, parts), len(weights), parts)


@given(parts=st.integers(1, 8), seed=st.integers(0, 5))
def test_no_slab_weighs_more_than_its_share_and_a_row(parts, seed):
    weights = np.random.default_rng(seed).uniform(0.5, 1.5, 64)
    for begin, end in balanced_borders(weights, parts):
        assert weights[begin:end].sum() <= weights.sum() / parts + 2 * weights.max()


def test_apertures_overlap_wholly_at_no_distance_and_not_at_their_diameter():
    np.testing.assert_allclose(overlap(np.array([0, 1, 1.5])), [1, 0, 0], atol=1e-12)
    # Two unit circles one radius apart: 2π/3 - √3/2 of π.
    np.testing.assert_allclose(overlap(0.5), (2 * np.pi / 3 - np.sqrt(3) / 2) / np.pi)


def test_rows_weigh_as_many_entries_as_they_hold():
    from recon.device.backend import CPU

    scan, across = (64, 58), 12
    disc = bright_field(CALIBRATION, DETECTOR, across)
    for full in (False, True):
        first = find_tables(CALIBRATION, disc, scan, full, CPU).first
        kept = np.diff(first[2])
        weights = entries_of_rows(CALIBRATION, scan, full)
        # Entries that a pixel's edge holds come on top: the shares are the same.
        difference = kept / kept.sum() - weights / weights.sum()
        assert abs(difference).max() < 0.25 * (kept / kept.sum()).max()
        halves = [np.cumsum(each)[15] / each.sum() for each in (kept, weights)]
        assert abs(halves[0] - halves[1]) < 0.03
