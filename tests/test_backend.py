"""Which device is chosen, and what is said where there is none. CuPy is faked: none is needed."""

import sys
from types import ModuleType, SimpleNamespace

import numba
import numba.cuda
import numpy as np
import pytest

from recon import backend


@pytest.fixture(autouse=True)
def afresh(monkeypatch):
    """Each test looks for a GPU anew, and leaves no fake behind."""
    monkeypatch.setattr(numba.config, "ENABLE_CUDASIM", 0)
    backend.gpu.cache_clear()
    yield
    backend.gpu.cache_clear()


def fake_cupy(monkeypatch, available=True, compiled=True):
    cupy = ModuleType("cupy")
    pool = SimpleNamespace(free_bytes=lambda: 3 * 2**30)
    runtime = SimpleNamespace(
        memGetInfo=lambda: (5 * 2**30, 16 * 2**30),
        getDeviceProperties=lambda number: {"name": b"Some GPU"},
    )
    cupy.cuda = SimpleNamespace(
        is_available=lambda: available, runtime=runtime, Device=lambda: SimpleNamespace(id=0)
    )
    cupy.get_default_memory_pool = lambda: pool
    modules = {"cupy": cupy}
    for name in ("cupyx", "cupyx.scipy", "cupyx.scipy.fft"):
        modules[name] = ModuleType(name)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, modules[name])
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(numba.cuda, "is_available", lambda: compiled)
    return cupy


def test_without_cupy_the_cpu_works_and_the_gpu_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert backend.choose("auto") is backend.CPU
    with pytest.raises(backend.DeviceError, match=r"pip install '\.\[gpu\]'.*device 'cpu'"):
        backend.choose("gpu")


@pytest.mark.parametrize(
    ("available", "compiled", "message"),
    [(False, True, "Check `nvidia-smi`"), (True, False, "Numba cannot use")],
    ids=["no device", "no compiler"],
)
def test_without_a_usable_device_the_reason_is_given(monkeypatch, available, compiled, message):
    fake_cupy(monkeypatch, available, compiled)
    assert backend.choose("auto") is backend.CPU
    with pytest.raises(backend.DeviceError, match=message):
        backend.choose("gpu")


def test_the_simulator_is_no_gpu(monkeypatch):
    fake_cupy(monkeypatch)
    monkeypatch.setattr(numba.config, "ENABLE_CUDASIM", 1)
    with pytest.raises(backend.DeviceError, match="Unset NUMBA_ENABLE_CUDASIM"):
        backend.choose("gpu")


def test_a_gpu_is_taken_where_there_is_one_unless_the_cpu_is_asked_for(monkeypatch):
    cupy = fake_cupy(monkeypatch)
    device = backend.choose("auto")
    assert (device.name, device.xp) == ("gpu", cupy)
    assert device.kernels.sum_hard is not backend.CPU.kernels.sum_hard
    assert backend.choose("gpu") is device is backend.device_of(SimpleNamespace())
    assert backend.choose("cpu") is backend.CPU is backend.device_of(np.zeros(2))


def test_what_is_on_the_host_stays_and_what_is_not_is_fetched():
    here = np.zeros(2)
    assert backend.on_host(here) is here
    assert backend.on_host(SimpleNamespace(get=lambda: here)) is here


def test_memory_that_is_held_is_ours_to_use(monkeypatch):
    fake_cupy(monkeypatch)
    room = backend.memory(backend.choose("gpu"))
    assert (room.total, room.free, room.usable) == (16 * 2**30, 5 * 2**30, 8 * 2**30)
    assert backend.describe(backend.choose("gpu")) == "Some GPU, 8.0 of 16 GiB in use"


def test_the_cpus_memory_is_that_of_the_machine():
    room = backend.memory(backend.CPU)
    assert 0 < room.free <= room.total == room.free + (room.total - room.usable)
    assert backend.describe(backend.CPU).startswith("CPU, ")


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match="one of auto, cpu, gpu, not 'tpu'"):
        backend.choose("tpu")
