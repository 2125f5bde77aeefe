import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.calibration import Calibration
from recon.scan.events import from_frames
from recon.ssb.bright_field import bright_field, count_type, plane_counts


def calibration(centre=(10.3, 12.8), radius=8.0):
    return Calibration(80e3, 25.0, (0.4, 0.4), centre, radius)


@given(
    st.floats(9, 30), st.floats(9, 30), st.floats(4, 20), st.integers(4, 24), st.integers(0, 2**31)
)
def test_planes_sum_their_pixels_and_keep_the_float_centre(cy, cx, radius, across, seed):
    geometry = calibration((cy, cx), radius)
    shape = (40, 43)
    try:
        disc = bright_field(geometry, shape, across)
    except ValueError:
        return
    rng = np.random.default_rng(seed)
    events = from_frames(rng.integers(0, 40 * 43, (6, 50)), (2, 3), shape)
    counts = plane_counts(events, disc.lookup, 0, disc.size)
    pixel_y, pixel_x = np.divmod(np.arange(40 * 43), 43)
    for plane in range(disc.size):
        members = disc.lookup == plane
        assert members.sum() == disc.bin**2
        # The plane's k is the mean of its pixels' (i - c) dk: never that of a rounded centre.
        mean = np.array([pixel_y[members].mean() - cy, pixel_x[members].mean() - cx])
        np.testing.assert_allclose(
            disc.k[:, plane], mean * geometry.reciprocal_sampling, atol=1e-12
        )
        expected = [np.count_nonzero(members[frame]) for frame in events.frames()]
        np.testing.assert_array_equal(counts[plane].ravel(), expected)


def test_every_pixel_inside_the_disc_has_a_plane():
    disc = bright_field(calibration(), (24, 26), 16)
    y, x = np.indices((24, 26))
    inside = np.hypot(y - 10.3, x - 12.8) < 8.0 - 0.5
    assert (disc.lookup.reshape(24, 26)[inside] >= 0).all()


def test_coverage_adds_up_to_the_discs_area():
    disc = bright_field(calibration(radius=9.0), (24, 26), 18)
    assert disc.coverage.sum() == pytest.approx(np.pi * 81, rel=0.01)


def test_slabs_are_parts_of_the_whole():
    rng = np.random.default_rng(0)
    events = from_frames(rng.integers(0, 24 * 26, (12, 80)), (3, 4), (24, 26))
    disc = bright_field(calibration(), (24, 26), 8)
    whole = plane_counts(events, disc.lookup, 0, disc.size)
    np.testing.assert_array_equal(plane_counts(events, disc.lookup, 5, 11), whole[5:11])


@pytest.mark.parametrize(("length", "dtype"), [(255, np.uint8), (256, np.uint16)])
def test_counts_are_held_in_a_type_that_cannot_overflow(length, dtype):
    events = from_frames([np.full(length, 10 * 26 + 12)] + [[]] * 5, (2, 3), (24, 26))
    assert count_type(events) == dtype
    disc = bright_field(calibration(), (24, 26), 16)
    assert plane_counts(events, disc.lookup, 0, disc.size).max() == length


def test_pixels_cut_by_the_edge_are_left_out():
    whole = bright_field(calibration((4.0, 12.8)), (24, 26), 8)
    assert (whole.k[0] > -5 * calibration().reciprocal_sampling).all()


def test_of_a_binned_pixel_with_excluded_ones_the_rest_stands_for_the_whole():
    disc = bright_field(calibration(), (24, 26), 8)
    assert disc.bin == 2
    plane = disc.lookup.reshape(24, 26)[10, 12]
    members = np.argwhere(disc.lookup.reshape(24, 26) == plane)
    excluded = np.zeros((24, 26), bool)
    for number, share in ((1, 0.75), (2, 0.5)):
        excluded[tuple(members[number - 1])] = True
        fewer = bright_field(calibration(), (24, 26), 8, excluded)
        assert fewer.size == disc.size
        assert fewer.kept[plane] == pytest.approx(share)
        assert (np.delete(fewer.kept, plane) == 1).all()
        np.testing.assert_array_equal(fewer.lookup[excluded.ravel()], -1)
        assert (fewer.lookup == plane).sum() == 4 - number
    excluded[tuple(members[2])] = True
    fewer = bright_field(calibration(), (24, 26), 8, excluded)
    assert fewer.size == disc.size - 1
    assert (fewer.lookup.reshape(24, 26)[tuple(members.T)] == -1).all()


def test_at_the_rim_only_pixels_in_the_disc_count_for_what_is_left():
    disc = bright_field(calibration(), (24, 26), 8)
    y, x = np.indices((24, 26))
    lit = np.hypot(y - 10.3, x - 12.8).ravel() < 8.0
    dark_at_rim = next(
        p
        for p in np.flatnonzero(~lit & (disc.lookup >= 0))
        if lit[disc.lookup == disc.lookup[p]].any()
    )
    excluded = np.zeros(24 * 26, bool)
    excluded[dark_at_rim] = True
    kept = bright_field(calibration(), (24, 26), 8, excluded.reshape(24, 26)).kept
    np.testing.assert_allclose(kept, 1, atol=1e-8)


def test_a_disc_off_the_detector_is_refused_with_its_place():
    with pytest.raises(ValueError, match=r"Only 0 binned pixels .* around \(-50.0, 12.8\)"):
        bright_field(calibration((-50.0, 12.8)), (24, 26), 8)
    with pytest.raises(ValueError, match=r"Between 4 and 64 .* not 3"):
        bright_field(calibration(), (24, 26), 3)


@pytest.mark.parametrize("most", [1, 30, 400])
def test_planes_are_counted_alike_where_electrons_are_few_and_many(most):
    """150 positions are no whole number of lines; 400 electrons in a pixel need two bytes."""
    rng = np.random.default_rng(most)
    frames = [rng.integers(0, 64, rng.integers(0, most + 1)) for _ in range(149)]
    frames.append(np.full(most, 9))
    events = from_frames(frames, (10, 15), (8, 8))
    lookup = rng.integers(-1, 6, 64).astype(np.int32)
    expected = np.zeros((7, 150), int)
    for position, frame in enumerate(frames):
        np.add.at(expected[:, position], lookup[frame], 1)
    for first, stop in ((0, 6), (2, 5)):
        counts = plane_counts(events, lookup, first, stop)
        np.testing.assert_array_equal(counts.reshape(-1, 150), expected[first:stop])
