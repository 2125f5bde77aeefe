"""Thinned scans: binomial, reproducible, nested; and scans split in two."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from recon.errors import Cancelled
from recon.scan.events import ElectronEvents
from recon.treatment.dose import split_events, thin_events


@pytest.fixture(scope="module")
def scan():
    rng = np.random.default_rng(0)
    counts = rng.poisson(40, 30 * 20)
    counts[5] = 0
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    pixels = rng.integers(0, 99, offsets[-1]).astype(np.uint32)
    return ElectronEvents(pixels, offsets, (30, 20), (9, 11), {"dose": 800.0})


def numbered(scan):
    """The same frames, every electron with its own number for a pixel."""
    pixels = np.arange(scan.electrons, dtype=np.uint32)
    return ElectronEvents(pixels, scan.offsets, scan.scan_shape, (300, 300))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.93])
def test_the_electrons_kept_are_binomial_and_where_they_were(scan, share):
    thinned = thin_events(numbered(scan), share, seed=3)
    assert binomtest(thinned.electrons, scan.electrons, share).pvalue > 1e-3
    frame_of = np.repeat(np.arange(scan.positions), np.diff(scan.offsets))
    frames = np.repeat(np.arange(scan.positions), np.diff(thinned.offsets))
    np.testing.assert_array_equal(frame_of[thinned.pixels], frames)
    assert (np.diff(thinned.pixels.astype(int)) > 0).all()
    # Frame by frame too: variance N p (1 - p).
    sizes, kept = np.diff(scan.offsets), np.diff(thinned.offsets)
    full = sizes > 0
    deviations = (kept - share * sizes)[full] ** 2 / (share * (1 - share) * sizes[full])
    assert 1e-3 < chi2.sf(deviations.sum(), full.sum()) < 1 - 1e-3


def test_a_smaller_share_is_part_of_a_larger_one(scan):
    few, many = (set(thin_events(numbered(scan), s, seed=1).pixels) for s in (0.2, 0.6))
    assert few < many


@pytest.mark.usefixtures("all_threads")
def test_the_seed_decides_and_nothing_else(scan):
    first = thin_events(scan, 0.4, seed=5)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        again = thin_events(scan, 0.4, seed=5)
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.offsets, again.offsets)
    other = thin_events(scan, 0.4, seed=6)
    assert not np.array_equal(first.offsets, other.offsets)


def test_all_or_nothing(scan):
    whole, none = thin_events(scan, 1.0), thin_events(scan, 0.0)
    np.testing.assert_array_equal(whole.pixels, scan.pixels)
    np.testing.assert_array_equal(whole.offsets, scan.offsets)
    assert none.electrons == 0
    assert none.scan_shape == scan.scan_shape


def test_the_dose_follows(scan):
    assert thin_events(scan, 0.25).metadata["dose"] == pytest.approx(200.0)
    assert "dose" not in thin_events(numbered(scan), 0.25).metadata
    assert scan.metadata["dose"] == 800.0


def test_halves_share_no_electron_and_miss_none(scan):
    one, other = split_events(numbered(scan), seed=2)
    assert not set(one.pixels) & set(other.pixels)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([one.pixels, other.pixels])), np.arange(scan.electrons)
    )
    # Poisson counts thinned twice are independent: no correlation of the frames' counts.
    counts = [np.diff(half.offsets) for half in (one, other)]
    assert abs(np.corrcoef(*counts)[0, 1]) < 4 / np.sqrt(scan.positions)


def test_places_in_a_pixel_stay_with_their_electrons(scan):
    marked = replace(numbered(scan), subpixel=(np.arange(scan.electrons) % 251).astype(np.uint8))
    thinned = thin_events(marked, 0.3)
    np.testing.assert_array_equal(thinned.subpixel, thinned.pixels % 251)


def test_bad_requests_are_refused(scan):
    with pytest.raises(ValueError, match=r"between 0 and 1, not 1\.5"):
        thin_events(scan, 1.5)
    with pytest.raises(ValueError, match="between 0 and 1, not nan"):
        thin_events(scan, float("nan"))
    with pytest.raises(ValueError, match="seed is a whole number"):
        thin_events(scan, 0.5, seed=-1)


def test_it_can_be_cancelled(scan):
    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        thin_events(scan, 0.5, progress=stop)
