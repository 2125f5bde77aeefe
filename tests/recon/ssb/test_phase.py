"""The phase against the equations in double precision, and against objects that are known."""

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.device.backend import on_host
from recon.optics import Aberrations
from recon.simulate.scan import expected_intensities, sample_events
from recon.ssb.bright_field import OFFSETS
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import MODES, SIDEBANDS, object_transmission, single_sideband
from tests.support.equations import averaged_phase, hard_phase, plain_sum, planes, terms
from tests.support.fake_gpu import fake_gpu
from tests.support.weak_phase import (
    MANY,
    built,
    calibration_of,
    random_counts,
    relative,
    weak_object,
)

SUB_POINTS = np.stack(np.meshgrid(OFFSETS, OFFSETS, indexing="ij")).reshape(2, -1)
GEOMETRIES = {
    "aligned": (0.0, False),
    "rotated": (33.0, False),
    "rotated and transposed": (-70.0, True),
}


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("aberrations", [Aberrations(), Aberrations(C10=120)], ids=["none", "C10"])
@pytest.mark.parametrize("sideband", ["both", "full"])
def test_draft_is_the_least_squares_equation(geometry, aberrations, sideband):
    calibration = calibration_of(*geometry)
    counts, disc, total = random_counts(calibration)
    g = built(counts, disc, calibration, total)
    expected = hard_phase(counts, disc, calibration, aberrations, sideband == "full")
    assert relative(single_sideband(g, aberrations, "draft", sideband), expected) < 2e-5


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
def test_draft_takes_all_25_coefficients(geometry):
    calibration = calibration_of(*geometry)
    counts, disc, total = random_counts(calibration)
    g = built(counts, disc, calibration, total)
    expected = hard_phase(counts, disc, calibration, MANY)
    assert relative(single_sideband(g, MANY, "draft"), expected) < 2e-5


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize(
    ("aberrations", "tolerance"),
    # In focus and for a quadratic chi the fast path is the sub-points' mean exactly; with higher
    # orders it neglects what is left of the curvature across one pixel, here a sixth of k0.
    [(Aberrations(), 2e-5), (Aberrations(C10=100, C12a=-30, C12b=20), 2e-5), (MANY, 0.02)],
    ids=["none", "second order", "many"],
)
@pytest.mark.parametrize("sideband", ["both", "full"])
def test_exact_is_the_equation_averaged_over_pixels(geometry, aberrations, tolerance, sideband):
    calibration = calibration_of(*geometry)
    counts, disc, total = random_counts(calibration)
    g = built(counts, disc, calibration, total)
    expected = averaged_phase(counts, disc, calibration, aberrations, sideband == "full")
    assert relative(single_sideband(g, aberrations, "exact", sideband), expected) < tolerance


def test_a_pixel_with_more_than_two_turns_is_left_out_of_sum_and_norm_alike():
    calibration = calibration_of(radius=4.0)
    counts, disc, total = random_counts(calibration, across=8)
    far = Aberrations(C10=3000)
    phase = single_sideband(built(counts, disc, calibration, total), far)
    assert np.isfinite(phase).all()
    assert abs(phase).max() < 10 * abs(hard_phase(counts, disc, calibration, far)).max()


@pytest.mark.parametrize("side", ["right", "left", "both", "full"])
def test_sum_is_the_papers_equation_3(side):
    calibration = calibration_of(20.0, False)
    counts, disc, total = random_counts(calibration)
    g = built(counts, disc, calibration, total)
    expected = plain_sum(counts, disc, calibration, MANY, total, side)
    result = object_transmission(g, MANY, "sum", side) * total / counts[0].size
    assert relative(result, expected) < 2e-5
    np.testing.assert_allclose(single_sideband(g, MANY, "sum", side), np.angle(expected), atol=1e-5)


@pytest.mark.parametrize("scan", [(40, 56), (45, 38)], ids=str)
@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("aberrations", [Aberrations(), MANY], ids=["none", "many"])
def test_the_phase_of_a_weak_object_comes_back_in_radians(scan, geometry, aberrations):
    calibration = calibration_of(*geometry, radius=9.0)
    phase = weak_object(scan, calibration)
    intensities = expected_intensities(phase, calibration, aberrations, frame_shape=(23, 24))
    counts, disc = planes(1e3 * intensities, calibration, 18)
    g = built(counts, disc, calibration, 1e3 * intensities.sum())
    result = single_sideband(g, aberrations)
    assert relative(result, phase) < 0.02
    gain = (result * phase).sum() / (phase**2).sum()
    assert gain == pytest.approx(1, abs=0.005)
    # Pixels this coarse bias the hard mask: that is why it is called a draft.
    draft = single_sideband(g, aberrations, "draft")
    assert 0.9 < (draft * phase).sum() / (phase**2).sum() < 0.985


def test_binning_keeps_the_float_centre():
    calibration = Calibration(80e3, 25.0, (0.4, 0.41), (33.37, 30.81), 24.0, -15.0)
    phase = weak_object((32, 36), calibration)
    intensities = expected_intensities(phase, calibration, frame_shape=(68, 62), subpixels=1)
    counts, disc = planes(1e3 * intensities, calibration, 16)
    assert disc.bin == 3
    g = built(counts, disc, calibration, 1e3)
    assert relative(single_sideband(g, Aberrations()), phase) < 0.02


def test_left_right_and_both_give_one_phase_and_opposite_amplitudes():
    calibration = calibration_of(12.0)
    counts, disc, total = random_counts(calibration)
    g = built(counts, disc, calibration, total)
    phases = [single_sideband(g, MANY, "exact", side) for side in ("left", "right", "both")]
    np.testing.assert_array_equal(phases[0], phases[1])
    np.testing.assert_array_equal(phases[0], phases[2])
    left, right = (object_transmission(g, MANY, "exact", side) for side in ("left", "right"))
    np.testing.assert_allclose(left.real - 1, 1 - right.real, atol=1e-6)
    np.testing.assert_allclose(left.imag, right.imag, atol=1e-6)


@pytest.mark.parametrize(
    ("mode", "sideband"),
    [("draft", "right"), ("draft", "left"), ("draft", "both"), ("exact", "right")],
)
def test_amplitude_and_phase_of_a_weak_complex_object_are_told_apart(mode, sideband):
    """T = 1 + a + iφ through G = A*A(k-K) Ψ(K) + A A*(k+K) Ψ*(-K), made here term by term."""
    calibration = calibration_of(25.0, True, radius=8.0)
    scan = (20, 24)
    amplitude, phase = weak_object(scan, calibration), weak_object(scan, calibration)[::-1]
    psi = np.fft.fft2(amplitude + 1j * phase)
    mate = np.roll(psi[::-1, ::-1], (1, 1), (0, 1)).conj()
    disc = planes(np.zeros((*scan, 21, 20)), calibration, 16)[1]
    # What a mode takes a pixel for: its centre, or the mean over its area.
    points = np.zeros((2, 1)) if mode == "draft" else disc.width * SUB_POINTS
    counts = np.empty((disc.size, *scan))
    for n in range(disc.size):
        ky, kx = disc.k[:, n, None] + points
        right, left = (t.mean(-1) for t in terms(calibration, MANY, ky, kx, scan))
        g = right * psi + left * mate
        g[0, 0] = scan[0] * scan[1] * (1 if mode == "draft" else disc.coverage[n])
        counts[n] = np.fft.ifft2(g).real
    g = built(counts, disc, calibration, counts.sum())
    result = object_transmission(g, MANY, mode, sideband)
    if sideband == "left":  # which is said to give the amplitude with the other sign
        result = 2 - result.conj()
    q = np.hypot(g.q_y[:, None], np.fft.fftfreq(scan[1], calibration.scan_sampling[1]))
    band = (q > 0.5 * calibration.k0) & (q < 1.5 * calibration.k0)
    found, wanted = np.fft.fft2(result)[band], psi[band]
    np.testing.assert_allclose(found, wanted, atol=0.02 * abs(wanted).max())


def test_events_and_dense_counts_give_the_same_g():
    calibration = calibration_of(10.0)
    intensities = expected_intensities(
        weak_object((10, 12), calibration), calibration, frame_shape=(17, 18)
    )
    events = sample_events(intensities, 300, seed=3)
    dense = np.zeros((120, 17 * 18))
    np.add.at(dense, (np.repeat(np.arange(120), events.counts.ravel()), events.pixels), 1)
    counts, disc = planes(dense.reshape(10, 12, 17, 18), calibration, 12)
    from_events = build_sidebands(events, calibration, 12, full=True)
    from_counts = built(counts, disc, calibration, events.electrons)
    np.testing.assert_allclose(from_events.re, from_counts.re, atol=1e-3)
    np.testing.assert_allclose(from_events.im, from_counts.im, atol=1e-3)
    assert from_events.electrons == events.electrons


@pytest.mark.parametrize("mode", ["exact", "draft", "sum"])
def test_the_band_limit_cuts_the_spectrum_and_nothing_else(mode):
    calibration = calibration_of(20.0, True)
    counts, disc, total = random_counts(calibration, scan=(13, 15))
    g = built(counts, disc, calibration, total)
    whole, cut = (
        np.fft.fft2(object_transmission(g, MANY, mode, band_limit=b).imag) for b in (1.0, 0.7)
    )
    q = np.hypot(g.q_y[:, None], np.fft.fftfreq(15, calibration.scan_sampling[1]))
    inside = q <= 1.4 * calibration.k0
    np.testing.assert_allclose(cut[inside], whole[inside], atol=1e-5 * abs(whole).max())
    assert abs(cut[~inside]).max() < 1e-5 * abs(whole).max() < abs(whole[~inside]).max()


def test_unknown_words_are_refused():
    calibration = calibration_of()
    g = built(*random_counts(calibration)[:2], calibration, 1.0, full=False)
    with pytest.raises(ValueError, match="mode is one of exact, draft, sum"):
        single_sideband(g, Aberrations(), "quick")
    with pytest.raises(ValueError, match="sideband is one of both, left, right, full"):
        single_sideband(g, Aberrations(), "draft", "upper")
    with pytest.raises(ValueError, match=r"band limit is a share of 2 k0 .* not 1.5"):
        single_sideband(g, Aberrations(), "draft", band_limit=1.5)
    with pytest.raises(ValueError, match="full=True"):
        single_sideband(g, Aberrations(), "draft", "full")


@pytest.mark.parametrize("mode", MODES)
def test_a_device_gives_the_cpus_images(mode, monkeypatch):
    device = fake_gpu("cpu", monkeypatch).device
    calibration = calibration_of(20.0, True)
    counts, disc, total = random_counts(calibration)
    g = built(counts, disc, calibration, total)
    there = g.to_device(device)
    for side in SIDEBANDS:
        for function in (single_sideband, object_transmission):
            result = function(there, MANY, mode, side, 0.9)
            assert isinstance(result, device.xp.ndarray)
            np.testing.assert_array_equal(on_host(result), function(g, MANY, mode, side, 0.9))


def test_concurrent_redraws_do_not_share_their_spectra():
    from concurrent.futures import ThreadPoolExecutor

    calibration = calibration_of()
    g = built(*random_counts(calibration)[:2], calibration, 1.0)
    defoci = [Aberrations(C10=c) for c in range(-100, 100, 10)]
    expected = [single_sideband(g, a, "draft") for a in defoci]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda a: single_sideband(g, a, "draft"), defoci * 3))
    for result, wanted in zip(results, expected * 3, strict=True):
        np.testing.assert_array_equal(result, wanted)
