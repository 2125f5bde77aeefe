"""G of scans that this machine does not hold lies on a cluster, where there is one."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.state.request import Geometry, Reading, Region
from recon.cluster.slabs import Slabs
from recon.device.backend import Memory
from recon.io import write_events
from recon.ssb import build
from recon.ssb.sidebands import Sidebands
from tests.support.clusters import threads
from tests.support.scans import ABERRATIONS, CALIBRATION, weak_events

GEOMETRY = Geometry(
    energy=CALIBRATION.energy,
    semiangle_cutoff=CALIBRATION.semiangle_cutoff,
    scan_sampling=CALIBRATION.scan_sampling,
    rotation_deg=CALIBRATION.rotation_deg,
)


@pytest.fixture(scope="module")
def cluster():
    with threads(2) as cluster:
        yield cluster


@pytest.fixture
def asked():
    """How often a cluster was wanted."""
    return []


@pytest.fixture
def engine(tmp_path, cluster, asked):
    write_events(tmp_path / "scan.npz", weak_events())
    engine = Engine(Catalogue(tmp_path), beyond=lambda: asked.append(1) or cluster)
    yield engine
    engine.store.close()


def holding(monkeypatch, size):
    """Have this machine's memory be of so many bytes."""
    monkeypatch.setattr(build, "memory", lambda device: Memory(size, size, 0))


def made(engine, pixels):
    scan = engine.scan(Reading("scan.npz"), Region())
    calibration = engine.find(scan, GEOMETRY).calibration
    wanted = scan, calibration, pixels
    return scan, engine.plan(*wanted).peak, engine.announcement(*wanted), engine.sidebands(*wanted)


def test_what_fits_stays_and_what_does_not_takes_the_cluster(engine, asked, monkeypatch):
    _, peak, said, here = made(engine, 10)
    assert isinstance(here, Sidebands)
    assert said.endswith("on the CPU")
    holding(monkeypatch, int(peak / build.LARGEST) + 2)
    assert isinstance(made(engine, 10)[-1], Sidebands)
    assert asked == []
    # Events can be streamed past a device: what counts is G with its work.
    holding(monkeypatch, int(0.5 * here.nbytes))
    scan, _, said, there = made(engine, 10)
    assert isinstance(there, Slabs)
    assert said == "G on 2 workers"
    made(engine, 12)
    assert asked == [1]
    expected = engine.phase(here, ABERRATIONS, "exact", "both")
    found = engine.phase(there, ABERRATIONS, "exact", "both")
    np.testing.assert_allclose(found, expected, atol=1e-6 * abs(expected).max())
    assert engine.holds_g(scan.key, there.calibration, 10, False)


class Prepared(SimpleNamespace):
    """What a session has prepared."""

    __hash__ = object.__hash__


def test_the_status_line_is_that_of_what_holds_g(engine, monkeypatch):
    scan, *_, here = made(engine, 10)
    assert "CPU" in engine.gauge.state(Prepared(scan=scan, sidebands=here)).name
    holding(monkeypatch, 1000)
    scan, *_, there = made(engine, 12)
    state = engine.gauge.state(Prepared(scan=scan, sidebands=there))
    assert state.name == "2 workers"
    assert state.line == there.cluster.state().line.partition("workers, ")[2]
    assert state.details[1].startswith("G in 2 parts: ")
