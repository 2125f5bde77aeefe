"""Wiener weights against their equation, and what they win on objects drawn from the prior."""

from dataclasses import replace

import numpy as np
import pytest

from recon.optics import Aberrations
from recon.simulate.scan import expected_intensities, sample_events
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import object_transmission, single_sideband
from recon.ssb.prior import Prior
from recon.ssb.prior_fit import estimate_prior
from tests.support.drawn_objects import (
    DEFOCUSED,
    SCAN,
    drawn,  # noqa: F401 - a fixture
    expected_power,
    frequencies,
)
from tests.support.equations import averaged_phase, hard_sums
from tests.support.fake_gpu import fake_gpu
from tests.support.weak_phase import MANY, built, calibration_of, random_counts, relative


@pytest.mark.parametrize("mode", ["draft", "exact"])
@pytest.mark.parametrize("sideband", ["both", "full"])
def test_weights_are_the_equation(mode, sideband):
    calibration = calibration_of(-70.0, True)
    counts, disc, total = random_counts(calibration)
    g = built(counts, disc, calibration, total)
    aberrations = Aberrations(C10=100, C12a=-30)
    prior = Prior(0.02, 0.4)
    full = sideband == "full"
    numerator, power, pixels = hard_sums(counts, disc, calibration, aberrations, full)
    least = 0.2 * counts.mean((1, 2)).sum() / disc.coverage.sum()
    information = counts[0].size * np.maximum(power, least)
    weights = information / (information + 1 / expected_power(prior, (12, 15), calibration))
    # Neither all nor nothing, or this would test nothing.
    assert ((weights > 0.1) & (weights < 0.9)).mean() > 0.3
    if mode == "draft":
        phase = np.where(pixels > 0.2, numerator / np.maximum(power, 1e-9), 0)
    else:
        phase = np.fft.fft2(averaged_phase(counts, disc, calibration, aberrations, full))
    expected = np.fft.ifft2(weights * phase).real
    found = single_sideband(g, aberrations, mode, sideband, prior=prior)
    assert relative(found, expected) < 2e-5
    complex_ = object_transmission(g, aberrations, mode, sideband, prior=prior)
    np.testing.assert_allclose(complex_.imag, found, atol=1e-6 * abs(found).max())
    plain = object_transmission(g, aberrations, mode, sideband).real - 1
    # The amplitude comes from two sidebands whatever the phase comes from.
    power = hard_sums(counts, disc, calibration, aberrations)[1]
    information = counts[0].size * np.maximum(power, least)
    weights = information / (information + 1 / expected_power(prior, (12, 15), calibration))
    expected = np.fft.ifft2(weights * np.fft.fft2(plain)).real
    assert relative(complex_.real - 1, expected) < 2e-5


def squared_error(image, truth, calibration, least=0.1, most=1.7):
    """Mean over the band where a sideband is."""
    q = frequencies(truth.shape, calibration) / calibration.k0
    difference = np.fft.fft2(image - truth)[(q > least) & (q < most)]
    return (abs(difference) ** 2).sum() / truth.size**2


def test_at_low_dose_the_weighted_phase_is_nearer_to_the_truth_as_much_as_it_must(drawn):
    phase, prior, calibration, intensities = drawn
    events = sample_events(intensities, 12, seed=1)
    g = build_sidebands(events, calibration, 18)
    plain = squared_error(single_sideband(g, DEFOCUSED), phase, calibration)
    weighted = squared_error(single_sideband(g, DEFOCUSED, prior=prior), phase, calibration)
    # Of each frequency least squares leaves 1 / W, the filter w² / W and (1 - w)² of the object.
    counts = np.zeros((g.k.shape[1], *SCAN))
    counts += g.pacbed[:, None, None]
    *_, power, _ = hard_sums(counts, g.bright_field, calibration, DEFOCUSED)
    q = frequencies(SCAN, calibration) / calibration.k0
    kept = (q > 0.1) & (q < 1.7)
    information = counts[0].size * power[kept]
    weights = information / (information + 1 / expected_power(prior, SCAN, calibration)[kept])
    object_ = abs(np.fft.fft2(phase)[kept] / phase.size) ** 2
    assert plain == pytest.approx((1 / information).sum(), rel=0.1)
    expected = (weights**2 / information + (1 - weights) ** 2 * object_).sum()
    assert weighted == pytest.approx(expected, rel=0.1)
    assert weighted < 0.2 * plain


def test_with_electrons_without_end_nothing_is_weighted(drawn):
    _, prior, calibration, intensities = drawn
    flat = intensities.reshape(*SCAN, -1)
    g = build_sidebands(sample_events(intensities, 12, seed=1), calibration, 18)
    counts = np.stack([flat[..., g.bright_field.lookup == n].sum(-1) for n in range(g.k.shape[1])])
    g = built(1e12 * counts, g.bright_field, calibration, 1e12 * flat.sum())
    plain = single_sideband(g, DEFOCUSED)
    weighted = single_sideband(g, DEFOCUSED, prior=prior)
    assert relative(weighted, plain) < 1e-5
    estimated = single_sideband(g, DEFOCUSED, prior=estimate_prior(g, DEFOCUSED))
    assert relative(estimated, plain) < 1e-5


@pytest.mark.parametrize("electrons", [50, 1000])
def test_the_prior_is_found_in_the_electrons(drawn, electrons):
    _, prior, calibration, intensities = drawn
    g = build_sidebands(sample_events(intensities, electrons, seed=3), calibration, 18)
    found = estimate_prior(g, DEFOCUSED)
    q = np.array([0.2, 0.5, 1.0]) * calibration.k0
    at_low_dose = q[: 2 if electrons < 100 else 3]
    np.testing.assert_allclose(found.density(at_low_dose), prior.density(at_low_dose), rtol=0.4)
    assert "rad² Å²" in found.statement


def test_nothing_is_expected_of_an_empty_scan(monkeypatch):
    calibration = calibration_of()
    counts, disc, total = random_counts(calibration, scan=(40, 44))
    g = built(counts, disc, calibration, total)
    with pytest.raises(ValueError, match="no power beyond the counting noise"):
        estimate_prior(g, DEFOCUSED)
    with pytest.raises(ValueError, match="too few to estimate"):
        estimate_prior(built(counts[:, :4, :4], disc, calibration, total), DEFOCUSED)
    there = g.to_device(fake_gpu("cpu", monkeypatch).device)
    with pytest.raises(ValueError, match="no power beyond the counting noise"):
        estimate_prior(there, DEFOCUSED)


def test_bad_priors_are_refused():
    with pytest.raises(ValueError, match="level must be positive, not 0"):
        Prior(0, 1)
    with pytest.raises(ValueError, match="corner must be positive, not nan"):
        Prior(1, float("nan"))
    calibration = calibration_of()
    g = built(*random_counts(calibration)[:2], calibration, 1.0)
    with pytest.raises(ValueError, match="not 'sum'"):
        single_sideband(g, MANY, "sum", prior=Prior(1, 1))
    assert hash(Prior(1, 2)) == hash(replace(Prior(1, 1), corner=2))


def test_a_crystals_peaks_are_expected_as_they_are_measured():
    """Waves that fit the scan: of twelve frequencies all is kept, and of noise hardly any."""
    calibration = calibration_of(20.0, radius=9.0)
    y, x = (np.arange(n) / n for n in SCAN)
    waves = [(3, 5), (-6, 4), (9, 0), (0, 8), (5, -9), (-8, 2)]
    phase = sum(0.03 * np.cos(2 * np.pi * (a * y[:, None] + b * x + 0.3 * a)) for a, b in waves)
    intensities = expected_intensities(phase, calibration, DEFOCUSED, frame_shape=(23, 24))
    g = build_sidebands(sample_events(intensities, 400, seed=1), calibration, 18)
    prior = estimate_prior(g, DEFOCUSED)
    extent = np.multiply(SCAN, calibration.scan_sampling)
    found = {tuple(np.rint(q * extent).astype(int)) for *q, _ in np.array(prior.peaks)}
    wanted = {(a, b) if b > 0 or (b == 0 and a > 0) else (-a, -b) for a, b in waves} | {(-9, 0)}
    assert wanted <= found
    assert len(found) <= len(wanted) + 1
    powers = {tuple(np.rint(q * extent).astype(int)): p for *q, p in np.array(prior.peaks)}
    # cos has two coefficients of half its amplitude.
    np.testing.assert_allclose([powers[w] for w in wanted], 0.015**2, rtol=0.35)
    assert f"{len(prior.peaks)} peaks" in prior.statement
    at = prior.coefficients(g)
    assert at[3, 5] == powers[3, 5]
    assert at[-6, 4] == powers[-6, 4]
    weighted = single_sideband(g, DEFOCUSED, prior=prior)
    smooth = single_sideband(g, DEFOCUSED, prior=replace(prior, peaks=()))
    gain = (weighted * phase).sum() / (phase**2).sum()
    assert gain == pytest.approx(1, abs=0.1)
    assert (smooth * phase).sum() / (phase**2).sum() < 0.8 * gain
    assert np.std(weighted - phase) < 0.5 * np.std(phase)


def test_noise_and_a_smooth_spectrum_have_no_peaks(drawn):
    _, _, calibration, intensities = drawn
    scans = (sample_events(intensities, 200, seed=seed) for seed in range(8))
    peaks = [estimate_prior(build_sidebands(s, calibration, 12), DEFOCUSED).peaks for s in scans]
    assert sum(map(bool, peaks)) <= 1
