"""What is made of a scan that grows is, after its last row, what is made of the whole scan."""

from dataclasses import replace

import numpy as np
import pytest

from app.state.request import Annulus, Geometry
from recon.batch.geometry import Found
from recon.live.growth import Growth
from recon.live.scan import GrowingScan
from recon.ssb.bright_field import bright_field
from recon.ssb.build import build_g
from recon.ssb.phase import single_sideband
from recon.ssb.tables import find_tables
from recon.sums import annuli, centre_of_mass, pacbed, presets
from tests.support.growing_scans import rows_of
from tests.support.scans import ABERRATIONS, CALIBRATION, weak_events

ANNULUS = Annulus(0.2, 0.6)


@pytest.fixture(scope="module")
def events():
    return weak_events()


@pytest.fixture
def grown(events):
    """A growth, and what adds rows to its scan."""
    scan = GrowingScan(events.scan_shape, events.frame_shape)

    def add(first, last):
        scan.add(first, rows_of(events, first, last))

    return Growth(scan), add


def tables(events):
    def found(disc, pixels):
        found.asked.append(pixels)
        return find_tables(CALIBRATION, disc, events.scan_shape, False, disc_device())

    found.asked = []
    return found


def disc_device():
    from recon.device.backend import CPU  # said once

    return CPU


def test_sums_follow_the_rows(grown, events):
    growth, add = grown
    height = events.scan_shape[0]
    add(0, height // 2)
    np.testing.assert_array_equal(growth.sums().pacbed(), pacbed(rows_of(events, 0, height // 2)))
    add(height // 2, height)
    centre, radius = CALIBRATION.centre, CALIBRATION.radius
    followed = growth.detectors(centre, radius, ANNULUS)
    radii = {"annulus": (0.2 * radius, 0.6 * radius)}
    expected = presets(events, centre, radius) | annuli(events, centre, radii)
    images = followed.images()
    assert images.keys() == expected.keys()
    for name, image in expected.items():
        np.testing.assert_array_equal(images[name], image)
    assert growth.sums() is followed  # which holds the others as well
    np.testing.assert_allclose(growth.sums().centre_of_mass(), centre_of_mass(events), atol=1e-6)


def test_g_grows_in_looks_and_ends_as_that_of_the_whole(grown, events):
    growth, add = grown
    height, known = events.scan_shape[0], tables(events)
    assert growth.sidebands(CALIBRATION, 8, False, known) is None
    add(0, 5)
    first = growth.sidebands(CALIBRATION, 8, False, known)
    assert first.rows.sum() == 5
    assert growth.sidebands(CALIBRATION, 8, False, known) is first  # shared by all who look
    add(5, height)
    whole = growth.sidebands(CALIBRATION, 8, False, known)
    assert whole.rows is None
    assert known.asked == [8]
    expected = single_sideband(build_g(events, CALIBRATION, 8), ABERRATIONS)
    seen = single_sideband(whole, ABERRATIONS)
    np.testing.assert_allclose(seen, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("scanning", "counting", "fewer", "across"),
    [
        # Rows come twice as fast as they are counted.
        (0.1, 0.3, True, [8, 8, 8, 6, 6, 6, 6, 6, 6]),
        (0.1, 0.3, False, [8] * 9),
        # Counting takes long, and yet a small part of the time.
        (10.0, 0.3, True, [8] * 9),
        # It takes most of the time, and yet leaves many images a second.
        (0.01, 0.05, True, [8] * 9),
    ],
)
def test_where_rows_come_faster_than_they_are_counted_fewer_pixels_are(
    events, scanning, counting, fewer, across
):
    now, costs = [0.0], []

    def clock():
        now[0] += costs.pop() if costs else 0.0
        return now[0]

    scan = GrowingScan(events.scan_shape, events.frame_shape)
    growth, seen = Growth(scan, clock=clock, fewer=fewer), []
    for row in range(len(across)):
        now[0] += scanning
        scan.add(row, rows_of(events, row, row + 1))
        costs += counting, 0.0  # from the first time it looks at the clock to the second
        g = growth.sidebands(CALIBRATION, 8, False, tables(events))
        seen.append(g.bright_field.size)
        assert g.rows.sum() == row + 1
    sizes = {n: bright_field(CALIBRATION, events.frame_shape, n).size for n in (8, 6)}
    assert sizes[8] > sizes[6]
    assert seen == [sizes[n] for n in across]
    last = growth.coarser(CALIBRATION, 8, False)
    assert last == (None if across[-1] == 8 else across[-1])


def test_in_the_second_half_of_a_scan_all_pixels_stay(events):
    scan, half = GrowingScan(events.scan_shape, events.frame_shape), events.scan_shape[0] // 2
    growth, asked = Growth(scan, clock=iter(range(100)).__next__), (CALIBRATION, 12, False)
    scan.add(0, rows_of(events, 0, half + 1))
    for _ in range(9):
        growth._judge(asked, 12, 1, 9.0)
    assert growth.coarser(*asked) is None


def test_a_look_that_finds_few_rows_to_wait_for_starts_the_patience_anew(events):
    scan = GrowingScan(events.scan_shape, events.frame_shape)
    growth, asked = Growth(scan, clock=iter(range(100)).__next__), (CALIBRATION, 12, False)
    scan.add(0, rows_of(events, 0, 4))
    for seconds in (9.0, 9.0, 0.0, 9.0, 9.0):
        growth._judge(asked, 12, 1, seconds)
    assert growth.coarser(*asked) is None
    growth._judge(asked, 12, 1, 9.0)
    assert growth.coarser(*asked) == 8


def test_the_disc_is_looked_for_again_when_the_rows_have_doubled(grown, events):
    growth, add = grown
    asked, geometry = [], Geometry()

    def found(at, radius=5.0):
        def find():
            asked.append(at)
            return Found((at, 9.5), radius, True, "", 0.0, False, "", (), None)

        return find

    add(0, 2)
    assert growth.found(geometry, found(9.5)).centre[0] == 9.5
    add(2, 3)
    assert growth.found(geometry, found(20.0)).centre[0] == 9.5
    add(3, 4)
    # By less than 2 % of its radius: what was counted stays.
    assert growth.found(geometry, found(9.55)).centre[0] == 9.5
    add(4, 8)
    assert growth.found(geometry, found(11.0)).centre[0] == 11.0
    assert asked == [9.5, 9.55, 11.0]


def test_a_disc_that_was_not_found_is_looked_for_with_the_next_row(grown):
    growth, add = grown
    none = Found(None, None, False, "No disc.", 0.0, False, "", ("disc",), None)
    there = replace(none, centre=(9.5, 9.5), radius=5.0)
    add(0, 4)
    assert growth.found(None, lambda: none).centre is None
    add(4, 5)
    assert growth.found(None, lambda: there) is there
