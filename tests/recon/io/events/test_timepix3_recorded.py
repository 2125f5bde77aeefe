"""Recordings of real Timepix3 cameras, packet by packet."""

import numpy as np
import pytest

from tests.support import timepix_files as files
from tests.support.timepix_files import found, one_position


class TestRealRecordings:
    """Of tpx3awkward (BSD-3): hits of four chips, without a scan."""

    @pytest.fixture(params=["raw_test_data_21.tpx3", "raw_test_data_serval_4_3_0.tpx3"])
    def recording(self, request, shared_data):
        path = shared_data / "formats" / request.param
        if not path.is_file():
            pytest.skip(f"no {request.param}")
        return path

    def test_hits_are_those_of_the_packets(self, recording):
        words = np.fromfile(recording, "<u8")
        chip, expected = 0, []
        for word in words.tolist():
            if word & 0xFFFFFFFF == 0x33585054:
                chip = word >> 32 & 0xFF
            elif word >> 60 == 0xB:
                expected.append((chip, word >> 44 & 0xFFFF, word >> 20 & 0x3FF))
        events = one_position(recording, cluster_window_ns=0)
        assert events.frame_shape == (512, 512)
        assert sorted(events.pixels.tolist()) == sorted(pixel_of(c, a) for c, a, _ in expected)

    def test_times_run_on(self, recording):
        times, _, _ = found(recording, 0)
        assert (np.diff(times) >= 0).all()
        assert times[-1] - times[0] < 3 / files.UNIT

    def test_clusters_are_those_found_by_force(self, recording):
        times, pixels, _ = found(recording, 0)
        y, x = np.divmod(pixels, 512)
        hits = [(int(t), int(b), int(a), 1) for t, a, b in zip(times, y, x, strict=True)]
        assert len(found(recording)[0]) == len(files.clusters(hits, 64)) < len(hits)


def pixel_of(chip, address):
    """Linear index on 512 × 512 by the columns and rows that tpx3awkward documents."""
    column = (address >> 9) * 2 + (address >> 2 & 1)
    row = (address >> 3 & 63) * 4 + (address & 3)
    x, y = {
        0: (column + 256, row),
        1: (511 - column, 511 - row),
        2: (255 - column, 511 - row),
        3: (column, row),
    }[chip]
    return 512 * y + x
