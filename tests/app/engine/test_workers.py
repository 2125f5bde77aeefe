"""The engine on a cluster: the same results, shared while someone looks, and then let go."""

import gc
from time import monotonic, sleep

import numpy as np
import pytest

from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.state.request import Annulus, Geometry, Reading, Region, TileChoice, Treatment
from recon.cluster import held
from recon.io import write_events
from recon.simulate.scan import truth
from tests.support.clusters import threads
from tests.support.scans import ABERRATIONS, CALIBRATION, weak_events
from tests.support.waiting import PATIENCE_S

GEOMETRY = Geometry(
    energy=CALIBRATION.energy,
    semiangle_cutoff=CALIBRATION.semiangle_cutoff,
    scan_sampling=CALIBRATION.scan_sampling,
    rotation_deg=CALIBRATION.rotation_deg,
)
READING = Reading("scan.npz")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_events(folder / "scan.npz", weak_events(metadata=truth(CALIBRATION, ABERRATIONS)))
    return folder


@pytest.fixture(scope="module")
def cluster():
    with threads(2) as cluster:
        yield cluster


@pytest.fixture
def engines(folder, cluster):
    """On a cluster, and in this process."""
    both = [Engine(Catalogue(folder), cluster=each) for each in (cluster, None)]
    yield both
    for engine in both:
        engine.store.close()


def made(engine, treatment):
    """All that a page shows of the scan."""
    scan = engine.scan(READING, Region(), treatment)
    found = engine.find(scan, GEOMETRY)
    g = engine.sidebands(scan, found.calibration, 10, full=True)
    frequencies = engine.frequencies(g, TileChoice())
    return {
        "pacbed": engine.pacbed(scan),
        "com": engine.com(scan),
        **engine.virtual(scan, found, Annulus(0.3, 1.2)),
        "exact": engine.phase(g, ABERRATIONS, "exact", "both", 0.9),
        "draft": engine.phase(g, ABERRATIONS, "draft", "full", 0.9),
        "object": engine.transmission(g, ABERRATIONS, "exact", "both", 0.9),
        "even": engine.optimum_bright_field(g, ABERRATIONS, "both", 0.9),
        "tiles": engine.tiles(g, ABERRATIONS, frequencies),
        "spectrum": engine.spectrum(g),
    }


@pytest.mark.parametrize("dose", [1.0, 0.5])
def test_results_are_those_of_one_process(engines, dose):
    found, expected = (made(each, Treatment(dose_share=dose)) for each in engines)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, atol=1e-6 * abs(array).max(), err_msg=name)


def test_sessions_share_a_g_and_the_last_one_frees_the_workers(engines):
    engine, _ = engines
    # Threads that were workers of a scheduler that went stay in this process, with what they held.
    before = set(held._held)
    scan = engine.scan(READING, Region())
    calibration = engine.find(scan, GEOMETRY).calibration
    g = engine.sidebands(scan, calibration, 10)
    assert engine.sidebands(engine.scan(READING, Region()), calibration, 10) is g
    assert engine.holds_g(scan.key, calibration, 10, False)
    assert engine.gauge.state().name == "2 workers"
    assert "GB" in engine.gauge.state().line
    assert len(set(held._held) - before) == 4
    key = scan.key
    del g, scan
    end = monotonic() + PATIENCE_S
    while set(held._held) - before and monotonic() < end:
        gc.collect()
        sleep(0.05)
    assert set(held._held) <= before
    assert not engine.holds_g(key, calibration, 10, False)
