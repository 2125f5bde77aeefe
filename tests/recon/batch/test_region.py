"""Rows of a scan in use, of those that have come."""

import numpy as np
import pytest

from recon.batch.region import cut, rows_in_use
from recon.batch.settings import Region
from tests.support.growing_scans import random_scan


@pytest.mark.parametrize(
    ("region", "whole"),
    [
        (Region(), [1, 1, 1, 1, 1, 0, 0]),
        (Region(scan=(2, 1, 0, 0)), [1, 1, 1, 0]),
        (Region(scan_bin=2), [1, 1, 0]),
        (Region(scan=(1, 0, 0, 0), scan_bin=3), [1, 0]),
    ],
)
def test_a_row_in_use_is_whole_when_all_that_it_is_made_of_have_come(region, whole):
    came = np.arange(7) < 5
    found = rows_in_use(came, region)
    assert found.tolist() == [bool(each) for each in whole]
    events = random_scan((7, 6), None, (4, 4))
    assert cut(events, region).scan_shape[0] == found.size
