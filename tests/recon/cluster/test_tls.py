"""A scheduler that speaks TLS: the same results, and a sentence where certificates do not do."""

import dask
import numpy as np
import pytest
from distributed import LocalCluster
from distributed.security import Security

from recon.cluster import connection
from recon.cluster.connection import Cluster
from recon.cluster.failure import ClusterError
from recon.cluster.slabs import build_slabs
from recon.optics import Aberrations
from recon.ssb.build import build_g
from recon.ssb.phase import single_sideband
from tests.support.certificates import certificates
from tests.support.clusters import CALIBRATION, random_events, sent


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def scheduler(files):
    """The address of a scheduler with two workers that take nothing but TLS."""
    with dask.config.set(files):
        security = Security(require_encryption=True)
    how = {"processes": False, "protocol": "tls", "host": "127.0.0.1", "threads_per_worker": 1}
    with LocalCluster(
        n_workers=2, security=security, dashboard_address="127.0.0.1:0", **how
    ) as local:
        yield local.scheduler_address


def test_results_are_the_same_over_tls(scheduler, files):
    scan, aberrations = random_events((13, 16)), Aberrations(C10=-80)
    assert scheduler.startswith("tls://")
    with dask.config.set(files), Cluster(scheduler, device="cpu") as cluster:
        slabs = build_slabs(sent(cluster, scan), CALIBRATION, 12)
        image = single_sideband(slabs, aberrations)
    expected = single_sideband(build_g(scan, CALIBRATION, 12), aberrations)
    np.testing.assert_allclose(image, expected, atol=1e-6 * abs(expected).max())


def test_without_a_certificate_it_is_said_where_to_name_one(scheduler):
    with pytest.raises(ClusterError, match=r"none are named.*distributed\.comm\.tls"):
        Cluster(scheduler)


def test_a_certificate_that_is_not_there_is_said(scheduler, files):
    missing = dict.fromkeys(files, "/nowhere/node.pem")
    with dask.config.set(missing), pytest.raises(ClusterError, match=r"No such file.*comm\.tls"):
        Cluster(scheduler)


def test_a_certificate_of_another_authority_is_refused_in_a_sentence(
    scheduler, tmp_path, monkeypatch
):
    monkeypatch.setattr(connection, "CONNECTING_S", 3.0)
    with (
        dask.config.set(certificates(tmp_path)),
        pytest.raises(ClusterError, match=r"certificate.*distributed\.comm\.tls") as refusal,
    ):
        Cluster(scheduler)
    assert "\n" not in str(refusal.value)


def test_who_does_not_speak_tls_gets_no_answer(scheduler, monkeypatch):
    monkeypatch.setattr(connection, "CONNECTING_S", 3.0)
    with pytest.raises(ClusterError, match=r"does not answer: check"):
        Cluster(scheduler.replace("tls://", "tcp://"))
