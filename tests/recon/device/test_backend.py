"""Which device is chosen, and what is said where there is none. CuPy is faked: none is needed."""

import sys
from types import ModuleType, SimpleNamespace

import numba
import numba.cuda
import numpy as np
import pytest

from recon.device import backend, failure
from recon.kernels.cuda import scratch as cuda_scratch
from tests.support.fake_arrays import CUDARuntimeError
from tests.support.fake_gpu import fake_gpu

GIB = 2**30
ON_DEVICE = SimpleNamespace(__cuda_array_interface__={})


@pytest.fixture(autouse=True)
def afresh(monkeypatch):
    """Each test looks for a GPU anew, and leaves no fake behind."""
    monkeypatch.setattr(numba.config, "ENABLE_CUDASIM", 0)
    monkeypatch.setattr(numba.config, "CUDA_ARRAY_INTERFACE_SYNC", True)
    monkeypatch.setattr(cuda_scratch, "allocate", cuda_scratch.allocate)
    backend._found.cache_clear()
    yield
    backend._found.cache_clear()


class Pool:
    """CuPy's pool as far as it is asked here: it holds 3 GiB, of which none is used."""

    limit = 0

    def free_bytes(self):
        return 3 * GIB

    total_bytes = free_bytes

    def get_limit(self):
        return self.limit

    def set_limit(self, size=None, fraction=None):
        self.limit = size if fraction is None else int(fraction * 16 * GIB)


def fake_cupy(monkeypatch, available=True, compiled=True, works=True):
    cupy = ModuleType("cupy")
    pool = Pool()
    runtime = SimpleNamespace(
        memGetInfo=lambda: (5 * 2**30, 16 * 2**30),
        getDeviceProperties=lambda number: {"name": b"Some GPU"},
    )
    cupy.cuda = SimpleNamespace(
        is_available=lambda: available, runtime=runtime, Device=lambda: SimpleNamespace(id=0)
    )
    cupy.get_default_memory_pool = lambda: pool
    cupy.empty = np.empty
    modules = {"cupy": cupy}
    for name in ("cupyx", "cupyx.scipy", "cupyx.scipy.fft"):
        modules[name] = ModuleType(name)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, modules[name])
    modules["cupyx"].empty_pinned = np.empty

    def try_out(device):
        if not works:
            raise CUDARuntimeError("cudaErrorNoKernelImage: no kernel image\nand more")

    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(numba.cuda, "is_available", lambda: compiled)
    monkeypatch.setattr(numba.cuda, "as_cuda_array", lambda array: array, raising=False)
    monkeypatch.setattr(backend, "_try_out", try_out)
    return cupy


def test_without_cupy_the_cpu_works_and_the_gpu_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert backend.choose("auto") is backend.CPU
    with pytest.raises(failure.DeviceError, match=r"pip install '\.\[gpu\]'.*device 'cpu'"):
        backend.choose("gpu")


@pytest.mark.parametrize(
    ("available", "compiled", "works", "message"),
    [
        (False, True, True, "Check `nvidia-smi`"),
        (True, False, True, "Numba cannot use"),
        (True, True, False, r"does not work here \(cudaErrorNoKernelImage: no kernel image\)\. U"),
    ],
    ids=["no device", "no compiler", "a driver that fails"],
)
def test_without_a_usable_device_the_reason_is_given(
    monkeypatch, available, compiled, works, message
):
    fake_cupy(monkeypatch, available, compiled, works)
    assert backend.choose("auto") is backend.CPU
    with pytest.raises(failure.DeviceError, match=message) as caught:
        backend.choose("gpu")
    assert backend.why_not_gpu() == str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_simulator_is_no_gpu(monkeypatch):
    fake_cupy(monkeypatch)
    monkeypatch.setattr(numba.config, "ENABLE_CUDASIM", 1)
    with pytest.raises(failure.DeviceError, match="Unset NUMBA_ENABLE_CUDASIM"):
        backend.choose("gpu")


def test_a_gpu_is_taken_where_there_is_one_unless_the_cpu_is_asked_for(monkeypatch):
    cupy = fake_cupy(monkeypatch)
    device = backend.choose("auto")
    assert (device.name, device.xp) == ("gpu", cupy)
    assert device.kernels.sum_hard is not backend.CPU.kernels.sum_hard
    assert backend.choose("gpu") is device is backend.device_of(ON_DEVICE)
    assert backend.choose("cpu") is backend.CPU is backend.device_of(np.zeros(2))
    assert backend.why_not_gpu() is None
    # One pool for everything, and no launch that waits for all work before it.
    assert cuda_scratch.allocate is cupy.empty
    assert not numba.config.CUDA_ARRAY_INTERFACE_SYNC


def test_a_device_that_calculates_wrongly_is_no_device(monkeypatch):
    device = fake_gpu("cpu", monkeypatch).device
    backend._try_out(device)
    wrong = {"highest": (device.kernels, lambda pixels: 2), "rfft": (device.fft, lambda x: x)}
    for name, (part, function) in wrong.items():
        with monkeypatch.context() as patched:
            patched.setattr(part, name, function)
            with pytest.raises(RuntimeError, match="computes wrong results"):
                backend._try_out(device)


def test_what_is_no_array_is_the_cpus():
    assert backend.device_of([[1.0]]) is backend.CPU is backend.device_of(np.float32(1))


def test_what_is_on_the_host_stays_and_what_is_not_is_fetched():
    here = np.zeros(2)
    assert backend.on_host(here) is here
    there = SimpleNamespace(get=lambda: here, __cuda_array_interface__={})
    assert backend.on_host(there) is here
    np.testing.assert_array_equal(backend.on_host([1, 2]), [1, 2])


def test_memory_that_is_held_is_ours_to_use(monkeypatch):
    fake_cupy(monkeypatch)
    device = backend.choose("gpu")
    device.xp.get_default_memory_pool().limit = 16 * GIB
    room = backend.memory(device)
    assert (room.total, room.free, room.usable) == (16 * GIB, 5 * GIB, 8 * GIB)
    assert backend.describe(device) == "Some GPU, 8.6 of 17 GB in use"


def test_the_pool_is_bounded_and_its_owner_says_how(monkeypatch):
    fake_cupy(monkeypatch)
    device = backend.choose("gpu")
    assert backend.memory(device).total == int(0.9 * 16 * GIB)
    backend.limit_memory(device, 4 * GIB)
    # 3 of 4 GiB are held for reuse; of the 5 that are free, one more may be taken.
    room = backend.memory(device)
    assert (room.total, room.free, room.usable) == (4 * GIB, GIB, 4 * GIB)
    backend.limit_memory(device, 2 * GIB)
    assert backend.memory(device).free == 0
    backend.limit_memory(device, None)
    assert backend.memory(device).total == int(0.9 * 16 * GIB)
    backend.limit_memory(backend.CPU, GIB)
    assert backend.memory(backend.CPU).total != GIB
    with pytest.raises(ValueError, match="must be positive, not 0 bytes"):
        backend.limit_memory(device, 0)


def test_the_cpus_memory_is_that_of_the_machine():
    room = backend.memory(backend.CPU)
    assert 0 < room.free <= room.total == room.free + (room.total - room.usable)
    assert backend.describe(backend.CPU).startswith("CPU, ")


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match="one of auto, cpu, gpu, not 'tpu'"):
        backend.choose("tpu")


@pytest.fixture
def fake(monkeypatch):
    return fake_gpu("cpu", monkeypatch)


@backend.guarded
def doubled(array, fail=None):
    """Needs some memory besides that of the result."""
    work = backend.device_of(array).xp.ones_like(array)
    if fail is not None:
        raise fail
    return array + work


def test_a_full_device_is_one_sentence_and_nothing_stays_held(fake):
    array = fake.xp.ones(1000, np.float32)
    fake.fail_at(2)
    with pytest.raises(failure.DeviceFull) as caught:
        doubled(array)
    message = str(caught.value)
    assert message.startswith("The GPU's memory is full: 4 kB more were wanted. Of 1.07 GB, ")
    assert message.endswith("or choose the device 'cpu'.")
    # Even while the error is held, what the function had is gone.
    assert fake.live == 4000
    assert caught.value.__context__ is None
    assert fake.released == 1
    assert float(doubled(array).max()) == 2


def test_errors_of_the_device_are_one_sentence_each(fake):
    array = fake.xp.ones(10)
    failures = {
        "cudaErrorIllegalAddress: an illegal access\nwith more": failure.DeviceError,
        "cudaErrorMemoryAllocation: out of memory": failure.DeviceFull,
        "[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY": failure.DeviceFull,
        "CUFFT_ALLOC_FAILED": failure.DeviceFull,
    }
    for text, kind in failures.items():
        with pytest.raises(failure.DeviceError, match=r"^The GPU") as caught:
            doubled(array, CUDARuntimeError(text))
        assert type(caught.value) is kind
        assert "\n" not in str(caught.value)


def test_errors_that_are_not_the_devices_pass(fake):
    for error in (ValueError("no"), MemoryError("the host's"), TypeError("a bug")):
        with pytest.raises(type(error)) as caught:
            doubled(np.ones(2), error)
        assert caught.value is error
    assert fake.released == 0


def test_a_guard_within_a_guard_lets_go_of_the_outer_ones_memory(fake):
    @backend.guarded
    def outer(array):
        more = array + 1
        return doubled(more)

    array = fake.xp.ones(10)
    fake.fail_at(3)
    with pytest.raises(failure.DeviceFull) as caught:
        outer(array)
    assert fake.live == array.nbytes
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("size", "words"),
    [(17, "17 bytes"), (2048, "2.05 kB"), (999_600_000, "1 GB"), (999_400_000, "999 MB")],
)
def test_amounts_are_said_in_fitting_units(size, words):
    assert failure.amount(size) == words
