"""A stand-in for CuPy and a GPU, so that whole chains run "on the device" without one.

    fake = fake_gpu("cpu", monkeypatch)        # or "cuda", with NUMBA_ENABLE_CUDASIM=1
    events.to_device(backend.gpu())            # or choose("gpu"), device_of(array)
    fake.live, fake.peak, fake.allocations     # bytes now, most bytes, allocations so far
    fake.fail_at(3)                            # the third allocation from now finds no memory
    fake.limit = 1 << 20                       # as does what exceeds the device's memory

It is strict where CuPy is: arrays of the device do not mix with NumPy's and do not turn into them
unasked (TypeError), functions and arguments that CuPy lacks are missing, new memory holds rubbish,
and copies in a stream happen no earlier than someone waits for them. Kernels take arrays of the
device, their handles and scalars. `kernels="cpu"` runs the CPU's kernels on them: fast enough for
real scans. "cuda" runs the CUDA kernels in Numba's simulator, for tiny ones.
"""

import inspect
import threading
import weakref
from threading import RLock
from types import SimpleNamespace

import numpy as np
import scipy.fft
from numba import config

import recon.kernels.cpu
from recon.device import backend
from tests.support.fake_arrays import (
    UNSUPPORTED,
    DeviceArray,
    Event,
    Handle,
    OutOfMemoryError,
    Scratch,
    Stream,
    rubbish,
)
from tests.support.fake_transforms import planner, transforms

# Names of NumPy that CuPy 14 has not, of those one might reach for.
MISSING = {"block", "errstate", "geomspace", "insert", "matvec", "ndenumerate", "nditer", "seterr"}


COMPUTING, LONGEST_S = "livestem-computing", 120
"""Threads of the app's computations, as `app.engine.store` names them, and how long they may go on
after they were abandoned."""


class FakeGpu:
    """The stand-in: its memory, its array module, its FFT and its device."""

    def __init__(self, kernels, total=1 << 30):
        self.total, self.limit = total, 0
        self.live = self.peak = self.allocations = self.released = 0
        self.problems = []
        """What no result shows, such as memory freed under a copy; tests want it empty."""
        self._fail_at = None
        self._lock = RLock()
        null = self.current = Stream(self, null=True)
        self.xp = _Module(self)
        stream = SimpleNamespace(null=null)
        self.xp.cuda = SimpleNamespace(
            Stream=_callable(lambda **options: Stream(self, **options), stream),
            Event=Event,
            Device=lambda: SimpleNamespace(id=0, synchronize=lambda: None),
            get_current_stream=lambda: self.current,
            is_available=lambda: True,
            runtime=SimpleNamespace(
                memGetInfo=lambda: (self.total - self.live, self.total),
                getDeviceProperties=lambda number: {"name": b"Stand-in for a GPU"},
            ),
        )
        self.pool = SimpleNamespace(
            free_bytes=lambda: 0,
            used_bytes=lambda: self.live,
            total_bytes=lambda: self.live,
            get_limit=lambda: self.limit,
            set_limit=self._set_limit,
            free_all_blocks=self._release,
        )
        self.xp.get_default_memory_pool = lambda: self.pool
        self.xp.get_default_pinned_memory_pool = lambda: SimpleNamespace(
            free_all_blocks=lambda: None
        )
        cache = SimpleNamespace(clear=lambda: None)
        config = SimpleNamespace(get_plan_cache=lambda: cache)
        helpers = {n: self.function(getattr(np.fft, n)) for n in ("fftfreq", "rfftfreq")}
        helpers |= {n: self.function(getattr(np.fft, n)) for n in ("fftshift", "ifftshift")}
        self.xp.fft = SimpleNamespace(config=config, **helpers)
        fft = SimpleNamespace(
            next_fast_len=scipy.fft.next_fast_len,
            get_fft_plan=planner(self),
            **helpers,
            **transforms(self),
        )
        self.device = backend.Device(
            "gpu", self.xp, fft, self._kernels(kernels), {}, handle=Handle, pinned=_pinned
        )

    # ---- memory ----

    def fail_at(self, number):
        """Let the allocation of this number from now on, counted from 1, and it alone, fail."""
        self._fail_at = self.allocations + number

    def allocate(self, size):
        with self._lock:
            self.allocations += 1
            full = self.live + size > min(self.limit or self.total, self.total)
            if full or self.allocations == self._fail_at:
                raise OutOfMemoryError(size, self.live, self.limit)
            self.live += size
            self.peak = max(self.peak, self.live)

    def free(self, size):
        with self._lock:
            self.live -= size

    def scratch(self, shape, dtype):
        """For `cuda_scratch.allocate`: as the simulator wants it, and counted."""
        array = rubbish(np.empty(shape, dtype)).view(Scratch)
        self.allocate(array.nbytes)
        weakref.finalize(array, self.free, array.nbytes)
        return array

    def _set_limit(self, size=None, fraction=None):
        self.limit = int(size or 0) if fraction is None else int(fraction * self.total)

    def _release(self):
        self.released += 1

    # ---- arrays ----

    def unwrap(self, value):
        """The data of device arrays, wherever they stand; TypeError for NumPy's arrays."""
        if isinstance(value, DeviceArray):
            return value._data
        if isinstance(value, np.ndarray):
            raise TypeError(f"Unsupported type {type(value)}: it is on the host.")
        if isinstance(value, tuple | list):
            return remade(value, [self.unwrap(part) for part in value])
        if isinstance(value, dict):
            return {name: self.unwrap(part) for name, part in value.items()}
        return value

    def wrap(self, value, sources=()):
        """Results as device arrays: views share their source's memory."""
        if isinstance(value, tuple | list):
            return remade(value, [self.wrap(part, sources) for part in value])
        if isinstance(value, np.generic):
            value = np.asarray(value)
        if type(value) is not np.ndarray:
            return value
        for source in sources:
            if value is source._data:
                return source
            if np.may_share_memory(value, source._data):
                return DeviceArray(self, value, source._block)
        return DeviceArray(self, value)

    def call(self, function, args, kwargs):
        sources = _device_arrays((args, kwargs))
        return self.wrap(function(*self.unwrap(args), **self.unwrap(kwargs)), sources)

    def function(self, function, *owners):
        """NumPy's function or method for arrays of the device."""

        def on_device(*args, **kwargs):
            if UNSUPPORTED - {"order"} & set(kwargs):
                raise TypeError(f"CuPy does not take all of {sorted(kwargs)}.")
            sources = [*owners, *_device_arrays((args, kwargs))]
            return self.wrap(function(*self.unwrap(args), **self.unwrap(kwargs)), sources)

        return on_device

    def _kernels(self, kind):
        if kind == "cuda":
            import recon.kernels.cuda as module
        else:
            module = recon.kernels.cpu
        return SimpleNamespace(
            **{name: self._kernel(name, getattr(module, name)) for name in module.__all__}
        )

    def _kernel(self, name, function):
        signature = inspect.signature(getattr(function, "py_func", function))

        def launch(*args, **kwargs):
            plain = []
            bound = signature.bind(*args, **kwargs)
            for parameter, value in bound.arguments.items():
                array = value.array if isinstance(value, Handle) else value
                if isinstance(array, np.ndarray):
                    raise TypeError(f"`{parameter}` of {name} is on the host.")
                plain.append(_for_launch(self.unwrap(array)))
            return function(*plain)

        return launch


class _Module:
    """The array module: NumPy's names, for arrays of the device."""

    def __init__(self, fake):
        self._fake = fake
        self.ndarray = DeviceArray

    def __getattr__(self, name):
        if name in MISSING or not hasattr(np, name):
            raise AttributeError(f"CuPy has no {name!r}.")
        value = getattr(np, name)
        if isinstance(value, type) or not callable(value):
            return value
        return self._fake.function(value)

    def asarray(self, array, dtype=None, **options):
        return self.array(array, dtype, copy=None, **options)

    def ascontiguousarray(self, array, dtype=None):
        return self.array(array, dtype, copy=None, order="C")

    def array(self, array, dtype=None, copy=True, **options):
        if isinstance(array, DeviceArray):
            return self._fake.wrap(np.array(array._data, dtype, copy=copy, **options), [array])
        return self._fake.wrap(np.array(self._fake_host(array), dtype, copy=True, **options))

    def empty(self, shape, dtype=float, **options):
        return self._fake.wrap(rubbish(np.empty(shape, dtype, **options)))

    def empty_like(self, array, dtype=None, **options):
        return self.empty(options.pop("shape", array.shape), dtype or array.dtype, **options)

    def asnumpy(self, array):
        return array.get()

    def _fake_host(self, array):
        parts = isinstance(array, tuple | list) and any(isinstance(p, DeviceArray) for p in array)
        return self._fake.unwrap(array) if parts else array


def _callable(function, namespace):
    """`namespace`, which can be called as well."""
    return type("Namespace", (), {**vars(namespace), "__new__": lambda cls, **o: function(**o)})


def _for_launch(value):
    """The simulator takes NumPy's arrays for the host's, and those for contiguous."""
    if not isinstance(value, np.ndarray) or value.flags.c_contiguous or not config.ENABLE_CUDASIM:
        return value
    from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

    return FakeCUDAArray(value)


def _pinned(shape, dtype=float):
    return rubbish(np.empty(shape, dtype))


def _device_arrays(value):
    """All device arrays in nested tuples, lists and dicts."""
    if isinstance(value, DeviceArray):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return [array for part in value for array in _device_arrays(part)]
    return []


def remade(value, parts):
    """A tuple or list of other parts; one with names keeps them."""
    return value._make(parts) if hasattr(value, "_make") else type(value)(parts)


def fake_gpu(kernels="cpu", monkeypatch=None, total=1 << 30) -> FakeGpu:
    """Put the stand-in where `recon.device.backend` finds its GPU, until the test ends.

    Parameters
    ----------
    kernels : {"cpu", "cuda"}
        Whose kernels run; "cuda" needs Numba's simulator.
    monkeypatch : pytest.MonkeyPatch
    total : int
        Bytes of memory of the stand-in.
    """
    for thread in threading.enumerate():
        # What an earlier test has abandoned would take memory of this one's device.
        if thread.name == COMPUTING and thread is not threading.current_thread():
            thread.join(LONGEST_S)
    fake = FakeGpu(kernels, total)
    monkeypatch.setattr(backend, "gpu", lambda: fake.device)
    if kernels == "cuda":
        from recon.kernels.cuda import scratch as cuda_scratch

        monkeypatch.setattr(cuda_scratch, "allocate", fake.scratch)
    return fake
