"""The disc fit finds circles put into simulated patterns, and says so where there is none."""

import h5py
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from recon.errors import DiscNotFound
from recon.geometry.disc import fit_disc
from recon.geometry.ellipse import fit_rim


def disc(shape, centre, radius, stretch=0.0):
    """A disc averaged over pixel areas; `stretch` lengthens one axis and shortens the other."""
    total = np.zeros(shape)
    box = tuple(slice(max(int(c - 1.1 * radius - 2), 0), int(c + 1.1 * radius + 3)) for c in centre)
    y, x = np.ogrid[tuple(slice(b.start, min(b.stop, n)) for b, n in zip(box, shape, strict=True))]
    points = (np.arange(9) - 4) / 9
    for dy in points:
        for dx in points:
            v, u = y + dy - centre[0], x + dx - centre[1]
            total[box] += (
                np.hypot((v + u) * (1 + stretch), (v - u) / (1 + stretch)) < radius * 2**0.5
            )
    return total / 81


def counted(intensity, seed=0):
    return np.random.default_rng(seed).poisson(intensity)


def assert_found(pattern, centre, radius, within=0.05, ratio=0.005):
    found = fit_disc(pattern)
    np.testing.assert_allclose(found.centre, centre, atol=within)
    assert found.radius == pytest.approx(radius, rel=ratio)
    return found


@pytest.mark.parametrize(
    ("shape", "centre", "radius", "counts"),
    [
        ((256, 256), (130.37, 121.81), 40.3, 1000),
        ((576, 576), (280.2, 300.7), 120.3, 50),
        ((576, 576), (280.2, 300.7), 12.3, 500),
        ((128, 256), (60.2, 170.7), 30.3, 200),
        ((200, 90), (81.5, 41.0), 33.3, 2000),
        ((1100, 1030), (600.2, 500.4), 151.3, 30),
        ((1024, 1024), (500.3, 520.2), 5.3, 5000),
        ((18, 18), (9.1, 8.7), 7.2, 10000),
        ((64, 64), (31.3, 30.2), 4.3, 20000),
    ],
)
@pytest.mark.parametrize("blur", [0.0, 0.7])
def test_sharp_and_blurred_discs_on_any_detector(shape, centre, radius, counts, blur):
    intensity = gaussian_filter(disc(shape, centre, radius), blur) * counts + 0.01 * counts
    found = assert_found(counted(intensity), centre, radius)
    assert found.intensity == pytest.approx(1.01 * counts, rel=0.05)
    assert found.background == pytest.approx(0.01 * counts, abs=0.03 * counts)
    # From 10 % to 90 % of a Gaussian blur.
    assert found.edge == pytest.approx(2.563 * blur, abs=0.6)
    assert found.uncertainty < 0.05
    assert "good fit" in found.statement


def test_stretched_disc_gives_the_mean_radius():
    intensity = disc((256, 256), (130.4, 121.8), 40.3, stretch=0.01)
    assert_found(counted(1000 * intensity + 3), (130.4, 121.8), 40.3)


@pytest.mark.parametrize("strength", [0.2, 0.7])
def test_halo_does_not_pull_the_rim(strength):
    centre = (130.37, 121.81)
    r = np.hypot(np.arange(256)[:, None] - centre[0], np.arange(256) - centre[1])
    halo = strength * np.exp(-r / 40)
    assert_found(counted(1000 * (disc((256, 256), centre, 40.3) + halo)), centre, 40.3)


@pytest.mark.parametrize("distance", [35, 50, 65])
@pytest.mark.parametrize("strength", [(0.2,) * 6, (0.3, 0.1, 0, 0, 0, 0)], ids=["zone", "tilted"])
def test_diffracted_discs_may_overlap(distance, strength):
    centre, shape = (130.37, 121.81), (256, 256)
    intensity = disc(shape, centre, 40.3)
    for n, part in enumerate(strength):
        angle = 0.2 + n * np.pi / 3
        shifted = centre[0] + distance * np.sin(angle), centre[1] + distance * np.cos(angle)
        intensity += part * disc(shape, shifted, 40.3)
    assert_found(counted(800 * intensity + 3), centre, 40.3)


def test_few_counts_are_binned_and_still_found():
    centre, radius = (280.2, 300.7), 120.3
    pattern = counted(0.4 * disc((576, 576), centre, radius) + 0.01)
    assert_found(pattern, centre, radius, within=0.5)


@pytest.mark.parametrize(("radius", "counts"), [(4.3, 300), (20.3, 15), (30.3, 2)])
def test_errors_are_as_large_as_stated(radius, counts):
    rng = np.random.default_rng(5)
    errors = []
    for seed in range(8):
        centre = rng.uniform(59, 61, 2)
        found = fit_disc(counted(counts * disc((120, 120), centre, radius) + 0.01, seed))
        misses = [*(found.centre - centre), found.radius - radius]
        errors.append(np.array(misses) / found.uncertainty)
    # 24 errors, of which the largest component's standard error is the one stated.
    assert np.abs(errors).max() < 4
    assert 0.2 < np.sqrt(np.mean(np.square(errors))) < 1.5


def test_hot_pixels_do_not_matter():
    centre = (130.37, 121.81)
    pattern = counted(300 * disc((256, 256), centre, 40.3) + 1)
    rng = np.random.default_rng(3)
    pattern[tuple(rng.integers(0, 256, (2, 40)))] = 10**6
    pattern[10, 10:12] = 10**7
    assert_found(pattern, centre, 40.3)


def test_disc_over_the_edge_is_fitted_from_the_rim_that_is_left():
    centre = (20.4, 121.8)
    found = assert_found(counted(1000 * disc((256, 256), centre, 40.3) + 3), centre, 40.3)
    assert "of it on the detector" in found.statement


def test_scale_of_the_counts_does_not_move_the_disc():
    pattern = counted(500 * disc((128, 128), (60.3, 65.8), 30.2) + 2)
    one, other = fit_disc(pattern), fit_disc(7 * pattern)
    np.testing.assert_allclose(one.centre, other.centre, atol=0.02)
    assert one.radius == pytest.approx(other.radius, abs=0.02)


def single_pixel():
    pattern = np.zeros((64, 64))
    pattern[30, 31] = 1e5
    return pattern


def blob():
    y, x = np.arange(128)[:, None] - 60, np.arange(128) - 66
    return counted(1000 * np.exp(-(y**2 + x**2) / 800) + 1)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        (np.zeros((64, 64)), "holds 0 electrons"),
        (counted(np.full((64, 64), 100.0)), "the pattern is flat"),
        (counted(np.full((64, 64), 1.0)), "No disc"),
        (counted(np.full((576, 576), 0.05)), "No disc"),
        (single_pixel(), "nothing brighter"),
        (counted(1e4 * disc((64, 64), (30, 31), 1.0)), "radius of .* px"),
        (blob(), "spot without a rim"),
        (counted(100 * disc((64, 64), (31, 30), 60.0)), "larger than the detector"),
        (counted(1000 * disc((256, 256), (1.4, 121.8), 40.3) + 3), "of the rim of a circle"),
        (counted(np.ones((128, 128)) * np.arange(128)), "No disc"),
    ],
)  # fmt: skip
def test_no_disc_is_said_in_words(pattern, sentence):
    with pytest.raises(DiscNotFound, match=sentence) as refused:
        fit_disc(pattern)
    assert "Give centre and radius instead." in str(refused.value)


@pytest.mark.parametrize("pattern", [np.ones(5), np.full((4, 4), np.nan), -np.ones((4, 4))])
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(ValueError, match="A pattern is a 2-D array of counts"):
        fit_disc(pattern)


def test_a_start_beyond_the_detector_is_no_disc():
    pattern = counted(100 * disc((64, 64), (31.2, 30.7), 12.0))
    with pytest.raises(DiscNotFound, match="lies on the detector"):
        fit_disc(pattern, ((5000.0, 5000.0), 3.0))
    with pytest.raises(DiscNotFound, match="0 electrons on 0 pixels around the rim"):
        fit_rim(pattern, (5000.0, 5000.0), 3.0)


def test_what_is_below_zero_counts_as_nothing():
    """Frames less their dark reference sum to a little below zero beside the disc."""
    pattern = counted(100 * disc((64, 64), (31.2, 30.7), 12.0))
    noise = np.random.default_rng(0).normal(0, 1, pattern.shape)
    found = fit_disc(pattern + noise)
    np.testing.assert_allclose(found.centre, (31.2, 30.7), atol=0.1)
    assert found.radius == pytest.approx(12, abs=0.1)


def test_disc_of_a_real_scan(shared_data):
    """Half of the drop of the radial mean lies at 60.5 px, read off the profile by hand."""
    with h5py.File(shared_data / "virus_4dcamera_v3.h5") as file:
        electrons = np.concatenate(file["electron_events/frames"][::16])
    found = fit_disc(np.bincount(electrons, minlength=65536).reshape(256, 256))
    np.testing.assert_allclose(found.centre, (127.7, 125.7), atol=0.3)
    assert found.radius == pytest.approx(60.8, abs=0.7)
