"""Tilt-corrected bright field against its equation, and against the transfer it must have."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from recon.calibration import Calibration
from recon.errors import Cancelled
from recon.geometry.disc import fit_disc
from recon.io import open_events
from recon.optics import Aberrations
from recon.scan.frames import DenseFrames
from recon.simulate.scan import expected_intensities, sample_events
from recon.ssb.build import tilt_corrected_dense
from recon.ssb.parallax import tilt_corrected as fast
from recon.ssb.parallax import tilt_corrected_planes
from recon.sums.detectors import pacbed
from tests.support.equations import planes, tilt_corrected
from tests.support.weak_phase import (
    MANY,
    binned,
    calibration_of,
    random_counts,
    relative,
    weak_object,
)

DEFOCUSED = Aberrations(C10=250, C12a=30, C12b=-20)


def made(counts, disc, calibration, aberrations, **options):
    return tilt_corrected_planes(binned(counts, disc), calibration, aberrations, **options)


@pytest.mark.parametrize("turned", [(0.0, False), (-70.0, True)], ids=["aligned", "turned"])
@pytest.mark.parametrize("upsample", [1, 2, 4])
@pytest.mark.parametrize("flip", [False, True], ids=["plain", "flipped"])
def test_it_is_the_equation(turned, upsample, flip):
    calibration = calibration_of(*turned, sampling=(0.8, 0.7))
    many = Aberrations(**{**vars(MANY), "C10": 200})
    # Odd and even numbers of columns: the half plane ends differently.
    for scan in ((10, 13), (9, 12)):
        counts, disc, _ = random_counts(calibration, scan=scan)
        found = made(counts, disc, calibration, many, upsample=upsample, flip=flip)
        expected = tilt_corrected(counts, disc, calibration, many, upsample, flip)
        assert found.image.dtype == np.float32
        assert found.sampling == (0.8 / upsample, 0.7 / upsample)
        assert found.image.mean() == pytest.approx(1, abs=1e-6)
        assert relative(found.image - 1, expected - 1) < 2e-5


@pytest.mark.parametrize("upsample", [1, 2])
@pytest.mark.parametrize("flip", [False, True], ids=["plain", "flipped"])
def test_a_weak_object_comes_with_the_transfer_of_its_defocus(upsample, flip):
    """2 sin chi times the overlap of two apertures, beyond the scan's own frequencies too."""
    fine = calibration_of(33.0, True, radius=9.0)
    steps = tuple(upsample * s for s in fine.scan_sampling)
    calibration = calibration_of(33.0, True, radius=9.0, sampling=steps)
    scan = (20, 24)
    phase = weak_object(tuple(n * upsample for n in scan), fine)
    intensities = expected_intensities(
        phase,
        calibration,
        DEFOCUSED,
        frame_shape=(23, 24),
        oversampling=upsample,
        weak=True,
        subpixels=1,
    )
    counts, disc = planes(1e3 * intensities, calibration, 18)
    found = made(counts, disc, calibration, DEFOCUSED, upsample=upsample, flip=flip)
    q_y, q_x = (np.fft.fftfreq(n, s) for n, s in zip(phase.shape, found.sampling, strict=True))
    s = np.minimum(np.hypot(q_y[:, None], q_x) / (2 * fine.k0), 1)
    overlap = 2 / np.pi * (np.arccos(s) - s * np.sqrt(1 - s * s))
    chi = DEFOCUSED.in_scan_frame(33.0, True).chi(q_y[:, None], q_x, fine.wavelength)
    transfer = 2 * np.sin(chi) * overlap
    transfer = abs(transfer) if flip else transfer
    expected = np.fft.ifft2(np.fft.fft2(phase) * transfer).real
    contrast = found.image - 1
    assert (contrast * expected).sum() / (expected**2).sum() == pytest.approx(1, abs=0.01)
    assert np.corrcoef(contrast.ravel(), expected.ravel())[0, 1] > 0.998
    if upsample > 1:
        # More than the scan itself could hold: the frequencies beyond its own, alone.
        beyond = np.add.outer(abs(q_y) > 0.5 / steps[0], abs(q_x) > 0.5 / steps[1])
        found, wanted = (np.fft.fft2(image)[beyond] for image in (contrast, expected))
        assert abs(wanted).max() > 0.1 * abs(np.fft.fft2(expected)).max()
        gain = np.vdot(wanted, found) / np.vdot(wanted, wanted)
        assert abs(gain - 1) < 0.02
        assert np.linalg.norm(found) < 1.02 * np.linalg.norm(wanted)


def test_events_and_dense_frames_give_the_same_image():
    calibration = calibration_of(10.0, sampling=(0.8, 0.7))
    phase = weak_object((10, 12), calibration)
    intensities = expected_intensities(phase, calibration, DEFOCUSED, frame_shape=(17, 18))
    events = sample_events(intensities, 200, seed=3)
    dense = np.zeros((120, 17 * 18), np.uint8)
    np.add.at(dense, (np.repeat(np.arange(120), events.counts.ravel()), events.pixels), 1)
    frames = DenseFrames(
        lambda first, last: dense[first:last].reshape(-1, 17, 18), (10, 12), (17, 18), np.uint8
    )
    told = []
    far = Aberrations(C10=120)
    one = fast(events, calibration, far, 12, upsample=2, progress=told.append)
    other = tilt_corrected_dense(frames, calibration, far, 12, upsample=2)
    np.testing.assert_allclose(one.image, other.image, atol=1e-6)
    assert told == sorted(told)
    assert told[-1] == 1

    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        fast(events, calibration, DEFOCUSED, 12, progress=stop)


def test_what_is_left_of_a_pixel_stands_for_the_whole():
    calibration = calibration_of(sampling=(0.8, 0.7))
    counts, disc, _ = random_counts(calibration, scan=(10, 13))
    kept = np.random.default_rng(1).uniform(0.5, 1, disc.size)
    left = counts * kept[:, None, None]
    found = made(left, replace(disc, kept=kept), calibration, DEFOCUSED, upsample=1)
    whole = made(counts, disc, calibration, DEFOCUSED, upsample=1)
    np.testing.assert_allclose(found.image, whole.image, atol=1e-6)


def test_bad_requests_are_refused():
    calibration = calibration_of()
    counts, disc, _ = random_counts(calibration)
    with pytest.raises(ValueError, match="one of 1, 2 and 4, not 3"):
        made(counts, disc, calibration, DEFOCUSED, upsample=3)
    with pytest.raises(ValueError, match="up to 1, not 0"):
        made(counts, disc, calibration, DEFOCUSED, band_limit=0)
    # 3 Å times 25 mrad, of steps of 0.41 and 0.37 Å.
    with pytest.raises(ValueError, match=r"of up to 0\.\d+ × 0\.\d+ scan steps are too small"):
        made(counts, disc, calibration, Aberrations(C10=3), upsample=2)
    with pytest.raises(ValueError, match="No electrons in the bright-field disc"):
        made(0 * counts, disc, calibration, DEFOCUSED)


def test_viruses_are_sharpest_where_the_scan_really_lies(shared_data):
    """Images that are shifted to where they do not belong blur one another."""
    path = shared_data / "virus_4dcamera_v3.h5"
    if not path.is_file():
        pytest.skip("no scan of viruses")
    events = open_events(path)
    disc = fit_disc(pacbed(events))

    def contrast(rotation, transpose, c10=135e3):
        calibration = Calibration(
            300e3, 1.03, (31.25, 31.25), disc.centre, disc.radius, rotation, transpose
        )
        image = fast(events, calibration, Aberrations(C10=c10), 12, flip=False).image
        return (gaussian_filter(image, 1) - gaussian_filter(image, 4)).std()

    right = contrast(-54, True)
    wrong = [contrast(-54, False), contrast(36, True), contrast(126, True)]
    wrong += [contrast(-54, True, c10) for c10 in (70e3, -135e3)]
    assert right > 1.3 * max(wrong)
