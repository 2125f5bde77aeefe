"""The paper's kernel on CUDA against its equation in double precision and against the CPU's port.

In Numba's simulator, or on a machine with a GPU.
"""

import numpy as np
import pytest
from numba import config

from recon.calibration import Calibration
from recon.device import backend
from recon.device.backend import on_host
from recon.kernels.cpu import reference
from recon.kernels.cuda import reference as cuda_reference
from recon.optics import Aberrations
from tests.support import simulator
from tests.support.equations import aperture
from tests.support.fake_gpu import fake_gpu
from tests.support.weak_phase import MANY

pytestmark = simulator.on_cuda_only


@pytest.fixture(autouse=True)
def brisk_simulator(monkeypatch):
    yield from simulator.take_turns(monkeypatch)


def test_the_papers_kernel_on_a_device_is_its_equation(monkeypatch):
    simulator.make_small(monkeypatch)
    device = fake_gpu("cuda", monkeypatch).device if config.ENABLE_CUDASIM else backend.gpu()
    calibration = Calibration(80e3, 25.0, (0.4, 0.45), (2.0, 2.0), 2.2)
    names = list(vars(MANY))[:12]
    aberrations = Aberrations(**{name: getattr(MANY, name) for name in names})
    rng = np.random.default_rng(5)
    shape = 4, 6
    ky, kx = (np.indices((4, 4)).reshape(2, -1) - 1.5) * calibration.k0 / 2
    q_y, q_x = np.fft.fftfreq(4, 0.4), np.fft.fftfreq(6, 0.45)
    g = rng.normal(size=(16, *shape)) + 1j * rng.normal(size=(16, *shape))

    y, x = q_y[:, None], q_x[None]
    expected = np.zeros((3, *shape), complex)
    for plane in range(16):
        here, minus, plus = (
            aperture(ky[plane] + s * y, kx[plane] + s * x, calibration, aberrations)
            for s in (0, -1, 1)
        )
        value = np.conj(here.conj() * minus - here * plus.conj()) * g[plane]
        expected += np.stack([value, value * (minus == 0), value * (plus == 0)])

    coefficients = np.array([getattr(MANY, name) for name in names])
    arrays = [a.astype(np.float32) for a in (ky, kx, q_y, q_x)]
    arguments = g.astype(np.complex64), *arrays, calibration.k0, calibration.wavelength
    arguments = *arguments, coefficients.astype(np.float32)
    on_cpu = np.empty(expected.shape, np.complex64)
    reference.paper_sideband(*arguments[:5], *map(np.float32, arguments[5:7]), arguments[7], on_cpu)
    there = [device.xp.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
    out = device.xp.full(expected.shape, np.nan, np.complex64)
    if config.ENABLE_CUDASIM:
        there, plain = [getattr(a, "_data", a) for a in there], out._data
        cuda_reference.paper_sideband(*there, plain)
    else:
        cuda_reference.paper_sideband(*there, out)
    assert np.count_nonzero(abs(expected) > 1e-3) > 40
    size = abs(expected).max()
    np.testing.assert_allclose(on_host(out), expected, atol=2e-5 * size)
    np.testing.assert_allclose(on_host(out), on_cpu, atol=2e-5 * size)
