"""Sums over electrons against sums over dense frames."""

from itertools import pairwise
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.calibration import Calibration
from recon.scan.events import ElectronEvents, from_frames
from recon.sums import detectors as virtual
from tests.support.strategies import dense, scans

coordinates = st.floats(-3, 12)


def radii(frame_shape, centre):
    y, x = np.indices(frame_shape)
    return np.sqrt((y - centre[0]) ** 2.0 + (x - centre[1]) ** 2.0)


def calibration(centre, radius):
    return Calibration(80e3, 25.0, (0.3, 0.3), centre, radius)


@given(scans())
def test_pacbed_is_the_sum_of_the_frames(events):
    pattern = virtual.pacbed(events)
    assert pattern.dtype == np.int64
    np.testing.assert_array_equal(pattern, dense(events).sum(axis=(0, 1)))


@given(scans(), st.data())
def test_pacbed_of_chosen_positions(events, data):
    bits = data.draw(st.lists(st.booleans(), min_size=events.positions, max_size=events.positions))
    mask = np.array(bits).reshape(events.scan_shape)
    np.testing.assert_array_equal(virtual.pacbed(events, mask), dense(events)[mask].sum(axis=0))


def test_pacbed_of_more_electrons_than_pixels_sums_the_copies():
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 12, 10_000, dtype=np.uint32)
    offsets = np.arange(0, 10_001, 100)
    events = ElectronEvents(pixels, offsets, (20, 5), (4, 3))
    np.testing.assert_array_equal(virtual.pacbed(events).ravel(), np.bincount(pixels, minlength=12))


@given(scans(), st.data())
def test_vacuum_probe_is_the_mean_over_its_region(events, data):
    y0 = data.draw(st.integers(0, events.scan_shape[0] - 1))
    y1 = data.draw(st.integers(y0 + 1, events.scan_shape[0]))
    x0 = data.draw(st.integers(0, events.scan_shape[1] - 1))
    x1 = data.draw(st.integers(x0 + 1, events.scan_shape[1]))
    probe = virtual.vacuum_probe(events, (y0, y1, x0, x1))
    np.testing.assert_allclose(probe, dense(events)[y0:y1, x0:x1].mean(axis=(0, 1)))


@given(scans(), coordinates, coordinates, st.floats(0, 5), st.floats(0.1, 9))
def test_virtual_detector_counts_its_annulus(events, cy, cx, inner, width):
    image = virtual.virtual_detector(events, (cy, cx), inner, inner + width)
    radius = radii(events.frame_shape, (cy, cx))
    mask = (radius >= inner) & (radius < inner + width)
    # Two ways to write a radius may differ in the last bit; such pixels are no test.
    if np.any(np.abs(radius - inner) < 1e-9) or np.any(np.abs(radius - inner - width) < 1e-9):
        return
    np.testing.assert_array_equal(image, (dense(events) * mask).sum(axis=(2, 3)))


def test_inner_radius_belongs_to_the_detector_and_the_outer_one_does_not():
    events = from_frames([range(36)], (1, 1), (6, 6))
    # Radii 5 = |(3, 4)| and 3 about the pixel (0, 0) are exact.
    mask = virtual.annulus((6, 6), (0, 0), 3, 5)
    assert mask[0, 3]
    assert mask[3, 0]
    assert not mask[3, 4]
    assert virtual.virtual_detector(events, (0, 0), 3, 5)[0, 0] == mask.sum()


@given(scans(), coordinates, coordinates, st.floats(0.5, 5))
def test_presets_in_one_pass_are_the_detectors_one_by_one(events, cy, cx, radius):
    images = virtual.virtual_detectors(events, calibration((cy, cx), radius))
    assert list(images) == ["bf", "abf", "adf"]
    for name, (inner, outer) in virtual.PRESETS.items():
        single = virtual.virtual_detector(events, (cy, cx), inner * radius, outer * radius)
        np.testing.assert_array_equal(images[name], single)


@given(scans(), st.integers(0, 40))
def test_any_number_of_overlapping_detectors(events, number):
    rng = np.random.default_rng(number)
    masks = {n: rng.random(events.frame_shape) < 0.5 for n in range(number)}
    images = virtual.sum_masks(events, masks)
    for name, mask in masks.items():
        np.testing.assert_array_equal(images[name], (dense(events) * mask).sum(axis=(2, 3)))


def test_a_detector_of_everything_counts_the_electrons():
    events = from_frames([[0, 0, 5], [], [3], [1, 2]], (2, 2), (2, 3))
    images = virtual.virtual_detectors(events, calibration((0.5, 1), 1), {"all": (0, inf)})
    np.testing.assert_array_equal(images["all"], events.counts)


@pytest.mark.parametrize("rings", [3, 8, 9, 20])
def test_long_frames_are_counted_in_full(rings):
    # More than 255 electrons of one ring in a frame, with few rings and with many.
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 100, size) for size in (0, 255, 256, 2000)] + [np.full(700, 34)]
    events = from_frames(frames, (1, 5), (10, 10))
    edges = np.linspace(0, 9, rings + 1)
    mask = radii((10, 10), (4.2, 5.1))
    for ring, image in enumerate(virtual.radial_sums(events, (4.2, 5.1), edges)):
        inside = (mask >= edges[ring]) & (mask < edges[ring + 1])
        np.testing.assert_array_equal(image, (dense(events) * inside).sum(axis=(2, 3)))


def test_no_detectors_give_no_images():
    events = from_frames([[0]], (1, 1), (2, 3))
    assert virtual.virtual_detectors(events, calibration((0, 0), 1), {}) == {}


@given(scans(), coordinates, coordinates, st.sets(st.integers(0, 15), min_size=2))
def test_radial_sums_and_the_profile_agree_with_rings_of_the_pattern(events, cy, cx, quarters):
    edges = np.array(sorted(quarters)) / 1.37
    sums = virtual.radial_sums(events, (cy, cx), edges)
    pattern = virtual.pacbed(events)
    profile = virtual.radial_profile(pattern, (cy, cx), edges)
    assert sums.shape == (edges.size - 1, *events.scan_shape)
    for ring, (inner, outer) in enumerate(pairwise(edges)):
        image = virtual.virtual_detector(events, (cy, cx), inner, outer)
        np.testing.assert_array_equal(sums[ring], image)
        mask = virtual.annulus(events.frame_shape, (cy, cx), inner, outer)
        expected = pattern[mask].mean() if mask.any() else nan
        np.testing.assert_allclose(profile[ring], expected)


def test_a_million_empty_frames():
    events = ElectronEvents(
        np.empty(0, np.uint32), np.zeros(1_000_001, np.int64), (1000, 1000), (576, 576)
    )
    assert not virtual.pacbed(events).any()
    assert not virtual.virtual_detectors(events, calibration((288, 288), 50))["bf"].any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: virtual.pacbed(e, np.ones((3, 3), bool)), "3 × 3 positions, the scan 1 × 2"),
        (lambda e: virtual.vacuum_probe(e, (0, 1, 1, 1)), "columns 1 to 1"),
        (lambda e: virtual.vacuum_probe(e, (0, 2, 0, 1)), "scan of 1 × 2 positions"),
        (lambda e: virtual.virtual_detector(e, (0, 0), 3, 2), "from 3 to 2 pixels is empty"),
        (lambda e: virtual.virtual_detector(e, (0, 0), -1, 2), "from -1 to 2 pixels"),
        (lambda e: virtual.virtual_detector(e, (0, nan), 0, 2), "not a position"),
        (lambda e: virtual.radial_sums(e, (0, 0), [0]), "2 to 65535 edges"),
        (lambda e: virtual.radial_sums(e, (0, 0), [0, 2, 1]), "smallest step -1"),
        (lambda e: virtual.sum_masks(e, {"a": np.ones((2, 2), bool)}), "the detector 2 × 3"),
        (lambda e: virtual.sum_masks(e, dict.fromkeys(range(65))), "65 detectors"),
    ],
)
def test_bad_arguments_are_named_with_their_numbers(call, words):
    events = from_frames([[0], [5]], (1, 2), (2, 3))
    with pytest.raises(ValueError, match=words):
        call(events)


def test_an_electron_outside_the_detector_is_no_memory_error():
    events = from_frames([[0], [6]], (1, 2), (2, 3))
    with pytest.raises(ValueError, match="Pixel index 6 at scan position 1"):
        virtual.pacbed(events)
    with pytest.raises(ValueError, match="Pixel index 6"):
        virtual.virtual_detector(events, (0, 0), 0, 1)


def test_progress_reaches_the_end():
    events = from_frames([[0], [5]], (1, 2), (2, 3))
    fractions = []
    virtual.pacbed(events, progress=fractions.append)
    assert fractions == [1.0]
