"""Segments hold every entry of G once."""

import numpy as np
import pytest

from recon.kernels.cpu.simd import LANES
from recon.live.segments import segments_of
from recon.ssb.tables import scan_tables
from tests.support.g_of_events import CALIBRATION, events_in_disc


@pytest.mark.parametrize("full", [False, True])
def test_every_entry_lies_in_one_segment_with_its_plane_row_and_column(full):
    events = events_in_disc((13, 22))
    tables = scan_tables(events, CALIBRATION, 12, full)
    planes = int(tables.runs[:, 0].max()) + 1
    expected, at = {}, LANES
    for row in range(13):
        for plane, column, length, _ in tables.runs[slice(*tables.first[0, row : row + 2])]:
            for step in range(int(length)):
                expected[at] = int(plane), row, int(column) + step
                at += 1
    segments, column = segments_of(tables, planes)
    found = {}
    for plane in range(planes):
        for number in range(segments.ends[plane], segments.ends[plane + 1]):
            own, row, first, length = map(int, segments.table[number])
            assert own == plane
            for step in range(length):
                assert segments.places[number] + step not in found
                found[int(segments.places[number]) + step] = plane, row, first + step
    assert found == expected
    assert len(segments.table) < len(tables.runs)
    zero = {at: place[:2] for at, place in expected.items() if place[2] == 0}
    assert (
        dict(zip(column.places.tolist(), zip(column.plane, column.row, strict=True), strict=True))
        == zero
    )
    assert np.all(segments.ends[1:] >= segments.ends[:-1])
