"""Thirty scans in a loop: neither who receives nor the page that follows grows."""

import sys

import pytest

from tests.studies import soak_live

SCANS = 30
SCAN_MB = 20.0
"""Of one scan's electrons: what would be added each time, if it were held."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_receiver_grows_by_no_scan(tmp_path):
    first, last = soak_live.growth(soak_live.receiver(SCANS, tmp_path))
    assert last < first + 2 * SCAN_MB


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_server_and_its_page_grow_by_no_scan(tmp_path, chromium):
    found = soak_live.page(SCANS, tmp_path, chromium)
    first, last = soak_live.growth([each["server"] for each in found])
    assert last < first + 4 * SCAN_MB
    for name, most in (("heap", 1.15), ("nodes", 1.05), ("listeners", 1.05)):
        first, last = soak_live.growth([each[name] for each in found])
        assert last < most * first, name
