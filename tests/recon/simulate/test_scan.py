"""Simulated intensities and electrons, held to equations and properties."""

from math import pi

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.calibration import Calibration
from recon.errors import Cancelled
from recon.kernels.host import simulate as kernels
from recon.optics import Aberrations
from recon.simulate import scan as simulate
from recon.simulate.probe import Probe, coverage
from recon.simulate.scan import expected_intensities, in_order, sample_events, simulate_events

SCAN, FRAME = (12, 16), (15, 18)


def calibration(**changes):
    values = {
        "energy": 80e3,
        "semiangle_cutoff": 25.0,
        "scan_sampling": (0.42, 0.38),
        "centre": (7.3, 8.1),
        "radius": 3.3,
    }
    return Calibration(**(values | changes))


def blob(shape=SCAN, steps=(0.42, 0.38), at=(2.4, 2.9), width=0.9, peak=0.05):
    """A round atom, periodic enough for its width."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    r2 = (y * steps[0] - at[0]) ** 2 + (x * steps[1] - at[1]) ** 2
    return peak * np.exp(-r2 / (2 * width**2))


def centre_of_mass(intensities, cal):
    """(2, Sy, Sx) mean frequency [1/Å] in the scan's frame."""
    total = intensities.sum((2, 3))
    ky = (np.arange(intensities.shape[2]) - cal.centre[0]) * cal.reciprocal_sampling
    kx = (np.arange(intensities.shape[3]) - cal.centre[1]) * cal.reciprocal_sampling
    com = np.stack([(intensities.sum(3) * ky).sum(2), (intensities.sum(2) * kx).sum(2)]) / total
    return np.einsum("ij,jyx->iyx", cal.detector_to_scan, com)


def probe_weighted_gradient(phase, cal, aberrations):
    """(|a|² correlated with grad phi) / 2π [1/Å]: Phi(K) iK ∫ A*(k) A(k - K) dk / ∫ |A|² dk."""
    here = aberrations.in_scan_frame(cal.rotation_deg, cal.transpose)

    def aperture(ky, kx):
        return (ky**2 + kx**2 < cal.k0**2) * np.exp(-1j * here.chi(ky, kx, cal.wavelength))

    fine = (np.arange(160) + 0.5) / 80 - 1
    ky, kx = np.meshgrid(fine * cal.k0, fine * cal.k0, indexing="ij")
    wave = aperture(ky, kx).conj()
    frequencies = np.stack(
        np.meshgrid(*map(np.fft.fftfreq, phase.shape, cal.scan_sampling), indexing="ij")
    )
    transfer = (
        np.array(
            [(wave * aperture(ky - qy, kx - qx)).sum() for qy, qx in frequencies.reshape(2, -1).T]
        ).reshape(phase.shape)
        / (np.abs(wave) ** 2).sum()
    )
    return np.fft.ifft2(1j * frequencies * np.fft.fft2(phase) * transfer).real


def test_vacuum_is_the_aperture():
    cal = calibration()
    one = expected_intensities(np.zeros((1, 1)), cal, frame_shape=FRAME, subpixels=16)[0, 0]
    assert one.sum() == pytest.approx(1, abs=2e-3)
    assert one[7, 8] == pytest.approx(1 / (pi * cal.radius**2))
    assert one[0, 0] == 0


def test_unitarity_of_the_phase_object():
    # A strong object may scatter: no electron is lost, if the detector takes all angles.
    cal = calibration(radius=1.7)
    vacuum = expected_intensities(np.zeros((1, 1)), cal, frame_shape=FRAME, subpixels=6)
    found = expected_intensities(
        blob(peak=0.6), cal, Aberrations(C10=60), frame_shape=FRAME, subpixels=6
    )
    np.testing.assert_allclose(found.sum((2, 3)), vacuum.sum(), rtol=5e-3)


@pytest.mark.parametrize(("rotation", "transpose"), [(0, False), (35, False), (-110, True)])
@pytest.mark.parametrize(
    "aberrations", [Aberrations(), Aberrations(C10=40, C12a=15, C12b=-25, C21a=300, C23b=200)]
)
def test_deflection_follows_the_phase_gradient(rotation, transpose, aberrations):
    # Exact for any phase object when all electrons are collected (Lazic et al. 2016). The pixels
    # are small here, so that the disc's edge is well sampled.
    cal = calibration(rotation_deg=rotation, transpose=transpose, radius=7.5, centre=(14.2, 15.1))
    shape = (8, 10)
    phase = blob(shape, cal.scan_sampling, at=(1.5, 1.9), width=0.6, peak=0.2)
    found = centre_of_mass(
        expected_intensities(phase, cal, aberrations, frame_shape=(30, 31), subpixels=2), cal
    )
    wanted = probe_weighted_gradient(phase, cal, aberrations)
    wanted, found = (field - field.mean((1, 2), keepdims=True) for field in (wanted, found))
    assert np.linalg.norm(found - wanted) < 0.04 * np.linalg.norm(wanted)


def test_sampled_electrons_follow_the_intensities():
    cal = calibration()
    expected = expected_intensities(blob(), cal, frame_shape=FRAME, subpixels=2)
    events = sample_events(expected, 40, seed=3)
    assert events.scan_shape == SCAN
    assert events.frame_shape == FRAME
    events.check_pixels()
    mean = 40 * expected.sum((0, 1)).ravel()
    found = np.bincount(events.pixels, minlength=mean.size)
    assert not found[mean == 0].any()
    seen = mean > 20
    chi2 = ((found - mean) ** 2 / mean.clip(1e-9))[seen].sum()
    assert abs(chi2 - seen.sum()) < 5 * np.sqrt(2 * seen.sum())
    counts = 40 * expected.sum((2, 3))
    assert np.abs(events.counts - counts).max() < 6 * np.sqrt(counts.max())


def test_sampling_is_reproducible_by_seed():
    intensities = np.full((2, 3, 4, 5), 0.05)
    first, again, other = (sample_events(intensities, 30, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert first.electrons != other.electrons or (first.pixels != other.pixels).any()


def test_impossible_simulations_say_why():
    with pytest.raises(ValueError, match="no multiple of 2"):
        expected_intensities(np.zeros((3, 4)), calibration(), frame_shape=FRAME, oversampling=2)
    with pytest.raises(ValueError, match="at least one"):
        expected_intensities(np.zeros((3, 4)), calibration(), frame_shape=FRAME, subpixels=0)
    with pytest.raises(ValueError, match="3 dimensions"):
        sample_events(np.zeros((3, 4, 5)), 1)
    with pytest.raises(ValueError, match="negative"):
        sample_events(np.zeros((3, 4, 5, 6)), -1)


# ---- electrons of whole scans ----


def band_limited(shape, steps, highest=1.2, seed=0):
    """A random phase without structure finer than the scan's grid can hold."""
    ky, kx = np.meshgrid(*map(np.fft.fftfreq, shape, steps), indexing="ij")
    k2 = ky**2 + kx**2
    spectrum = np.fft.fft2(np.random.default_rng(seed).normal(size=shape))
    phase = np.fft.ifft2(spectrum * np.exp(-2 * k2) * (k2 < highest**2)).real
    return 0.3 * phase / phase.std()


def patterns(events):
    """(positions, pixels) counts."""
    size = events.frame_shape[0] * events.frame_shape[1]
    position = np.repeat(np.arange(events.positions), events.counts.ravel())
    counts = np.bincount(position * size + events.pixels, minlength=events.positions * size)
    return counts.reshape(events.positions, size)


def scan(phase, cal, aberrations=None, dose=3e3, **options):
    options = {"frame_shape": (34, 32), "oversampling": 2} | options
    return simulate_events(phase, cal, aberrations, dose=dose, **options)


WIDE = {"centre": (15.3, 17.1), "radius": 7.3}


def test_electrons_of_a_vacuum_fill_the_disc_evenly_to_its_edge():
    cal = calibration(rotation_deg=35, transpose=True, **WIDE)
    events = scan(np.zeros((36, 42)), cal, dose=5e4, oversampling=1.5)
    y, x = np.mgrid[:34, :32]
    share = coverage(y - 15.3, x - 17.1, (1, 1), 7.3, points=64).ravel() / (pi * 7.3**2)
    mean = 5e4 * 0.42 * 0.38 * events.positions * share
    found = patterns(events).sum(0)
    assert not found[share == 0].any()
    assert found.sum() == pytest.approx(mean.sum(), abs=5 * np.sqrt(mean.sum()))
    seen = mean > 1000  # Where so little of a pixel is covered, `share` is coarse.
    chi2 = ((found - mean) ** 2)[seen] / mean[seen]
    assert abs(chi2.sum() - seen.sum()) < 5 * np.sqrt(2 * seen.sum())


@pytest.mark.parametrize("oversampling", [1.5, 2])
def test_electrons_follow_the_exact_intensities(oversampling):
    # Rotated and transposed, with aberrations, on a scan and a detector that are not square.
    cal = calibration(rotation_deg=35, transpose=True, **WIDE)
    aberrations = Aberrations(C10=-40, C12a=15, C21b=300)
    fine = band_limited((10 * 6, 12 * 6), (0.42 / 6, 0.38 / 6))
    expected = expected_intensities(
        fine[::3, ::3], cal, aberrations, frame_shape=(34, 32), oversampling=2
    )
    step = int(6 / oversampling)
    events = scan(fine[::step, ::step], cal, aberrations, dose=2e4, oversampling=oversampling)
    found, mean = patterns(events), 2e4 * 0.42 * 0.38 * expected.reshape(120, -1)
    y, x = np.mgrid[:34, :32]
    inside = (np.hypot(y - 15.3, x - 17.1) < 6.5).ravel()
    chi2 = ((found - mean) ** 2 / mean)[:, inside]
    # The variance of a Poisson number's chi² is 2 + 1/mean.
    deviation = np.sqrt((2 + 1 / mean[:, inside]).sum())
    assert abs(chi2.sum() - chi2.size) < 6 * deviation
    # Away from the disc's edge, where sub-pixels are coarse, the dark field loses a few per cent
    # to the box around the probe.
    dark = (np.hypot(y - 15.3, x - 17.1) > 8.2).ravel()
    assert found[:, dark].sum() == pytest.approx(mean[:, dark].sum(), rel=0.06)


def test_all_electrons_arrive_on_a_large_detector():
    cal = calibration(radius=3.0, centre=(16.5, 16.0))
    events = scan(band_limited((36, 40), (0.21, 0.19)), cal, dose=1e4)
    wanted = 1e4 * 0.42 * 0.38 * events.positions
    assert events.electrons == pytest.approx(wanted, rel=5e-3)
    assert events.counts.var() == pytest.approx(events.counts.mean(), rel=0.5)


def test_atoms_attract_electrons_whatever_the_frame():
    # A scan across an atom: the deflection points to it, its divergence there is negative.
    phase = blob((40, 48), (0.21, 0.19), at=(4.2, 4.56), width=0.5, peak=0.4)
    for rotation, transpose in ((0, False), (-12, False), (70, True)):
        cal = calibration(rotation_deg=rotation, transpose=transpose, **WIDE)
        events = scan(phase, cal, dose=3e4)
        counts = patterns(events).reshape(*events.scan_shape, 34, 32)
        com = centre_of_mass(counts, cal)
        divergence = np.gradient(com[0], 0.42, axis=0) + np.gradient(com[1], 0.38, axis=1)
        assert divergence[8:13, 10:15].mean() < -3 * abs(divergence.mean())
        assert com[0, 7, 12] > 0 > com[0, 13, 12]
        assert com[1, 10, 9] > 0 > com[1, 10, 15]


def test_a_shadow_image_shrinks_or_grows_with_the_sign_of_the_defocus():
    # Crossover above the object (overfocus, C10 > 0): the shadow of an atom moves across the disc
    # with the atom; underfocus turns it upside down. An atom at +x of the probe then refracts
    # the rays at +x (C10 > 0) or -x (C10 < 0): their part of the disc shows the contrast.
    cal = calibration(**WIDE)
    phase = blob((40, 48), (0.21, 0.19), at=(4.2, 4.56), width=0.4, peak=0.5)
    for defocus in (150, -150):
        events = scan(phase, cal, Aberrations(C10=defocus), dose=1e5)
        counts = patterns(events).reshape(*events.scan_shape, 34, 32).astype(float)
        contrast = (counts[10, 7] / counts.mean((0, 1)).clip(1))[12:20, 11:24]  # atom at +1.9 Å
        column = np.abs(contrast - 1).mean(0)
        right, left = column[7:].mean(), column[:5].mean()
        assert (right > left) == (defocus > 0)


@pytest.mark.usefixtures("all_threads")
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**63 - 1), chunk=st.integers(1, 200), threads=st.integers(1, 2))
def test_a_seed_gives_the_same_electrons_however_the_work_is_cut(seed, chunk, threads):
    phase, cal = band_limited((24, 28), (0.21, 0.19)), calibration()
    first = scan(phase, cal, dose=200, seed=seed)
    before, available = simulate.CHUNK, numba.get_num_threads()
    try:
        simulate.CHUNK = chunk
        numba.set_num_threads(min(threads, available))
        again = scan(phase, cal, dose=200, seed=seed)
    finally:
        simulate.CHUNK = before
        numba.set_num_threads(available)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.offsets, again.offsets)
    other = scan(phase, cal, dose=200, seed=seed ^ 1)
    assert not np.array_equal(first.pixels, other.pixels)


def test_truth_and_shapes_are_kept():
    cal, aberrations = calibration(rotation_deg=-12, transpose=True), Aberrations(C10=-40, C12b=3)
    events = scan(np.zeros((40, 48)), cal, aberrations, scan_shape=(7, 11), seed=5)
    assert events.scan_shape == (7, 11)
    assert events.frame_shape == (34, 32)
    assert events.metadata == {
        "energy": 80e3,
        "semiangle_cutoff": 25.0,
        "scan_sampling": (0.42, 0.38),
        "rotation_deg": -12,
        "transpose": True,
        "centre": (7.3, 8.1),
        "radius": 3.3,
        "aberrations": {"C10": -40, "C12b": 3},
        "dose": 3e3,
        "seed": 5,
    }
    events.check_pixels()


def test_progress_rises_to_one_and_cancelling_stops():
    seen = []
    scan(np.zeros((24, 28)), calibration(), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        scan(np.zeros((24, 28)), calibration(), progress=stop)


def test_work_comes_back_in_order_and_fails_as_it_failed():
    assert list(in_order(lambda i: i * i, range(20), 3)) == [i * i for i in range(20)]
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda i: 1 // (5 - i), range(20), 2))


def test_no_dose_no_electrons():
    assert scan(np.zeros((24, 28)), calibration(), dose=0).electrons == 0


@pytest.mark.parametrize("mean", [0.3, 7.0, 192.0])
def test_poisson_numbers(mean):
    states = [np.uint64(kernels.stream(np.uint64(1), position)) for position in range(4000)]
    numbers = np.array([kernels.poisson(mean, state)[0] for state in states])
    assert numbers.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / 4000))
    assert numbers.var() == pytest.approx(mean, rel=0.12)


def test_interpolation_is_exact_at_samples_and_close_between():
    taps = Probe(calibration(), Aberrations(), 2).disc.taps.astype(float)
    at = np.arange(kernels.TAPS) - kernels.TAPS // 2 + 1
    np.testing.assert_allclose(taps[0], at == 0, atol=1e-6)
    for place in np.linspace(-0.3, 0.3, 13):  # of the box's length
        wave = (taps * np.exp(2j * pi * place * at)).sum(1)
        wanted = np.exp(2j * pi * place * np.arange(kernels.FINE) / kernels.FINE)
        np.testing.assert_allclose(wave, wanted, atol=0.02)


def test_impossible_scans_say_why():
    phase, cal = np.zeros((24, 28)), calibration()
    with pytest.raises(ValueError, match="dose must not be negative"):
        scan(phase, cal, dose=-1)
    with pytest.raises(ValueError, match="does not fit an object of 24 × 28 points"):
        scan(phase, cal, scan_shape=(13, 14))
    with pytest.raises(ValueError, match="multiple of 1/2"):
        scan(phase, cal, oversampling=1.3)
    with pytest.raises(ValueError, match="too coarse for a probe of 25 mrad: take at least 2"):
        scan(phase, calibration(scan_sampling=(0.42, 0.9)), oversampling=1)
    with pytest.raises(ValueError, match="spread the probe over a radius of 125 Å; a simulation"):
        scan(phase, cal, Aberrations(C10=-5000))
