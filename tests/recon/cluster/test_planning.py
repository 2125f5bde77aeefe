"""What a G takes on workers is known before, and what does not fit is refused with numbers."""

from dataclasses import replace

import pytest

from recon.cluster.connection import Cluster
from recon.cluster.failure import ClusterFull
from recon.cluster.held import extent
from recon.cluster.planning import batch_of, plan, reach, require
from recon.cluster.speed import run
from recon.cluster.state import Worker
from recon.device.backend import CPU
from recon.ssb.bright_field import bright_field
from recon.ssb.tables import count_entries, find_tables
from tests.support.clusters import CALIBRATION, DETECTOR

DISC = bright_field(CALIBRATION, DETECTOR, 12)
SCAN = (120, 96)


def planned(workers, scan=SCAN, nbytes=0):
    return plan(CALIBRATION, DISC, scan, False, workers, nbytes)


def test_each_worker_holds_its_share_of_g_and_of_the_scan():
    exact = count_entries(CALIBRATION, DISC, SCAN).nbytes()
    one, four = planned(1, nbytes=4000), planned(4, nbytes=4000)
    assert one.g == pytest.approx(exact, rel=0.1)
    assert (four.g, four.rows) == (pytest.approx(one.g / 4, rel=0.01), 1000)
    assert four.peak < one.peak


def test_a_batch_is_a_plane_at_least_and_every_worker_has_several():
    assert batch_of((2048, 2048), 254, 2) == 7
    assert batch_of((8192, 8192), 254, 2) == 1
    # A sixty-fourth of 140 GB holds eight half planes of 268 MB.
    assert batch_of((8192, 8192), 254, 2, 140 * 10**9) == 8
    assert batch_of((64, 64), 100, 5) == 5
    assert batch_of((64, 64), 3, 40) == 1


@pytest.mark.parametrize("step", [0.05, 0.2, 0.37, 3.0])
def test_columns_reach_as_far_as_two_discs_overlap(step):
    calibration = replace(CALIBRATION, scan_sampling=(0.41, step))
    tables = find_tables(calibration, DISC, SCAN, True, CPU)
    found, expected = extent(tables)[1], reach(calibration, SCAN[1])
    # Pixels have a size: the last columns' overlap may be less than one.
    assert expected - 2 <= found <= expected


@pytest.mark.slow
def test_a_worker_takes_as_much_as_planned():
    with Cluster("local:2", device="cpu") as cluster:
        peak = run(cluster, (1024, 1024), 18, 20.0)["peak_bytes"]
    assert peak["measured"] == pytest.approx(peak["planned"], rel=0.1)


def test_what_does_not_fit_is_refused_with_numbers_and_ways_out():
    wanted = planned(2)
    good = Worker("a", False, 0, wanted.peak)
    full = Worker("b", False, wanted.peak // 4, wanted.peak)
    require(wanted, [good, good], SCAN, 12)
    with pytest.raises(ClusterFull) as refusal:
        require(wanted, [good, full], SCAN, 12)
    sentence = str(refusal.value)
    assert "120 × 96 positions at 12 pixels across" in sentence
    assert "on each of 2 workers" in sentence
    assert "1 of them has less" in sentence
    assert "fewer pixels across the disc" in sentence


def test_a_worker_that_does_not_say_how_large_it_is_is_not_refused():
    require(planned(2), [Worker("a", False, 10, 0)] * 2, SCAN, 12)
