"""What a cluster says of its workers."""

from recon.cluster.connection import ClusterState
from tests.support.clusters import threads


def test_the_line_says_how_many_and_how_full():
    assert ClusterState(4, 3, 61 * 10**9, 380 * 10**9).line == "4 workers, 3 GPUs, 61 of 380 GB"
    assert ClusterState(1, 0, 10**9, 8 * 10**9).line == "1 worker, 1.0 of 8.0 GB"


def test_workers_come_in_a_lasting_order_and_tell_their_memory():
    with threads(3) as cluster:
        first, second = cluster.alive(), cluster.alive()
        assert list(first) == list(second) == sorted(first)
        assert len(first) == 3
        assert all(worker.total > 0 and not worker.gpu for worker in first.values())
        assert cluster.state().workers == 3
        assert cluster.run(abs, -3) == dict.fromkeys(first, 3)
