"""Which workers a cluster has."""

from tests.support.clusters import threads


def test_workers_come_in_a_lasting_order_and_tell_their_memory():
    with threads(3) as cluster:
        first, second = cluster.alive(), cluster.alive()
        assert list(first) == list(second) == sorted(first)
        assert len(first) == 3
        assert all(worker.total > 0 and not worker.gpu for worker in first.values())
        assert cluster.state().workers == 3
        assert cluster.run(abs, -3) == dict.fromkeys(first, 3)
