"""From electrons to phase with the CUDA kernels, on the stand-in for a GPU: as on the CPU.

In Numba's simulator, `NUMBA_ENABLE_CUDASIM=1 pytest tests/recon/device/test_chain_cuda.py`,
hence tiny; with a real GPU, test_chain.py does this at full size.
"""

import numpy as np
import pytest
from numba import config

from recon.device.backend import DeviceFull
from recon.sums.com import centre_of_mass
from recon.sums.detectors import pacbed
from tests.support import simulator
from tests.support.cuda_chain import ABERRATIONS, CALIBRATION, electrons, streamed
from tests.support.device_chain import assert_agree, chain, on_device
from tests.support.fake_gpu import fake_gpu

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
