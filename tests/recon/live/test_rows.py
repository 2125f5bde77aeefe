"""Which rows have come, and which of them are final."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.calibration import Calibration
from recon.live.rows import ScanRows, final_rows, reach_in_rows
from recon.optics import Aberrations
from recon.scan.events import from_frames


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(0, 25))
def test_a_row_is_final_when_all_rows_near_it_have_come(came, reach):
    rows = ScanRows((len(came), 2), (3, 3))
    rows.scanned[:] = came
    expected = [
        all(came[(row + step) % len(came)] for step in range(-reach, reach + 1))
        for row in range(len(came))
    ]
    np.testing.assert_array_equal(final_rows(rows.scanned, reach), expected)
    assert rows.complete == all(came)
    assert rows.share == pytest.approx(sum(came) / len(came))


def test_rows_have_come_once_they_are_taken():
    rows, block = ScanRows((5, 2), (3, 3)), from_frames([[0]] * 4, (2, 2), (3, 3))
    assert rows.place(1, block) == rows.place(1, block) == slice(1, 3)
    assert not rows.scanned.any()
    rows.came(slice(1, 3))
    np.testing.assert_array_equal(rows.scanned, [False, True, True, False, False])
    with pytest.raises(ValueError, match="Row 2 has come before"):
        rows.place(2, block)
    rows.came(4)
    assert rows.share == pytest.approx(0.6)


def test_the_reach_is_the_probes():
    calibration = Calibration(80e3, 25.0, (0.5, 0.1), (8.3, 7.6), 6.0, 15.0)
    # λ / α = 1.67 Å.
    assert reach_in_rows(Aberrations(), calibration) == 7
    # A defocus of 100 Å sends the rim's rays 100 Å × 25 mrad = 2.5 Å away.
    assert reach_in_rows(Aberrations(C10=100.0), calibration) == 12
    assert reach_in_rows(Aberrations(C10=-100.0), calibration) == 12
