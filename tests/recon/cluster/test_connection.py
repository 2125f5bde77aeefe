"""Which workers a cluster has."""

from recon.cluster import on_worker
from tests.support.clusters import threads


def test_workers_come_in_a_lasting_order_and_tell_their_memory():
    with threads(3) as cluster:
        first, second = cluster.alive(), cluster.alive()
        assert list(first) == list(second) == sorted(first)
        assert len(first) == 3
        assert all(worker.total > 0 and not worker.gpu for worker in first.values())
        assert cluster.state().workers == 3
        assert cluster.run(abs, -3) == dict.fromkeys(first, 3)


def test_of_a_worker_with_a_gpu_the_gpus_memory_counts(monkeypatch):
    settle = on_worker.settle
    monkeypatch.setattr(on_worker, "settle", lambda *told: (True, settle(*told)[1]))
    monkeypatch.setattr(on_worker, "filled", lambda device: (30 * 10**9, 140 * 10**9))
    with threads(2) as cluster:
        assert {worker.free for worker in cluster.alive().values()} == {110 * 10**9}
        assert cluster.state().line == "2 workers, 2 GPUs, 60 of 280 GB"


def test_a_device_that_is_no_gpu_tells_how_full_the_machine_is():
    used, total = on_worker.filled("cpu")
    assert 0 < used < total
