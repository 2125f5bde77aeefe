"""A client that found no scheduler leaves nothing behind."""

import gc
from threading import enumerate as threads

import pytest
from distributed import Client, LocalCluster

from recon.cluster import connection
from recon.cluster.client import ClosedClient
from recon.cluster.connection import Cluster
from recon.cluster.failure import ClusterError


def left():
    """Clients that wait to be closed, and threads of Dask's and of ours."""
    open_ones = [each for each in gc.get_objects() if isinstance(each, Client)]
    loops = [thread.name for thread in threads() if thread.name in ("IO loop", "livestem-cluster")]
    return {id(each) for each in open_ones if each.status != "closed"}, len(loops)


# Dask has no certificates for the second, which it says before it looks for a scheduler.
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "tls://127.0.0.1:9"])
def test_a_refused_client_is_closed_and_its_event_loop_has_ended(address, monkeypatch):
    """Else the garbage collector closes it, and waits for ever beside one that is being made."""
    monkeypatch.setattr(connection, "CONNECTING_S", 0.5)
    before = left()
    with pytest.raises(ClusterError) as refusal:
        Cluster(address)
    assert left() == before
    assert refusal  # with what it holds: nothing of it had been collected


def test_a_client_that_cannot_even_be_made_ends_its_event_loop():
    before = left()[1]
    with pytest.raises(TypeError, match="security"):
        ClosedClient("tcp://127.0.0.1:9", security=3)
    assert left()[1] == before


def test_a_client_ends_its_event_loop_and_leaves_that_of_a_cluster_to_it():
    made = {"n_workers": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**made) as local:
        before = left()[1]
        afar = ClosedClient(local.scheduler_address, set_as_default=False)
        assert left()[1] == before + 1
        assert afar.submit(abs, -3).result() == 3
        afar.close()
        afar.close()
        assert left()[1] == before
        with ClosedClient(local, set_as_default=False) as near:
            assert near.submit(abs, -4).result() == 4
            assert left()[1] == before
        assert local.loop.asyncio_loop.is_running()


@pytest.mark.parametrize(
    "error", [RuntimeError("Cluster failed to start: no memory"), OSError("no memory")]
)
def test_workers_of_this_machine_that_do_not_start_are_said_to_be_these(error, monkeypatch):
    def fails(**_):
        raise error

    monkeypatch.setattr("distributed.LocalCluster", fails)
    with pytest.raises(ClusterError, match=r"not be started on this machine.*no memory.*local:1"):
        Cluster("local")
