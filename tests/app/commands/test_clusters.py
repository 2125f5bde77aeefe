"""What `--cluster` takes, and that a command's results are the same with it."""

import h5py
import numpy as np
import pytest

from app.cli import main
from app.commands import clusters
from recon.cluster import connection
from recon.device.backend import Memory
from recon.io import write_events
from recon.simulate.scan import truth
from recon.ssb import build
from tests.support.scans import ABERRATIONS, CALIBRATION, weak_events


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.npz"
    write_events(path, weak_events(metadata=truth(CALIBRATION, ABERRATIONS)))
    return path


def test_what_is_no_cluster_is_refused_in_a_sentence(scan, tmp_path, capsys):
    assert main(["reconstruct", str(scan), "-o", str(tmp_path / "o.h5"), "--cluster", "lcal"]) == 2
    assert "local, local:N" in " ".join(capsys.readouterr().err.split())


def test_a_scheduler_that_does_not_answer_is_said(scan, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(connection, "CONNECTING_S", 1.0)
    where = ["--cluster", "tcp://127.0.0.1:9"]
    assert main(["reconstruct", str(scan), "-o", str(tmp_path / "o.h5"), *where]) == 2
    assert "tcp://127.0.0.1:9 does not answer" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "o.h5").exists()


def test_a_reconstruction_is_the_same_on_a_cluster(scan, tmp_path, monkeypatch):
    made = connection.Cluster
    threads = lambda address, device: made(address, processes=False, device=device)  # noqa: E731
    monkeypatch.setattr(connection, "Cluster", threads)
    outputs = [tmp_path / "one.h5", tmp_path / "cluster.h5"]
    asked = ["--device", "cpu", "--parallax", "--obf", "--aberration", "C10=-80"]
    for output, more in zip(outputs, ([], ["--cluster", "local:2"]), strict=True):
        assert main(["reconstruct", str(scan), "-o", str(output), *asked, *more]) == 0
    with h5py.File(outputs[0]) as one, h5py.File(outputs[1]) as other:
        names = []
        one.visititems(lambda name, item: names.append(name))
        for name in names:
            if isinstance(one[name], h5py.Dataset) and one[name].dtype.kind in "fciu":
                expected = one[name][()]
                close = 2e-6 * abs(np.asarray(expected)).max()
                np.testing.assert_allclose(other[name][()], expected, atol=close, err_msg=name)
        assert '"used": "cluster"' in other.attrs["parameters"]


@pytest.mark.parametrize(("size", "used"), [(10_000, "cluster"), (10**12, "cpu")])
def test_what_this_machine_does_not_hold_takes_the_cluster_that_dask_knows(
    scan, tmp_path, monkeypatch, size, used
):
    made = connection.Cluster
    threads = lambda address, device: made("local:2", processes=False, device=device)  # noqa: E731
    monkeypatch.setattr(connection, "Cluster", threads)
    monkeypatch.setattr(build, "memory", lambda device: Memory(size, size, 0))
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://head:8786")
    output = tmp_path / "o.h5"
    assert main(["reconstruct", str(scan), "-o", str(output), "--device", "cpu"]) == 0
    with h5py.File(output) as file:
        assert f'"used": "{used}"' in file.attrs["parameters"]


def test_scans_of_a_batch_that_this_machine_does_not_hold_share_that_cluster(
    scan, tmp_path, monkeypatch
):
    made, opened = connection.Cluster, []

    def threads(address, device):
        opened.append(made("local:2", processes=False, device=device))
        return opened[-1]

    monkeypatch.setattr(connection, "Cluster", threads)
    monkeypatch.setattr(build, "memory", lambda device: Memory(10_000, 10_000, 0))
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://head:8786")
    scan.with_name("another.npz").write_bytes(scan.read_bytes())
    where = ["-o", str(tmp_path / "out"), "--device", "cpu"]
    assert main(["batch", str(scan), str(scan.with_name("another.npz")), *where]) == 0
    for name in ("scan", "another"):
        with h5py.File(tmp_path / f"out/{name}.h5") as file:
            assert '"used": "cluster"' in file.attrs["parameters"]
    assert [each.address for each in opened] == ["local:2"]
    opened[0].close()


def test_an_address_of_dask_that_is_none_is_said(scan, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "head")
    assert main(["reconstruct", str(scan), "-o", str(tmp_path / "o.h5")]) == 2
    assert "DASK_SCHEDULER_ADDRESS: A cluster is" in " ".join(capsys.readouterr().err.split())


def test_without_an_address_there_is_no_cluster():
    with clusters.cluster_at(None) as found:
        assert found is None
