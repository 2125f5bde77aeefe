"""From electrons to phase with the CUDA kernels, on the stand-in for a GPU: as on the CPU.

In Numba's simulator, `NUMBA_ENABLE_CUDASIM=1 pytest tests/test_device_chain_cuda.py`, hence tiny;
with a real GPU, test_device_chain.py does this at full size.
"""

from dataclasses import replace

import numpy as np
import pytest
from numba import config

from recon.calibration import Calibration
from recon.device import residence
from recon.device.backend import DeviceFull
from recon.optics import Aberrations
from recon.scan.events import from_frames
from recon.sums.com import centre_of_mass
from recon.sums.detectors import pacbed
from tests.support import simulator
from tests.support.device_chain import assert_agree, chain, on_device
from tests.support.fake_gpu import fake_gpu

CALIBRATION = Calibration(80e3, 25.0, (0.9, 0.5), (6.3, 5.6), 3.0, 20.0)
ABERRATIONS = Aberrations(C10=60, C12a=-20, C21b=300)

pytestmark = pytest.mark.skipif(
    not config.ENABLE_CUDASIM, reason="no simulator of a GPU: set NUMBA_ENABLE_CUDASIM=1"
)


@pytest.fixture(autouse=True)
def brisk_simulator(monkeypatch):
    simulator.make_small(monkeypatch)
    yield from simulator.take_turns(monkeypatch)


@pytest.fixture
def fake(monkeypatch):
    return fake_gpu("cuda", monkeypatch)


def electrons():
    """Frames of 0 to 12 electrons on a detector of 13 × 14 pixels."""
    rng = np.random.default_rng(7)
    sizes = rng.integers(0, 12, 5 * 9)
    sizes[3] = 0
    return from_frames([rng.integers(0, 13 * 14, n) for n in sizes], (5, 9), (13, 14))


def streamed(events, device, monkeypatch):
    monkeypatch.setattr(residence, "CHUNK_ELECTRONS", events.electrons // 3)
    return replace(events, device=device)


def test_the_cuda_kernels_give_the_cpus_results(fake):
    events = electrons()
    options = {"across": 5, "iterations": 2}
    expected = chain(events, CALIBRATION, ABERRATIONS, **options)
    results = chain(events.to_device(fake.device), CALIBRATION, ABERRATIONS, **options)
    assert on_device(results, fake.device) >= expected.keys() - {"frequencies", "tiles", "spectrum"}
    assert_agree(results, expected)
    assert not fake.problems


def test_the_cuda_kernels_take_a_stream(fake, monkeypatch):
    events = electrons()
    there = streamed(events, fake.device, monkeypatch)
    np.testing.assert_array_equal(pacbed(there).get(), pacbed(events))
    np.testing.assert_allclose(centre_of_mass(there).get(), centre_of_mass(events), rtol=1e-6)
    assert fake.live == 0
    assert not fake.problems


@pytest.mark.parametrize("place", ["copy", "stream"])
def test_kernels_scratch_counts_as_the_devices_memory(fake, monkeypatch, place):
    events = electrons()
    expected = centre_of_mass(events)
    copied = place == "copy"
    there = events.to_device(fake.device) if copied else streamed(events, fake.device, monkeypatch)
    held, before = fake.live, fake.allocations
    centre_of_mass(there)
    for failing in range(1, fake.allocations - before + 1):
        fake.fail_at(failing)
        with pytest.raises(DeviceFull):
            centre_of_mass(there)
        assert fake.live == held
    np.testing.assert_allclose(centre_of_mass(there).get(), expected, rtol=1e-6)
