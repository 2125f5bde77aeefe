"""Workers and schedulers that go while someone works: said, made again, and nothing else lost."""

import os
import signal
from contextlib import suppress

import numpy as np
import pytest

from recon.cluster import connection, on_worker
from recon.cluster.connection import Cluster
from recon.cluster.failure import ClusterError, ClusterFull
from recon.cluster.slabs import build_slabs, on_cluster
from recon.cluster.sources import file_rows
from recon.io import write_events
from recon.optics import Aberrations
from recon.ssb.build import build_g
from recon.ssb.phase import single_sideband
from tests.support.clusters import CALIBRATION, left_there, random_events, sent, threads
from tests.support.waiting import wait_until

ABERRATIONS = Aberrations(C10=-80, C12a=20)


@pytest.mark.slow
def test_a_worker_killed_in_a_drag_costs_its_part_alone(tmp_path):
    scan, path = random_events((21, 18)), tmp_path / "scan.npz"
    write_events(path, scan)
    whole = build_g(scan, CALIBRATION, 12)
    with Cluster("local:2", device="cpu") as cluster:
        slabs = build_slabs(on_cluster(cluster, scan, file_rows(path)), CALIBRATION, 12)
        processes, kept = cluster.run(os.getpid), slabs.placed[0]
        drag = [Aberrations(C10=-float(step)) for step in range(0, 60, 10)]
        for number, aberrations in enumerate(drag):
            if number == 2:
                os.kill(processes[slabs.placed[1].address], signal.SIGKILL)
            image = single_sideband(slabs, aberrations)
            expected = single_sideband(whole, aberrations)
            np.testing.assert_allclose(image, expected, atol=1e-6 * abs(expected).max())
        assert slabs.placed[0] is kept
        (notice,) = slabs.take_notices()
        assert notice.startswith("1 of 2 parts of G was lost with its worker, and")
        assert slabs.take_notices() == []


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_sessions_leave_nothing_on_the_workers(processes):
    scan, before = random_events((9, 8)), left_there()[0]
    with Cluster("local:2", device="cpu", processes=processes) as cluster:
        before = 0 if processes else before
        for number in range(4):
            slabs = build_slabs(sent(cluster, scan), CALIBRATION, 12)
            single_sideband(slabs, ABERRATIONS, ("draft", "exact")[number % 2])
            assert all(actors >= before + 2 for actors, _ in cluster.run(left_there).values())
            del slabs
        # One that is stopped while it is made leaves nothing either.
        with pytest.raises(Stopped):
            build_slabs(sent(cluster, scan), CALIBRATION, 12, progress=stopping)
        wait_until(lambda: {actors for actors, _ in cluster.run(left_there).values()} == {before})


class Stopped(Exception):
    """Somebody has stopped it."""


def stopping(fraction):
    if fraction > 0.3:
        raise Stopped


def test_without_a_scheduler_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(connection, "CONNECTING_S", 0.5)
    with pytest.raises(ClusterError, match=r"at tcp://127\.0\.0\.1:9 does not answer: check"):
        Cluster("tcp://127.0.0.1:9")


def test_a_scheduler_that_goes_is_said_and_the_next_change_connects_again():
    scan = random_events((9, 8))
    with threads(2) as cluster:
        slabs = build_slabs(sent(cluster, scan), CALIBRATION, 12)
        before = single_sideband(slabs, ABERRATIONS)
        with suppress(Exception):
            cluster._local.close(timeout=30)
        cluster.client.close()
        # A cluster of this machine is made anew; an address is asked again.
        np.testing.assert_array_equal(single_sideband(slabs, ABERRATIONS), before)
        assert "made again" in slabs.take_notices()[0]


def test_versions_that_differ_are_named(monkeypatch):
    versions = on_worker.versions
    told = iter([versions() | {"numpy": "9.9.9"}])
    monkeypatch.setattr(on_worker, "versions", lambda: next(told, None) or versions())
    said = r"The worker at \S+ has numpy \S+, this machine 9\.9\.9"
    with pytest.raises(ClusterError, match=said), threads(1):
        pass


def test_too_little_memory_is_refused_before_any_is_taken(monkeypatch):
    scan = random_events((9, 8))
    with threads(2) as cluster:
        alive = cluster.alive

        def nearly_full():
            from dataclasses import replace

            return {name: replace(w, used=w.total - 1000) for name, w in alive().items()}

        monkeypatch.setattr(cluster, "alive", nearly_full)
        with pytest.raises(ClusterFull, match=r"needs .* on each of 2 workers .* 1 kB is free"):
            build_slabs(sent(cluster, scan), CALIBRATION, 12)
