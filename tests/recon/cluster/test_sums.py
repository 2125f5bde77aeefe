"""Sums by workers are the sums, to the last electron."""

import numpy as np
import pytest

from recon import sums
from recon.cluster import sums as by_workers
from recon.cluster.parallax import tilt_corrected
from recon.cluster.slabs import on_cluster
from recon.cluster.sources import file_rows
from recon.device.backend import CPU
from recon.io import write_events
from recon.optics import Aberrations
from recon.ssb.build import tilt_corrected as on_one_machine
from tests.support.clusters import CALIBRATION, random_events, random_frames, sent, threads

RADII = {"ring": (2.0, 5.0), "all": (0.0, np.inf)}


@pytest.fixture(scope="module")
def cluster():
    with threads(4) as cluster:
        yield cluster


@pytest.mark.parametrize("make", [random_events, random_frames])
@pytest.mark.parametrize("shape", [(13, 10), (3, 8)], ids=["uneven", "fewer rows than workers"])
def test_sums_are_those_of_one_machine(cluster, make, shape):
    scan = make(shape)
    there = sent(cluster, scan)
    for name, arguments in (("pacbed", ()), ("centre_of_mass", ()), ("intensity", ())):
        found = getattr(by_workers, name)(there, *arguments)
        np.testing.assert_array_equal(found, getattr(sums, name)(scan, *arguments))
    expected = sums.annuli(scan, (8, 7), RADII)
    for name, image in by_workers.annuli(there, (8, 7), RADII).items():
        np.testing.assert_array_equal(image, expected[name])
    assert set(by_workers.presets(there, (8, 7), 5.0)) == set(sums.presets(scan, (8, 7), 5.0))
    assert len(there.rows) == min(4, shape[0])


def test_workers_read_their_rows_from_the_file(cluster, tmp_path):
    scan, path = random_events((9, 6)), tmp_path / "scan.npz"
    write_events(path, scan)
    there = on_cluster(cluster, scan, file_rows(path))
    np.testing.assert_array_equal(by_workers.pacbed(there), sums.pacbed(scan))


def test_a_file_that_a_worker_does_not_see_is_said_with_a_way_out(cluster, tmp_path):
    scan, path = random_events((9, 6)), tmp_path / "scan.npz"
    write_events(path, scan)
    source = file_rows(path)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(RuntimeError, match=r"sees another .*scan\.npz .* bytes, not \d+\): put"):
        by_workers.pacbed(on_cluster(cluster, scan, source))
    path.unlink()
    with pytest.raises(RuntimeError, match=r"cannot see .*scan\.npz .*put the file where all"):
        by_workers.pacbed(on_cluster(cluster, scan, source))


@pytest.mark.parametrize("make", [random_events, random_frames])
@pytest.mark.parametrize("upsample", [1, 2])
def test_parallax_is_that_of_one_machine(cluster, make, upsample):
    scan, defocused = make((14, 12)), Aberrations(C10=400, C12a=30)
    how = CALIBRATION, defocused, 12
    expected = on_one_machine(scan, *how, CPU, upsample=upsample)
    found = tilt_corrected(sent(cluster, scan), *how, upsample=upsample)
    np.testing.assert_allclose(found.image, expected.image, atol=2e-6)
    assert (found.sampling, found.leakage) == (expected.sampling, pytest.approx(expected.leakage))
