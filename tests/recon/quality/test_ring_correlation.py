"""Fourier ring correlation against what it must be for known signal and noise."""

import numpy as np
import pytest

from recon.quality.ring_correlation import (
    CRITERIA,
    RingCorrelation,
    resolution,
    ring_correlation,
    ring_width,
    significant,
    threshold,
)

STEP = (0.4, 0.25)
LARGE = (256, 400)


def noise(seed, shape=(96, 160)):
    return np.random.default_rng(seed).normal(size=shape)


def lowpass(image, end):
    """The image without frequencies beyond `end` [1/Å]."""
    q_y, q_x = (np.fft.fftfreq(n, s) for n, s in zip(image.shape, STEP, strict=True))
    return np.fft.ifft2(np.fft.fft2(image) * (np.hypot(q_y[:, None], q_x) < end)).real


def test_an_image_agrees_with_itself_whatever_its_scale():
    image = noise(0)
    curve = ring_correlation(image, 3 * image + 2, STEP)
    np.testing.assert_allclose(curve.correlation, 1, atol=1e-12)
    assert resolution(curve) == pytest.approx(1 / curve.q[-1])


def test_independent_noise_does_not_correlate():
    curve = ring_correlation(noise(0, LARGE), noise(1, LARGE), STEP)
    # The window makes neighbouring frequencies alike: about 2.25 times fewer are independent.
    deviations = curve.correlation * np.sqrt(curve.count / 2.25)
    assert np.abs(deviations).max() < 5
    assert resolution(curve, "3 sigma") is None
    assert abs(curve.correlation[curve.count > 200].mean()) < 0.03


def test_signal_in_noise_gives_its_share():
    """FRC = S / (S + N) for signal power S and noise power N of each half."""
    signal = noise(7, LARGE)
    halves = [signal + noise(seed, LARGE) * np.sqrt(2) for seed in (1, 2)]
    curve = ring_correlation(*halves, STEP)
    many = curve.count > 200
    assert curve.correlation[many].mean() == pytest.approx(1 / 3, abs=0.03)
    assert curve.snr[many].mean() == pytest.approx(1.0, rel=0.15)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_resolution_is_where_the_signal_ends(criterion):
    end = 0.8
    signal = lowpass(noise(7, LARGE), end) * 20
    halves = [signal + noise(seed, LARGE) for seed in (1, 2)]
    found = resolution(ring_correlation(*halves, STEP), criterion)
    assert found == pytest.approx(1 / end, rel=0.06)


def test_rings_count_each_pair_of_frequencies_once():
    curve = ring_correlation(noise(0, (32, 32)), noise(1, (32, 32)), (1.0, 1.0))
    q = np.fft.fftfreq(32)
    ring = np.rint(np.hypot(q[:, None], q) * 32).astype(int)
    inside = np.hypot(q[:, None], q) <= 0.5
    for number in (3, 7, 12):
        assert curve.count[number - 1] == np.count_nonzero(inside & (ring == number)) / 2


def test_an_empty_ring_between_peaks_is_no_end():
    correlation = np.array([0.9, 0.8, 0.05, 0.7, 0.6, 0.05, 0.02, 0.5])
    q = np.arange(1, 9) / 10
    curve = RingCorrelation(q, correlation, np.full(8, 100))
    share = (0.6 - 1 / 7) / (0.6 - 0.05)
    assert resolution(curve) == pytest.approx(1 / (0.5 + 0.1 * share))


def test_a_crystal_that_holds_nothing_at_low_frequencies_is_resolved_all_the_same():
    correlation = np.array([-0.2, 0.1, 0.05, 0.95, 0.9, 0.02, 0.01])
    curve = RingCorrelation(
        np.arange(1, 8) / 10, correlation, np.array([6, 12, 18, 24, 30, 36, 42])
    )
    share = (0.9 - 1 / 7) / (0.9 - 0.02)
    assert resolution(curve) == pytest.approx(1 / (0.5 + 0.1 * share))


def test_thresholds_are_the_published_ones():
    curve = RingCorrelation(np.ones(2), np.ones(2), np.array([100, 10**8]))
    np.testing.assert_allclose(threshold(curve), 1 / 7)
    # Half a bit: SNR of a half 0.2071, so FRC = 0.2071 / 1.2071 where rings are large.
    assert threshold(curve, "half bit")[1] == pytest.approx(0.1716, abs=1e-3)
    assert threshold(curve, "3 sigma")[0] == pytest.approx(0.3)


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="96 × 160 and 96 × 96"):
        ring_correlation(noise(0), noise(1, (96, 96)), STEP)
    with pytest.raises(ValueError, match="not finite"):
        ring_correlation(noise(0) * np.nan, noise(1), STEP)
    with pytest.raises(ValueError, match="must be positive, not 0"):
        ring_correlation(noise(0), noise(1), STEP, width=0)
    with pytest.raises(ValueError, match="not '1/2'"):
        threshold(RingCorrelation(np.ones(1), np.ones(1), np.ones(1)), "1/2")


def test_a_crystal_is_resolved_up_to_its_last_peaks_in_wide_rings():
    """Lattice rows some rings apart: of rings one pixel wide, those between them hold nothing."""
    y, x = np.indices((256, 256)) * 0.4
    crystal = sum(np.cos(2 * np.pi * (n * 0.06 * x + n * 0.01 * y)) for n in range(1, 13))
    halves = [crystal + 5 * noise(seed, crystal.shape) for seed in (1, 2)]
    steps, last = (0.4, 0.4), 12 * np.hypot(0.06, 0.01)
    wide = ring_correlation(*halves, steps, ring_width(crystal.shape, steps, 1.6))
    assert ring_width(crystal.shape, steps, 0.1) == pytest.approx(2 / (256 * 0.4))
    assert ring_width(crystal.shape, steps, 6.4) == pytest.approx(0.1)
    assert resolution(ring_correlation(*halves, steps)) > 3 / last
    assert resolution(ring_correlation(*halves, steps, 0.1)) == pytest.approx(1 / last, rel=0.15)
    assert resolution(wide) <= resolution(ring_correlation(*halves, steps))


def weak(seed, share, shape=(96, 104)):
    """Two halves of a signal up to 0.8 1/Å that is `share` of what each ring holds below it."""
    signal = lowpass(noise(seed, shape), 0.8) * np.sqrt(share / (1 - share))
    return [signal + noise(seed + n, shape) for n in (100, 200)]


def test_what_no_ring_shows_by_itself_is_seen_in_neighbouring_ones():
    found = []
    for seed in range(8):
        curve = ring_correlation(*weak(seed, 0.22), STEP)
        pooled = resolution(curve)
        found.append((bool(significant(curve).any()), pooled))
    assert sum(alone for alone, _ in found) < 4
    assert sum(pooled is not None for _, pooled in found) >= 7
    periods = [pooled for _, pooled in found if pooled is not None]
    assert np.median(periods) == pytest.approx(1 / 0.8, rel=0.2)


def test_noise_is_hardly_ever_said_to_agree_however_many_rings_are_taken_together():
    rng = np.random.default_rng(9)
    pairs = rng.normal(size=(300, 2, 48, 52))
    agreed = sum(resolution(ring_correlation(*pair, STEP)) is not None for pair in pairs)
    assert agreed <= 9  # of 300, where three are expected at most


def test_rings_beyond_the_limit_are_not_there():
    images = [lowpass(image, 0.6) for image in (noise(1), noise(1) + noise(2))]
    curve = ring_correlation(*images, STEP, limit=0.6)
    assert 0.57 < curve.q[-1] <= 0.6
    assert resolution(curve) == pytest.approx(1 / curve.q[-1])
