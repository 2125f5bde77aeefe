import numpy as np
import pytest
from equations import planes, terms

from recon.calibration import Calibration
from recon.errors import Cancelled
from recon.events import from_frames
from recon.gfunction import build_sidebands, sidebands_of_planes
from recon.kernels.sideband_geometry import LEFT, RIGHT, TRIPLE
from recon.kernels.simd import LANES
from recon.optics import Aberrations

CALIBRATION = Calibration(80e3, 25.0, (0.41, 0.37), (8.3, 7.6), 6.0, 15.0)


def dense_and_sparse(full, calibration=CALIBRATION):
    counts, disc = planes(
        np.random.default_rng(0).poisson(2.0, (11, 14, 17, 18)).astype(float), calibration, 12
    )
    g = sidebands_of_planes(
        lambda a, b: counts[a:b], (11, 14), disc, calibration, counts.sum(), full=full
    )
    return np.fft.rfft2(counts), disc, g


def unpacked(g):
    """(K, Sy, Qx) complex128 with NaN where no entry is kept."""
    dense = np.full((g.bright_field.size, *g.q_shape), np.nan, complex)
    for row in range(g.scan_shape[0]):
        at = g.first[2, row]
        for plane, column, length, _ in g.runs[g.first[0, row] : g.first[0, row + 1]].astype(int):
            values = g.re[at : at + length] + 1j * g.im[at : at + length]
            dense[plane, row, column : column + length] = values
            at += length
        assert at == g.first[2, row + 1]
    return dense


@pytest.mark.parametrize("full", [False, True])
def test_kept_entries_are_those_of_the_dense_transform(full):
    dense, disc, g = dense_and_sparse(full)
    kept = unpacked(g)
    held = ~np.isnan(kept)
    np.testing.assert_allclose(kept[held], dense[held], atol=1e-3)
    assert g.entries == np.count_nonzero(held) < dense.size
    # No pixel whose centre lies in a sideband is missing.
    for n in range(disc.size):
        right, left = terms(CALIBRATION, Aberrations(), *disc.k[:, n], g.scan_shape)
        sideband = ((right != 0) != (left != 0))[:, : g.q_shape[1]]
        assert held[n][sideband].all()
        if full:
            triple = ((right != 0) & (left != 0))[:, : g.q_shape[1]]
            triple[0, 0] = False
            assert held[n][triple].all()
    assert not held[:, 0, 0].any()


def test_hard_runs_are_the_masks_of_the_pixels_centres():
    _, disc, g = dense_and_sparse(True)
    sides = np.zeros((disc.size, *g.q_shape), int)
    for row in range(g.scan_shape[0]):
        for run in g.hard[g.first[1, row] : g.first[1, row + 1]].astype(int):
            plane, column, length, side = run
            sides[plane, row, column : column + length] = side
    for n in range(disc.size):
        right, left = terms(CALIBRATION, Aberrations(), *disc.k[:, n], g.scan_shape)
        here, there = (t[:, : g.q_shape[1]] != 0 for t in (right, left))
        expected = np.where(here & there, TRIPLE, np.where(here, RIGHT, np.where(there, LEFT, 0)))
        expected[0, 0] = 0
        np.testing.assert_array_equal(sides[n], expected)
    assert g.hard_entries == np.count_nonzero(sides)


def test_margins_are_there_for_vectors_that_begin_before_a_run():
    _, _, g = dense_and_sparse(False)
    assert not g.re[:LANES].any()
    assert not g.re[-LANES:].any()
    assert g.first[2, 0] == g.first[3, 0] == LANES


def test_pacbed_and_mean_counts():
    counts = np.random.default_rng(1).poisson(3.0, (6, 7, 17, 18)).astype(float)
    binned, disc = planes(counts, CALIBRATION, 12)
    g = sidebands_of_planes(lambda a, b: binned[a:b], (6, 7), disc, CALIBRATION, 1, full=False)
    np.testing.assert_allclose(g.pacbed, binned.mean((1, 2)))
    assert g.mean_counts == pytest.approx(binned.mean((1, 2)).sum() / disc.coverage.sum())


def events_in_disc(scan=(8, 9)):
    rng = np.random.default_rng(0)
    return from_frames(rng.integers(0, 17 * 18, (scan[0] * scan[1], 40)), scan, (17, 18))


def test_slabs_and_batches_do_not_change_g(monkeypatch):
    whole = build_sidebands(events_in_disc(), CALIBRATION, 12)
    monkeypatch.setattr("recon.gfunction.SLAB_BYTES", 72 * 7)
    monkeypatch.setattr("recon.gfunction.FFT_BYTES", 12 * 72 * 3)
    parts = build_sidebands(events_in_disc(), CALIBRATION, 12)
    np.testing.assert_allclose(parts.re, whole.re, atol=1e-4)
    np.testing.assert_allclose(parts.im, whole.im, atol=1e-4)


def test_progress_runs_from_0_to_1_and_cancels():
    seen = []
    build_sidebands(events_in_disc(), CALIBRATION, 12, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] == pytest.approx(1)

    def stop(fraction):
        if fraction > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        build_sidebands(events_in_disc(), CALIBRATION, 12, progress=stop)


def test_what_cannot_be_transformed_is_refused():
    with pytest.raises(ValueError, match="at least 4 × 4 positions, not 3 × 9"):
        build_sidebands(events_in_disc((3, 9)), CALIBRATION, 12)
    empty = from_frames([[]] * 72, (8, 9), (17, 18))
    with pytest.raises(ValueError, match=r"No electrons in the bright-field disc of radius 6.0"):
        build_sidebands(empty, CALIBRATION, 12)
    coarse = Calibration(80e3, 25.0, (1e-3, 1e-3), (8.3, 7.6), 6.0)
    with pytest.raises(ValueError, match="No spatial frequency of this scan has a sideband"):
        build_sidebands(events_in_disc(), coarse, 12)
