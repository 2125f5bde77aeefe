"""The entries that a fit reads against the transform in double precision."""

import numpy as np
import pytest

from recon.focus.overlaps import margin, overlaps_at, strongest_overlaps
from recon.optics import Aberrations
from tests.support.equations import terms, transform
from tests.support.weak_phase import built, calibration_of, random_counts


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("rotation", "transpose"), [(0.0, False), (20.0, True)])
def test_entries_are_those_of_the_sidebands(rotation, transpose, full):
    calibration = calibration_of(rotation, transpose, 4.0, sampling=(0.9, 0.31))
    counts, disc, total = random_counts(calibration, (13, 14), (9, 18), 8)
    g = built(counts, disc, calibration, total, full)
    frequencies = [(2, 3), (-3, 2), (1, 5)]
    found = overlaps_at(g, frequencies, 0.0)
    exact = transform(counts)
    assert found.size == len(frequencies)
    right, left = terms(calibration, Aberrations(), *disc.k, counts.shape[1:])
    for m, (row, column) in enumerate(frequencies):
        at = np.s_[row, column]
        inside = (right[at] != 0) | (left[at] != 0)
        if not full:
            inside &= (right[at] != 0) ^ (left[at] != 0)
        part = slice(found.starts[m], found.starts[m + 1])
        np.testing.assert_array_equal(found.right[part], right[at][inside] != 0)
        np.testing.assert_array_equal(found.left[part], left[at][inside] != 0)
        np.testing.assert_array_equal(found.k[:, part], disc.k[:, inside])
        scale = np.abs(exact).max()
        np.testing.assert_allclose(
            found.values[part] / scale, exact[inside][:, row, column] / scale, atol=1e-6
        )
        np.testing.assert_allclose(found.weights[part], counts.sum((1, 2))[inside], rtol=1e-6)


def test_a_margin_keeps_whole_pixels_alone():
    calibration = calibration_of(0.0, False, 4.0, sampling=(0.9, 0.31))
    counts, disc, total = random_counts(calibration, (13, 14), (9, 18), 8)
    g = built(counts, disc, calibration, total)
    every, whole = (overlaps_at(g, [(2, 3)], d) for d in (0.0, margin(disc.width)))
    assert 0 < whole.values.size < every.values.size
    assert (np.hypot(*whole.k) < calibration.k0 - margin(disc.width)).all()


def test_a_choice_of_frequencies_keeps_their_entries_together():
    calibration = calibration_of(0.0, False, 4.0, sampling=(0.9, 0.31))
    counts, disc, total = random_counts(calibration, (13, 14), (9, 18), 8)
    found = overlaps_at(built(counts, disc, calibration, total), [(2, 3), (-3, 2), (1, 5)], 0.0)
    some = found.chosen([0, 2])
    owner = np.repeat(np.arange(found.size), np.diff(found.starts))
    np.testing.assert_array_equal(some.q, found.q[:, [0, 2]])
    np.testing.assert_array_equal(some.values, found.values[(owner == 0) | (owner == 2)])
    np.testing.assert_allclose(
        some.add_up(some.weights), found.add_up(found.weights)[[0, 2]], rtol=1e-12
    )


def test_at_least_one_frequency_is_asked_for():
    with pytest.raises(ValueError, match="not 0"):
        strongest_overlaps(None, 0)
