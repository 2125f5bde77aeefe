"""Agreement of halves of the electrons, where signal and noise are known."""

import numpy as np
import pytest

from recon.errors import Cancelled
from recon.quality.halves import SplitHalf, split_half
from recon.quality.ring_correlation import RingCorrelation, ring_correlation, ring_width
from recon.simulate.scan import sample_events
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from recon.treatment.dose import split_events
from tests.support.drawn_objects import DEFOCUSED, SCAN, drawn, frequencies
from tests.support.equations import hard_sums
from tests.support.fake_gpu import fake_gpu

__all__ = ["drawn"]


@pytest.fixture(scope="module")
def scan(drawn):
    phase, _, calibration, intensities = drawn
    return phase, calibration, sample_events(intensities, 2000, seed=1)


def test_the_correlation_is_that_of_the_object_and_its_counting_noise(scan):
    """As of the truth with Gaussian noise of the power 2 / W that half of the electrons have."""
    phase, calibration, events = scan
    found = split_half(events, calibration, DEFOCUSED, mode="exact", band_limit=0.85)
    g = build_sidebands(events, calibration, 18)
    counts = np.zeros((g.k.shape[1], *SCAN)) + g.pacbed[:, None, None]
    *_, power, _ = hard_sums(counts, g.bright_field, calibration, DEFOCUSED)
    power *= frequencies(SCAN, calibration) < 1.7 * calibration.k0
    spread = np.sqrt(2 * phase.size / np.where(power > 0, power, np.inf))
    rng = np.random.default_rng(5)
    truth = np.fft.fft2(phase) * (power > 0)

    def noisy():
        white = np.fft.fft2(rng.normal(size=SCAN)) / np.sqrt(phase.size)
        return np.fft.ifft2(truth + spread * white).real

    steps = calibration.scan_sampling
    limit = 1.7 * calibration.k0
    how = steps, ring_width(SCAN, steps, limit), limit
    draws = [ring_correlation(noisy(), noisy(), *how).correlation for _ in range(40)]
    inside = found.curve.q < 1.6 * calibration.k0
    mean, deviation = (f(draws, axis=0)[inside] for f in (np.mean, np.std))
    assert mean[:3].min() > 0.8
    assert mean.min() < 0.5
    assert (abs(found.curve.correlation[inside] - mean) < 4 * deviation + 0.01).all()
    assert found.resolution("1/7") == pytest.approx(
        1 / found.curve.q[inside][mean > 1 / 7][-1], rel=0.4
    )
    assert "Å" in found.statement


def test_halves_are_those_of_the_split_one_after_the_other(scan, monkeypatch):
    _, calibration, events = scan
    found = split_half(events, calibration, DEFOCUSED, 12, seed=7)
    for phase, half in zip(found.phases, split_events(events, seed=7), strict=True):
        g = build_sidebands(half, calibration, 12)
        np.testing.assert_array_equal(phase, single_sideband(g, DEFOCUSED, "draft"))
    there = events.to_device(fake_gpu("cpu", monkeypatch).device)
    other = split_half(there, calibration, DEFOCUSED, 12, seed=7)
    np.testing.assert_allclose(other.phases, found.phases, atol=1e-6)


@pytest.mark.parametrize(("mode", "tolerance"), [("exact", 2e-5), ("draft", 0.01)])
def test_the_second_half_follows_from_the_whole(scan, mode, tolerance):
    _, calibration, events = scan
    whole = build_sidebands(events, calibration, 12)
    both = split_half(events, calibration, DEFOCUSED, 12, mode=mode)
    told = []
    one = split_half(
        events, calibration, DEFOCUSED, 12, mode=mode, whole=whole, progress=told.append
    )
    np.testing.assert_array_equal(one.phases[0], both.phases[0])
    assert abs(one.phases[1] - both.phases[1]).max() < tolerance * abs(both.phases[1]).max()
    np.testing.assert_allclose(one.curve.correlation, both.curve.correlation, atol=2 * tolerance)
    assert told == sorted(told)
    assert told[-1] == 1


def test_bad_requests_are_refused_and_it_can_be_cancelled(scan):
    _, calibration, events = scan
    whole = build_sidebands(events, calibration, 12)
    with pytest.raises(ValueError, match="do not add up to the whole"):
        split_half(events, calibration, DEFOCUSED, 12, mode="sum", whole=whole)
    with pytest.raises(ValueError, match="of another scan or calibration"):
        split_half(split_events(events)[0], calibration, DEFOCUSED, 12, whole=whole)

    def stop(fraction):
        if fraction > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        split_half(events, calibration, DEFOCUSED, 12, progress=stop)


def test_halves_of_noise_are_not_said_to_agree():
    """Rings of a small scan hold few pixels: by chance many reach 1/7."""
    rng = np.random.default_rng(8)
    reached = agreed = 0
    for _ in range(200):
        phases = rng.normal(size=(2, 16, 20)).astype(np.float32)
        noise = SplitHalf(ring_correlation(*phases, (0.4, 0.4), 0.3), phases)
        reached += bool((noise.curve.correlation > 1 / 7).any())
        agreed += "agree down to" in noise.statement
        assert ("agree down to" in noise.statement) is (noise.resolution("1/7") is not None)
    assert reached > 50
    assert agreed <= 6  # of 200, where a hundredth is expected
    same = np.add(phases, 3 * rng.normal(size=(16, 20)))
    clear = SplitHalf(ring_correlation(*same, (0.4, 0.4), 0.3), same)
    # To the last ring of four.
    last = 1 / clear.curve.q[-1]
    assert f"agree down to {last:.3g} Å: the scan step is the limit" in clear.statement


def test_a_limit_that_some_criteria_reach_is_named_once_beside_the_others():
    correlation = np.array([0.9, 0.3, 0.16, 0.16, 0.16])
    curve = RingCorrelation(np.arange(1, 6) / 10, correlation, np.full(5, 4000))
    said = SplitHalf(curve, np.zeros((2, 8, 8)), "band limit").statement
    # Half a bit asks for .23 of rings this large: between the second and the third.
    between = 1 / (0.2 + 0.1 * (0.3 - half_bit(4000)) / 0.14)
    assert said == (
        f"Two halves of the electrons agree down to (half bit: {between:.3g} Å; "
        "1/7 and 3 sigma: 2 Å, up to the band limit)."
    )


def half_bit(count):
    root = np.sqrt(count)
    return (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)
