"""Centre of mass and what is made of it, against double precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recon.calibration import Calibration
from recon.scan.events import ElectronEvents, from_frames
from recon.sums import com
from tests.support.strategies import dense, scans


def reference(events, mask=1):
    cube = dense(events) * mask
    y, x = np.indices(events.frame_shape)
    counts = cube.sum(axis=(2, 3))
    height, width = events.frame_shape
    if not counts.any():
        centre = np.array([(height - 1) / 2, (width - 1) / 2])
        return np.broadcast_to(centre[:, None, None], (2, *events.scan_shape))
    sums = np.stack([(cube * y).sum(axis=(2, 3)), (cube * x).sum(axis=(2, 3))])
    means = sums / np.maximum(counts, 1)
    return np.where(counts > 0, means, means[:, counts > 0].mean(axis=1)[:, None, None])


@given(scans())
def test_centre_of_mass(events):
    field = com.centre_of_mass(events)
    assert field.dtype == np.float32
    assert field.shape == (2, *events.scan_shape)
    np.testing.assert_allclose(field, reference(events), rtol=1e-6)


@given(scans(), st.data())
def test_centre_of_mass_on_chosen_pixels(events, data):
    mask = data.draw(hnp.arrays(bool, events.frame_shape))
    field = com.centre_of_mass(events, mask)
    np.testing.assert_allclose(field, reference(events, mask), rtol=1e-6)


def test_long_frames_stay_exact():
    rng = np.random.default_rng(0)
    shape = (301, 512)
    frames = [rng.integers(0, shape[0] * shape[1], count) for count in (50_001, 0, 77, 1)]
    events = from_frames(frames, (2, 2), shape)
    expected = [[f.mean() for f in np.divmod(frame, 512)] for frame in frames if frame.size]
    field = com.centre_of_mass(events).reshape(2, 4)[:, [0, 2, 3]]
    np.testing.assert_allclose(field.T, expected, rtol=1e-6)


def test_an_empty_frame_takes_the_mean_of_the_others():
    # Means (0, 1) and (2, 0), of one and of three electrons: each frame counts once.
    events = from_frames([[1], [], [4, 4, 4]], (1, 3), (3, 2))
    field = com.centre_of_mass(events)
    np.testing.assert_array_equal(field[:, 0], [[0, 1, 2], [1, 0.5, 0]])


def test_a_million_empty_frames_have_the_centre_of_the_detector():
    offsets = np.zeros(1_000_001, np.int64)
    events = ElectronEvents(np.empty(0, np.uint32), offsets, (500, 2000), (576, 400))
    field = com.centre_of_mass(events)
    assert np.all(field[0] == 287.5)
    assert np.all(field[1] == 199.5)


@given(st.integers(1, 2**31), st.data())
def test_rows_are_found_without_dividing(width, data):
    height = data.draw(st.integers(1, 2**31 // width))
    factor, shift = com.row_divider(height, width)
    row = data.draw(st.integers(0, height - 1))
    for pixel in (row * width, row * width + width - 1, data.draw(st.integers(0, height * width))):
        if pixel < 2**31:
            assert pixel * int(factor) >> int(shift) == pixel // width
            assert pixel * int(factor) < 2**64


def test_every_pixel_of_common_detectors_has_its_row():
    for height, width in [(256, 256), (576, 576), (4096, 4096), (514, 1030), (1, 7), (7, 1)]:
        factor, shift = com.row_divider(height, width)
        pixels = np.arange(height * width, dtype=np.uint64)
        rows = pixels * np.uint64(factor) >> shift
        np.testing.assert_array_equal(rows, pixels // np.uint64(width))


def test_a_detector_beyond_the_divider_is_refused():
    events = from_frames([[0]], (1, 1), (65536, 65536))
    with pytest.raises(ValueError, match=r"65536 × 65536 pixels.*bin the detector"):
        com.centre_of_mass(events)


def test_a_mask_of_another_shape_is_refused():
    events = from_frames([[0]], (1, 1), (2, 3))
    with pytest.raises(ValueError, match=r"mask has 3 × 2 pixels, the detector 2 × 3"):
        com.centre_of_mass(events, np.ones((3, 2), bool))


@given(st.floats(-180, 180), st.booleans())
def test_deflection_is_the_field_that_the_scan_sees(rotation, transpose):
    calibration = Calibration(80e3, 25.0, (0.3, 0.4), (4, 4), 10.0, rotation, transpose)
    rng = np.random.default_rng(5)
    truth = rng.normal(size=(2, 4, 7))
    truth -= truth.mean(axis=(1, 2), keepdims=True)
    # K_det = S R(θ) K_scan on (x, y), written out.
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    y, x = truth
    x, y = c * x - s * y, s * x + c * y
    if transpose:
        x, y = y, x
    seen = np.stack([y, x]) / 2.5 + np.array([100, 80])[:, None, None]
    field = com.scan_deflection(seen.astype(np.float32), calibration)
    assert field.dtype == np.float32
    np.testing.assert_allclose(field, truth, atol=1e-4)


def test_empty_frames_deflect_nothing():
    calibration = Calibration(80e3, 25.0, (0.3, 0.4), (4, 4), 10.0, 30.0)
    events = from_frames([[1], [], [4, 4, 4]], (1, 3), (3, 2))
    field = com.scan_deflection(com.centre_of_mass(events), calibration)
    np.testing.assert_allclose(field[:, 0, 1], 0, atol=1e-6)


def test_a_radian_over_the_wavelength_is_a_frequency():
    calibration = Calibration(80e3, 25.0, (0.3, 0.4), (4, 4), 10.0)
    field = com.inverse_angstrom(np.full((2, 1, 1), 25.0, np.float32), calibration)
    np.testing.assert_allclose(field, calibration.k0, rtol=1e-6)


def test_a_linear_field_has_its_derivatives_everywhere():
    y, x = np.mgrid[:5, :4] * np.array([0.5, 2.0])[:, None, None]
    field = np.stack([3 * y + 5 * x, 7 * y - 2 * x])
    np.testing.assert_allclose(com.divergence(field, (0.5, 2.0)), 3 - 2)
    np.testing.assert_allclose(com.curl(field, (0.5, 2.0)), 5 - 7)


@given(hnp.arrays(float, (2, 6, 5), elements=st.floats(-1e3, 1e3)))
def test_derivatives_are_central_differences(field):
    sampling = (0.7, 0.3)
    curl, divergence = com.curl(field, sampling), com.divergence(field, sampling)
    for i in range(1, 5):
        for j in range(1, 4):
            y_y, x_y = (field[:, i + 1, j] - field[:, i - 1, j]) / 1.4
            y_x, x_x = (field[:, i, j + 1] - field[:, i, j - 1]) / 0.6
            np.testing.assert_allclose(divergence[i, j], y_y + x_x, atol=1e-8)
            np.testing.assert_allclose(curl[i, j], y_x - x_y, atol=1e-8)


@given(hnp.arrays(float, (6, 5), elements=st.floats(-1, 1)))
def test_a_gradient_has_no_curl(potential):
    field = np.stack(np.gradient(potential, 0.7, 0.3))
    np.testing.assert_allclose(com.curl(field, (0.7, 0.3)), 0, atol=1e-12)


def test_a_scan_of_one_row_has_no_derivative_across_it():
    field = np.stack([np.arange(4.0), np.arange(4.0) ** 2])[:, None]
    np.testing.assert_allclose(com.divergence(field, (1, 1))[0], [1, 2, 4, 5])
    np.testing.assert_allclose(com.curl(field, (1, 1))[0], 1)


@pytest.mark.parametrize("function", [com.curl, com.divergence])
def test_fields_and_samplings_are_checked(function):
    with pytest.raises(ValueError, match=r"not \(3, 4, 4\)"):
        function(np.zeros((3, 4, 4)), (1, 1))
    with pytest.raises(ValueError, match=r"along x must be positive, not 0 Å"):
        function(np.zeros((2, 4, 4)), (1, 0))
