"""What `--cluster` takes, and that a command's results are the same with it."""

import h5py
import numpy as np
import pytest

from app.cli import main
from app.commands import clusters
from recon.cluster import connection
from recon.io import write_events
from recon.simulate.scan import truth
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


def test_without_an_address_there_is_no_cluster():
    with clusters.cluster_at(None) as found:
        assert found is None
