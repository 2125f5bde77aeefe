"""From electrons to phase, on the CPU and on a device: the same numbers.

Without a GPU, the device is a stand-in for CuPy's arrays and memory, with the CPU's kernels; where
there is a GPU, both. The CUDA kernels have their turn in test_chain_cuda.py.
"""

import gc
from dataclasses import MISSING, fields, replace

import numpy as np
import pytest

import recon.kernels.cuda
from recon.calibration import Calibration
from recon.device import backend, residence
from recon.dpc.integrate import integrate_com, integrate_com_direct
from recon.geometry.disc import fit_disc
from recon.optics import Aberrations
from recon.orientation.by_curl import find_orientation
from recon.ssb.gfunction import build_sidebands
from recon.ssb.optimum import optimum_bright_field
from recon.ssb.parallax import tilt_corrected
from recon.ssb.phase import MODES, object_transmission, single_sideband
from recon.ssb.prior import Prior
from recon.ssb.tiles import gfunction_tiles, power_spectrum
from recon.sums.com import centre_of_mass
from recon.sums.detectors import pacbed
from recon.treatment import crop as cropping
from tests.support import scans
from tests.support.device_chain import assert_agree, chain, on_device
from tests.support.fake_gpu import fake_gpu

SMALL = {"frequencies", "tiles", "spectrum"}
"""Results that may be on the host: people look at them at once."""


@pytest.fixture
def fake(monkeypatch):
    return fake_gpu("cpu", monkeypatch)


@pytest.fixture(params=["stand-in", "gpu"])
def device(request):
    """Each device there is besides the CPU."""
    if request.param == "stand-in":
        return request.getfixturevalue("fake").device
    if reason := backend.why_not_gpu():
        pytest.skip(reason)
    return backend.gpu()


@pytest.fixture(scope="module")
def atoms():
    """A scan over round atoms, its calibration and aberrations, and its results on the CPU."""
    events = scans.weak_events(600, phase=scans.atoms_phase((60, 64)))
    what = events, scans.CALIBRATION, scans.ABERRATIONS
    return *what, chain(*what)


@pytest.fixture(scope="module")
def nanotube():
    """The demonstration in small, likewise."""
    for package in ("ase", "platformdirs"):
        pytest.importorskip(package)
    from recon.simulate.demo import ABERRATIONS, simulate_nanotube

    events = simulate_nanotube(scan_shape=(64, 60), frame_shape=(96, 90), dose=500)
    names = {field.name for field in fields(Calibration)} & events.metadata.keys()
    calibration = Calibration(**{name: events.metadata[name] for name in names})
    return events, calibration, ABERRATIONS, chain(events, calibration, ABERRATIONS)


@pytest.fixture(scope="module")
def virus(shared_data):
    """A real scan of viruses, likewise."""
    path = shared_data / "virus_4dcamera_v3.h5"
    if not path.is_file():
        pytest.skip("no scan of viruses")
    from recon.io import open_events

    events = open_events(path)
    disc = fit_disc(pacbed(events))
    calibration = Calibration(300e3, 1.03, (31.25, 31.25), disc.centre, disc.radius, 54.0)
    aberrations = Aberrations(C10=135e3)
    return events, calibration, aberrations, chain(events, calibration, aberrations)


def streamed(events, device, monkeypatch):
    """The events on a device that has no room for a copy, in pieces of a twentieth."""
    monkeypatch.setattr(residence, "CHUNK_ELECTRONS", 1 + events.electrons // 20)
    moved = replace(events, device=device)
    assert moved.copy is None
    return moved


@pytest.mark.parametrize("scan", ["atoms", "nanotube", "virus"])
@pytest.mark.parametrize("residence_", ["copy", "stream"])
def test_a_device_gives_the_cpus_results(scan, residence_, device, monkeypatch, request):
    events, calibration, aberrations, expected = request.getfixturevalue(scan)
    copied = residence_ == "copy"
    there = events.to_device(device) if copied else streamed(events, device, monkeypatch)
    assert (there.copy is not None) == copied
    results = chain(there, calibration, aberrations)
    assert on_device(results, device) >= expected.keys() - SMALL
    assert_agree(results, expected)


def test_what_looks_at_device_results_finds_the_same(atoms, device):
    events, calibration, *_ = atoms
    there = events.to_device(device)
    assert fit_disc(pacbed(there)) == fit_disc(pacbed(events))
    where = calibration.scan_sampling, calibration.centre, calibration.radius
    found, expected = find_orientation(there, *where), find_orientation(events, *where)
    assert found.rotation_deg == pytest.approx(expected.rotation_deg, abs=1e-3)
    assert found.transpose == expected.transpose


def test_half_precision_costs_less_than_a_thousandth(atoms, device):
    if device.kernels.sum_hard is not recon.kernels.cuda.sum_hard:
        pytest.skip("the CPU's kernels, which the stand-in runs, read no half precision")
    events, calibration, aberrations, expected = atoms
    g = build_sidebands(events.to_device(device), calibration, 10, half=True)
    assert g.re.dtype == np.float16
    phase = backend.on_host(single_sideband(g, aberrations, "draft", "both", 0.95))
    wanted = expected["draft both phase"]
    assert 0 < abs(phase - wanted).max() < 1e-3 * abs(wanted).max()


def test_nothing_but_results_stays_on_the_device(atoms, fake):
    events, calibration, aberrations, expected = atoms
    results = chain(events.to_device(fake.device), calibration, aberrations)
    kept = sum(results[name].nbytes for name in on_device(results, fake.device))
    assert kept <= fake.live < 1.5 * kept  # some are views of a little more
    assert_agree(results, expected)
    del results
    gc.collect()
    assert fake.live == 0
    assert not fake.problems


STEPS = {
    "dpc": lambda e, g, c, a: integrate_com(centre_of_mass(e), c, iterations=3),
    "direct": lambda e, g, c, a: integrate_com_direct(centre_of_mass(e), c),
    "build": lambda e, g, c, a: build_sidebands(e, c, 8),
    **{mode: lambda e, g, c, a, m=mode: single_sideband(g, a, m) for mode in MODES},
    "full": lambda e, g, c, a: single_sideband(g, a, "draft", "full", 0.9),
    "transmission": lambda e, g, c, a: object_transmission(g, a),
    "weighted": lambda e, g, c, a: single_sideband(g, a, prior=Prior(1, 1)),
    "optimum": lambda e, g, c, a: optimum_bright_field(g, a, "full"),
    "tilt-corrected": lambda e, g, c, a: tilt_corrected(e, c, a, 8, upsample=2).image,
    "spectrum": lambda e, g, c, a: power_spectrum(g),
    "tiles": lambda e, g, c, a: gfunction_tiles(g, a, [(1, 2), (3, 3)]),
}
"""Steps from events, G, calibration and aberrations; `test_residence` has the passes."""


MOST = 40
"""Allocations that fail in turn: more are those of a loop."""


def without_memory(g):
    """The same G, without what it keeps between redraws."""
    kept = {f.name: f.default_factory() for f in fields(g) if f.default_factory is not MISSING}
    return replace(g, **kept)


def outcome(result):
    """What can be compared of a step's result."""
    result = getattr(result, "phase", result)
    return backend.on_host(getattr(result, "re", result))


@pytest.mark.parametrize("name", STEPS)
def test_a_full_device_is_told_of_at_each_allocation_and_the_session_goes_on(name, atoms, fake):
    events, calibration, aberrations, _ = atoms
    events = cropping.crop_scan(events, (20, 32), (20, 30)).to_device(fake.device)
    g = build_sidebands(events, calibration, 6, full=True)
    held = fake.live

    def run():
        # What an earlier redraw keeps for the next must not hide an allocation.
        return outcome(STEPS[name](events, without_memory(g), calibration, aberrations))

    before = fake.allocations
    expected = run()
    needed = fake.allocations - before
    assert needed
    for failing in sorted({*range(1, min(needed, MOST) + 1), needed}):
        fake.fail_at(failing)
        with pytest.raises(backend.DeviceFull, match="The GPU's memory is full"):
            run()
        assert fake.live == held, f"allocation {failing}"
    np.testing.assert_array_equal(run(), expected)
    assert not fake.problems
