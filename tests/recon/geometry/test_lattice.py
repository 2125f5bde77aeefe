"""A scan and its camera, calibrated by a lattice whose spacings are known."""

from dataclasses import replace
from math import cos, radians, sin

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.geometry.camera import measure_camera
from recon.geometry.disc import fit_disc
from recon.geometry.lattice import Peak, calibrate_scan, refine_peak
from recon.optics import Aberrations
from recon.scan.frames import of_array
from recon.simulate.scan import expected_intensities, sample_events
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from recon.sums.detectors import pacbed

SHAPE = (48, 56)
SPACINGS, ANGLE = (2.13, 1.83), 75.0
# Places of positions, (y, x) = AXES (i, j) [Å]: rows 0.42 Å apart, each 0.05 steps to the right.
STEP, SHEAR = (0.42, 0.36), 0.05
AXES = np.array([[STEP[0], 0.0], [SHEAR * STEP[1], STEP[1]]])


def lattice_frequencies(first=20.0):
    """Frequencies (n, 2) [cycles over the scan] at which the two waves appear."""
    q = [
        np.array([sin(radians(turn)), cos(radians(turn))]) / spacing
        for turn, spacing in zip((first, first + ANGLE), SPACINGS, strict=True)
    ]
    return np.array([AXES.T @ each * SHAPE for each in q])


def lattice_image(frequencies, noise=0.0, seed=0):
    i, j = np.indices(SHAPE)
    waves = (
        np.cos(2 * np.pi * (row * i / SHAPE[0] + column * j / SHAPE[1]) + phase)
        for phase, (row, column) in enumerate(frequencies)
    )
    return 0.3 * sum(waves) + noise * np.random.default_rng(seed).normal(size=SHAPE) + 7


def exact(frequencies, error=1e-4):
    return [Peak(row, column, error, error, 1e6) for row, column in frequencies]


def test_a_frequency_between_the_bins_is_found():
    for row, column in lattice_frequencies():
        image = lattice_image([(row, column)])
        peak = refine_peak(image, round(row), round(column))
        assert (peak.row, peak.column) == (
            pytest.approx(row, abs=2e-3),
            pytest.approx(column, abs=2e-3),
        )


def test_its_error_is_that_of_many_repetitions():
    (row, column), _ = lattice_frequencies()
    pulls = []
    for seed in range(40):
        peak = refine_peak(lattice_image([(row, column)], 0.5, seed), round(row), round(column))
        pulls += [(peak.row - row) / peak.row_error, (peak.column - column) / peak.column_error]
    # 80 of them: their rms scatters by 1 / √160.
    assert 0.7 < np.sqrt(np.mean(np.square(pulls))) < 1.3


def test_steps_and_shear_follow_from_two_peaks_and_their_angle():
    at = lattice_frequencies()
    image = lattice_image(at, noise=0.2)
    peaks = [refine_peak(image, *np.round(each)) for each in at]
    found = calibrate_scan(peaks, SPACINGS, SHAPE, ANGLE)
    for value, error, truth in zip(
        (*found.scan_sampling, found.shear),
        (*found.errors, found.shear_error),
        (*STEP, SHEAR),
        strict=True,
    ):
        assert abs(value - truth) < 4 * error < 0.02
    # Exactly, by the geometry alone; either end of a wave vector is the same wave.
    for signs in ((1, 1), (1, -1), (-1, -1)):
        found = calibrate_scan(exact(at * np.array(signs)[:, None]), SPACINGS, SHAPE, ANGLE)
        np.testing.assert_allclose((*found.scan_sampling, found.shear), (*STEP, SHEAR), rtol=1e-9)


def test_steps_follow_from_less():
    """A square grid of 0.5 × 0.4 Å: waves of 8 and 5 cycles over 48 × 56 positions."""
    down, across = 48 * 0.5 / 8, 56 * 0.4 / 5
    peaks = exact([(8.0, 0.0), (0.0, 5.0)])
    found = calibrate_scan(peaks, (down, across), SHAPE)
    np.testing.assert_allclose(found.scan_sampling, (0.5, 0.4))
    assert found.shear is None
    # An error of 1e-4 of 8 cycles, and of 5.
    np.testing.assert_allclose(found.errors, (0.5e-4 / 8, 0.4e-4 / 5), rtol=1e-3)
    one = calibrate_scan(peaks[:1], (down,), SHAPE, ratio=1.25)
    np.testing.assert_allclose(one.scan_sampling, (0.5, 0.4))


def test_what_determines_nothing_is_refused():
    noise = np.random.default_rng(0).normal(size=SHAPE)
    with pytest.raises(Unfitted, match=r"No peak stands out within 2 cycles of \(9.0, 12.0\)"):
        refine_peak(noise, 9, 12)
    with pytest.raises(ValueError, match="too near to the middle"):
        refine_peak(noise, 2, 2)
    with pytest.raises(ValueError, match="row 40 of the picked frequency is not within"):
        refine_peak(noise, 40, 2)
    mirrored = exact([(8.0, 5.0), (8.0, -5.0)])
    for peaks, spacings in (
        (mirrored, (2.0, 2.0)),
        (exact([(8.0, 5.0), (8.0, 5.0)]), (2.0, 2.0)),
        (exact([(8.0, 1.0), (1.0, 8.0)]), (2.0, 0.1)),
    ):
        with pytest.raises(Unfitted, match="No scan steps put the two peaks"):
            calibrate_scan(peaks, spacings, SHAPE)
    with pytest.raises(Unfitted, match="leave the steps open"):
        calibrate_scan(exact([(8.0, 5.0), (6.0, 5.0)], 0.3), (2.116, 2.604), SHAPE)
    with pytest.raises(ValueError, match="spacing must be positive, not -2"):
        calibrate_scan(mirrored, (-2.0, 2.0), SHAPE)
    with pytest.raises(ValueError, match="An angle lies between two peaks"):
        calibrate_scan(mirrored[:1], (2.0,), SHAPE, 60.0)


TRUE = Calibration(80e3, 25.0, (0.4, 0.44), (27.3, 25.8), 18.0, -12.0)
WAVES, FIELD = ((4, 9), (8, -8)), (36, 40)
ABERRATIONS = Aberrations(C10=-80.0, C12a=20.0)


def crystal_scan(amplitude):
    i, j = np.indices(FIELD)
    phase = amplitude * sum(
        np.cos(2 * np.pi * (m * i / FIELD[0] + n * j / FIELD[1]) + p)
        for p, (m, n) in enumerate(WAVES)
    )
    intensities = expected_intensities(phase, TRUE, ABERRATIONS, frame_shape=(56, 52), subpixels=2)
    return sample_events(intensities, 1000)


@pytest.fixture(scope="module")
def crystal():
    return crystal_scan(0.08)


def spacing_of(wave):
    return 1 / np.hypot(
        *(n / s / d for n, s, d in zip(wave, FIELD, TRUE.scan_sampling, strict=True))
    )


def test_wrong_steps_and_a_wrong_semiangle_are_set_right(crystal):
    events = crystal
    disc = fit_disc(pacbed(events))
    wrong = Calibration(80e3, 26.5, (0.43, 0.43), disc.centre, disc.radius, TRUE.rotation_deg - 3)
    phase = single_sideband(build_sidebands(events, wrong, 18), ABERRATIONS)
    peaks = [refine_peak(phase, *wave) for wave in WAVES]
    spacings = [spacing_of(wave) for wave in WAVES]
    scan = calibrate_scan(peaks, spacings, FIELD)
    for value, error, truth in zip(
        scan.scan_sampling, scan.errors, TRUE.scan_sampling, strict=True
    ):
        assert abs(value - truth) < 4 * error < 0.015
    for peak, spacing in zip(peaks, spacings, strict=True):
        camera = measure_camera(events, peak, spacing, wrong, ABERRATIONS)
        assert abs(camera.semiangle_cutoff - 25.0) < 4 * camera.semiangle_error < 1.5
        assert abs(camera.angular_sampling - 25 / 18) < 4 * camera.error
        assert camera.camera_length(0.05) == pytest.approx(0.05 / (1e-3 * 25 / 18), rel=0.03)
        assert np.hypot(*camera.displacement) == pytest.approx(
            1 / spacing / TRUE.reciprocal_sampling, rel=0.03
        )


def test_the_magnitude_alone_needs_no_aberrations():
    events = crystal_scan(0.25)
    peak, spacing = Peak(*WAVES[1], 0.01, 0.01, 1e3), spacing_of(WAVES[1])
    camera = measure_camera(events, peak, spacing, TRUE)
    assert abs(camera.semiangle_cutoff - 25.0) < 4 * camera.semiangle_error < 1.0
    dense = np.zeros((events.positions, 56 * 52), np.uint16)
    np.add.at(
        dense, (np.repeat(np.arange(events.positions), np.diff(events.offsets)), events.pixels), 1
    )
    frames = of_array(dense.reshape(*FIELD, 56, 52))
    again = measure_camera(frames, peak, spacing, TRUE)
    assert again.angular_sampling == pytest.approx(camera.angular_sampling, rel=1e-6)


def test_no_sidebands_no_scale(crystal):
    """Where there is no wave, or none of the disc's copies overlaps the disc."""
    for peak in (Peak(3.0, -15.0, 0.1, 0.1, 30.0), Peak(17.0, 19.0, 0.1, 0.1, 30.0)):
        with pytest.raises(Unfitted, match="do not show where they end"):
            measure_camera(crystal, peak, 1.0, TRUE, ABERRATIONS)
    with pytest.raises(ValueError, match="spacing must be positive"):
        measure_camera(crystal, peak, 0.0, TRUE)
    with pytest.raises(Unfitted, match="too few to see sidebands"):
        measure_camera(crystal, peak, 1.0, replace(TRUE, radius=2.0))
