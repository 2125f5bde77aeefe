"""What a cluster says of its workers."""

from recon.cluster.state import ClusterState, Worker


def test_the_line_says_how_many_and_how_full():
    assert ClusterState(4, 3, 61 * 10**9, 380 * 10**9).line == "4 workers, 3 GPUs, 61 of 380 GB"
    assert ClusterState(1, 0, 10**9, 8 * 10**9).line == "1 worker, 1.0 of 8.0 GB"


def test_a_worker_that_is_fuller_than_it_may_be_takes_nothing_more():
    assert Worker("a", False, 3 * 10**9, 8 * 10**9).free == 5 * 10**9
    assert Worker("a", False, 9 * 10**9, 8 * 10**9).free == 0
