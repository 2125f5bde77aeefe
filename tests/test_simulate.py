"""Simulated intensities and electrons, held to equations and properties."""

from math import pi

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.optics import Aberrations
from recon.simulate import expected_intensities, sample_events

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
