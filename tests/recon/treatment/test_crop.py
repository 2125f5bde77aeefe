"""Smaller, coarser and turned scans against dense arrays."""

from dataclasses import asdict, replace
from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.calibration import Calibration
from recon.optics import Aberrations
from recon.scan.events import from_frames
from recon.sums.com import centre_of_mass, scan_deflection
from recon.treatment import crop as cropping
from tests.support.strategies import dense, scans


def span(data, size):
    start = data.draw(st.integers(0, size - 1))
    return start, data.draw(st.integers(start + 1, size))


@given(scans(), st.data())
def test_crop_scan(events, data):
    rows, columns = span(data, events.scan_shape[0]), span(data, events.scan_shape[1])
    cropped = cropping.crop_scan(events, rows, columns)
    expected = dense(events)[slice(*rows), slice(*columns)]
    np.testing.assert_array_equal(dense(cropped), expected)


@given(scans(), st.data())
def test_crop_detector(events, data):
    rows, columns = span(data, events.frame_shape[0]), span(data, events.frame_shape[1])
    cropped = cropping.crop_detector(events, rows, columns)
    expected = dense(events)[:, :, slice(*rows), slice(*columns)]
    np.testing.assert_array_equal(dense(cropped), expected)


def binned(cube, fy, fx, axis):
    """Sum over blocks along `axis` and the next, without the remainder."""
    shape = list(cube.shape)
    ny, nx = shape[axis] // fy, shape[axis + 1] // fx
    cube = np.take(np.take(cube, range(ny * fy), axis), range(nx * fx), axis + 1)
    shape[axis : axis + 2] = [ny, fy, nx, fx]
    return cube.reshape(shape).sum(axis=(axis + 1, axis + 3))


@given(scans(), st.data())
def test_bin_scan(events, data):
    fy, fx = (data.draw(st.integers(1, size)) for size in events.scan_shape)
    result = cropping.bin_scan(events, (fy, fx))
    np.testing.assert_array_equal(dense(result), binned(dense(events), fy, fx, 0))


@given(scans(), st.data())
def test_bin_detector(events, data):
    fy, fx = (data.draw(st.integers(1, size)) for size in events.frame_shape)
    result = cropping.bin_detector(events, (fy, fx))
    np.testing.assert_array_equal(dense(result), binned(dense(events), fy, fx, 2))


@given(scans(), st.floats(-400, 400), st.floats(-2, 11), st.floats(-2, 11))
def test_rotate_detector_moves_each_electron_to_the_nearest_pixel(events, angle, cy, cx):
    turned = cropping.rotate_detector(events, angle, (cy, cx))
    height, width = events.frame_shape
    z = (np.indices(events.frame_shape)[1] - cx) + 1j * (np.indices(events.frame_shape)[0] - cy)
    z = z * np.exp(1j * np.radians(angle)) + cx + 1j * cy
    # Halfway between two pixels the last bit decides; such cases are no test.
    halfway = np.abs(np.stack([z.real, z.imag]) % 1 - 0.5) < 1e-9
    if halfway.any():
        return
    expected = np.zeros_like(dense(events))
    for y, x in np.ndindex(height, width):
        ny, nx = round(z[y, x].imag), round(z[y, x].real)
        if 0 <= ny < height and 0 <= nx < width:
            expected[:, :, ny, nx] += dense(events)[:, :, y, x]
    np.testing.assert_array_equal(dense(turned), expected)


def test_a_positive_angle_turns_clockwise_on_the_screen():
    # About (1, 1): the pixel on the right goes to the bottom.
    events = from_frames([[5, 5]], (1, 1), (3, 3))
    turned = cropping.rotate_detector(events, 90, (1, 1))
    np.testing.assert_array_equal(turned.pixels, [7, 7])


@given(scans())
def test_four_quarter_turns_of_a_square_detector_are_none(events):
    side = 9
    square = replace(events, frame_shape=(side, side), pixels=events.pixels % (side * side))
    turned = square
    for _ in range(4):
        turned = cropping.rotate_detector(turned, 90, (4, 4))
    np.testing.assert_array_equal(turned.pixels, square.pixels)
    np.testing.assert_array_equal(turned.offsets, square.offsets)


@given(scans())
def test_changes_of_nothing_keep_every_event(events):
    for same in (
        cropping.crop_scan(events, (0, events.scan_shape[0]), (0, events.scan_shape[1])),
        cropping.crop_detector(events, (0, events.frame_shape[0]), (0, events.frame_shape[1])),
        cropping.bin_scan(events, 1),
        cropping.bin_detector(events, 1),
        cropping.rotate_detector(events, 0, (2.3, 1.7)),
    ):
        np.testing.assert_array_equal(same.pixels, events.pixels)
        np.testing.assert_array_equal(same.offsets, events.offsets)


def test_metadata_still_describes_the_scan():
    metadata = {"energy": 80e3, "centre": (3.5, 2.0), "radius": 2.0, "scan_sampling": (0.3, 0.2)}
    events = from_frames([[0]] * 6, (2, 3), (8, 6), metadata=metadata)
    assert cropping.crop_detector(events, (1, 8), (2, 5)).metadata["centre"] == (2.5, 0.0)
    assert cropping.bin_scan(events, (2, 3)).metadata["scan_sampling"] == pytest.approx((0.6, 0.6))
    binned = cropping.bin_detector(events, 2).metadata
    # The disc about pixel 3.5 has its centre between the bins 1 and 2.
    assert binned["centre"] == (1.5, 0.75)
    assert binned["radius"] == 1.0
    assert "radius" not in cropping.bin_detector(events, (2, 1)).metadata
    assert events.metadata == metadata


@given(st.floats(-170, 170), st.booleans(), st.sampled_from([90, -90, 180]))
def test_a_turned_detector_measures_the_same_deflection(rotation, transpose, angle):
    rng = np.random.default_rng(3)
    frames = [rng.integers(0, 81, 20) for _ in range(6)]
    metadata = {"rotation_deg": rotation, "transpose": transpose, "centre": (3.0, 4.5)}
    events = from_frames(frames, (2, 3), (9, 9), metadata=metadata)
    turned = cropping.rotate_detector(events, angle, (4, 4))

    def deflection(scan):
        calibration = Calibration(80e3, 25, (0.3, 0.3), radius=3, **scan.metadata)
        return scan_deflection(centre_of_mass(scan), calibration)

    np.testing.assert_allclose(deflection(turned), deflection(events), atol=1e-4)


@given(st.floats(-170, 170))
def test_aberrations_turn_with_the_detector(angle):
    truth = Aberrations(C10=80, C12a=20, C12b=-5, C21a=300, C34b=1e4)
    stated = {name: value for name, value in asdict(truth).items() if value}
    events = from_frames([[0]], (1, 1), (9, 9), metadata={"aberrations": stated})
    turned = cropping.rotate_detector(events, angle, (4, 4)).metadata["aberrations"]
    # chi at a turned frequency is what chi was at the frequency before.
    k = 0.4 * np.exp(0.3j)
    moved = k * np.exp(1j * np.radians(angle))
    before = truth.chi(k.imag, k.real, 0.04)
    after = Aberrations(**turned).chi(moved.imag, moved.real, 0.04)
    assert after == pytest.approx(before)


def test_progress_reaches_the_end():
    events = from_frames([[0], [1, 2]], (2, 1), (2, 2))
    for call in (
        lambda p: cropping.bin_scan(events, 1, p),
        lambda p: cropping.bin_detector(events, 1, p),
    ):
        fractions = []
        call(fractions.append)
        assert fractions[-1] == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: cropping.crop_scan(e, (0, 0), (0, 2)), "rows 0 to 0.*scan of 1 × 2 positions"),
        (lambda e: cropping.crop_scan(e, (0, 1), (0, 3)), "columns 0 to 3.*scan of 1 × 2"),
        (lambda e: cropping.crop_detector(e, (-1, 1), (0, 2)), "rows -1 to 1.*2 × 3 pixels"),
        (lambda e: cropping.bin_scan(e, 2), "by 2 along y.*from 1 to 1"),
        (lambda e: cropping.bin_detector(e, (1, 4)), "by 4 along x.*from 1 to 3"),
        (lambda e: cropping.bin_detector(e, 1.5), "by 1.5 along y"),
        (lambda e: cropping.bin_detector(e, 0), "by 0 along y"),
        (lambda e: cropping.rotate_detector(e, nan, (0, 0)), "degrees, not nan"),
        (lambda e: cropping.rotate_detector(e, 1, (0, nan)), "not a position"),
    ],
)
def test_bad_arguments_are_named_with_their_numbers(call, words):
    events = from_frames([[0], [5]], (1, 2), (2, 3))
    with pytest.raises(ValueError, match=words):
        call(events)


def test_an_electron_outside_the_detector_is_no_memory_error():
    events = from_frames([[0], [6]], (1, 2), (2, 3))
    with pytest.raises(ValueError, match="Pixel index 6"):
        cropping.bin_detector(events, 1)
