"""Where arrays live, and which code runs there.

Algorithms follow their data: `device_of(array)` hands them the array module, the FFT and the
kernels of that array's device. Nothing else in `recon` asks about CPU or GPU, and nothing else
imports CuPy. What goes wrong on a device comes out of `guarded` functions as one sentence, a
`DeviceError`.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, wraps
from threading import Lock
from types import ModuleType
from typing import Any

import numba
import numpy as np
import scipy.fft

from recon.device.failure import DeviceError, amount, brief, in_words
from recon.device.host_memory import host_memory
from recon.kernels import cpu, threads

DEVICES = ("auto", "cpu", "gpu")

POOL_SHARE = 0.9
"""Of the device's memory that the pool may take unless its owner says: some has to be left for
the compiled kernels, the driver and other programs."""

_finding = Lock()
_log = logging.getLogger(__name__)


def _itself(array):
    return array


@dataclass(frozen=True)
class Device:
    """What an algorithm needs on one kind of device.

    Attributes
    ----------
    name : str
        "cpu" or "gpu".
    xp : module
        NumPy or CuPy.
    fft : module
        scipy.fft or cupyx.scipy.fft.
    kernels : module
        `recon.kernels.cpu` or `recon.kernels.cuda`: the same names and parameters.
    fft_options : dict
        What each call of `fft` is given besides: the CPU's takes all cores.
    handle : callable
        `handle(array)` is the array in the form in which a kernel launch costs least, for arrays
        that are launched with again and again; it keeps the array alive.
    pinned : callable
        `pinned(shape, dtype)` is a new array on the host from which the device copies while the
        program goes on.
    """

    name: str
    xp: ModuleType
    fft: ModuleType
    kernels: ModuleType
    fft_options: dict = field(default_factory=dict)
    handle: Callable[[Any], Any] = _itself
    pinned: Callable[..., np.ndarray] = np.empty


@dataclass(frozen=True)
class Memory:
    """A device's memory [bytes], within the limit that its owner may have set.

    Attributes
    ----------
    total, free : int
        Of the whole device; other programs' share is not free.
    held : int
        Kept by this process for reuse: free to us, to no one else.
    """

    total: int
    free: int
    held: int = 0

    @property
    def usable(self) -> int:
        """What this process can still have."""
        return self.free + self.held


CPU = Device("cpu", np, scipy.fft, cpu, {"workers": -1})


def gpu() -> Device:
    """The CUDA device, tried out once a process.

    Raises
    ------
    DeviceError
        With the reason there is none, and the way out.
    """
    with _finding:
        found = _found()
    if isinstance(found, str):
        raise DeviceError(found)
    return found


def why_not_gpu() -> str | None:
    """Why no GPU can be used here, in a sentence with the way out; None where one can."""
    try:
        gpu()
    except DeviceError as error:
        return str(error)
    return None


@cache
def _found() -> Device | str:
    """The CUDA device, or the reason there is none."""
    if numba.config.ENABLE_CUDASIM:
        return "No GPU: Numba only simulates one. Unset NUMBA_ENABLE_CUDASIM."
    # A second of imports that nobody without a GPU should wait for.
    from numba import cuda

    try:
        import cupy
        import cupyx
        import cupyx.scipy.fft
    except ImportError:
        return (
            "No GPU: CuPy or one of its CUDA libraries is not installed. "
            "Run `pip install '.[gpu]'` ('.[gpu13]' for CUDA 13), or choose the device 'cpu'."
        )
    if not cupy.cuda.is_available():
        return "No GPU: CuPy found no CUDA device. Check `nvidia-smi`, or choose the device 'cpu'."
    if not cuda.is_available():
        return (
            "No GPU: Numba cannot use the CUDA device that CuPy found. "
            "Run `pip install '.[gpu]'` ('.[gpu13]' for CUDA 13), or choose the device 'cpu'."
        )
    import recon.kernels.cuda
    from recon.kernels.cuda import scratch as cuda_scratch

    # Everything runs on the default stream, in order; what is uploaded meanwhile is waited for.
    # Without this, each launch with a CuPy array would wait for all work before it. NVIDIA's
    # package of kernels has settings of its own, which are found here in either case.
    cuda.config.CUDA_ARRAY_INTERFACE_SYNC = False
    device = Device(
        "gpu",
        cupy,
        cupyx.scipy.fft,
        recon.kernels.cuda,
        handle=cuda.as_cuda_array,
        pinned=cupyx.empty_pinned,
    )
    pool = cupy.get_default_memory_pool()
    try:
        if not pool.get_limit():
            pool.set_limit(fraction=POOL_SHARE)
        _try_out(device)
    except Exception as error:  # whatever a broken driver raises
        _log.debug("The GPU failed when it was tried out.", exc_info=error)
        return (
            f"No GPU: there is one, but it does not work here ({brief(error)}). Update its "
            "driver or the packages of `pip install '.[gpu]'`, or choose the device 'cpu'."
        )
    # One bounded pool for everything.
    cuda_scratch.allocate = cupy.empty
    return device


def _try_out(device: Device) -> None:
    """Allocate, compile, launch and transform on a device; raise what that raises.

    CuPy's compiler, Numba's compiler and cuFFT each come as a library of their own, looked for
    when it is first used.
    """
    numbers = device.xp.arange(4, dtype=np.uint32) * np.uint32(1)
    transform = device.fft.rfft(numbers.astype(np.float32)).get()
    if int(device.kernels.highest(numbers)) != 3 or not np.allclose(transform[0], 6):
        raise RuntimeError("it computes wrong results")


def device_of(array) -> Device:
    """The device that holds `array`; lists and numbers are the CPU's."""
    if isinstance(array, np.ndarray) or not hasattr(array, "__cuda_array_interface__"):
        return CPU
    return gpu()


def on_host(array) -> np.ndarray:
    """The array in the CPU's memory, copied there if it is not."""
    on_gpu = not isinstance(array, np.ndarray) and hasattr(array, "__cuda_array_interface__")
    return array.get() if on_gpu else np.asarray(array)


def choose(name: str = "auto") -> Device:
    """The device of that name; "auto" takes the GPU where one works (else `why_not_gpu`).

    Raises
    ------
    DeviceError
        For "gpu", where none can be used.
    ValueError
        For any other name.
    """
    if name not in DEVICES:
        raise ValueError(f"The device is one of {', '.join(DEVICES)}, not {name!r}.")
    if name == "cpu":
        return CPU
    try:
        return gpu()
    except DeviceError:
        if name == "gpu":
            raise
        return CPU


def memory(device: Device) -> Memory:
    """The device's memory, now; of a GPU, no more than the limit of the pool."""
    if device is CPU:
        return Memory(*host_memory())
    free, total = device.xp.cuda.runtime.memGetInfo()
    pool = device.xp.get_default_memory_pool()
    limit = pool.get_limit() or total
    return Memory(
        min(total, limit), max(0, min(free, limit - pool.total_bytes())), pool.free_bytes()
    )


def limit_memory(device: Device, size: int | None) -> None:
    """Let this process take at most `size` bytes of a GPU's memory; None for the usual share.

    Raises
    ------
    ValueError
        If the limit is not positive.
    """
    if size is not None and not size > 0:
        raise ValueError(f"The limit of the device's memory must be positive, not {size} bytes.")
    if device is not CPU:
        pool = device.xp.get_default_memory_pool()
        if size is None:
            pool.set_limit(fraction=POOL_SHARE)
        else:
            pool.set_limit(size=int(size))


def release(device: Device) -> None:
    """Give the memory back that is held for reuse, and that of this thread's plans of transforms.

    Other threads' plans cannot be reached, and need not be: what transforms again and again owns
    its plan (`recon.device.transforms`), and other plans go with the short-lived threads that made
    them.
    """
    if device is not CPU:
        device.xp.fft.config.get_plan_cache().clear()
        device.xp.get_default_memory_pool().free_all_blocks()
        device.xp.get_default_pinned_memory_pool().free_all_blocks()


def describe(device: Device) -> str:
    """One line for people: what it is, and how full."""
    room = memory(device)
    used = f"{(room.total - room.usable) / 1e9:.1f} of {room.total / 1e9:.0f} GB in use"
    if device is CPU:
        return f"CPU, {os.cpu_count()} cores, {used}"
    number = device.xp.cuda.Device().id
    model = device.xp.cuda.runtime.getDeviceProperties(number)["name"].decode()
    return f"{model}, {used}"


def guarded(function):
    """Let what a device raises come out of `function` as a `DeviceError` of one sentence.

    Memory that is held for reuse has been given back by then, and so has what the function held:
    no traceback keeps its arrays. Exceptions that are not the device's pass as they are.
    """

    @wraps(function)
    def guard(*arguments, **options):
        try:
            return function(*arguments, **options)
        except Exception as error:
            failure = in_words(error, _use)
            if failure is None:
                raise
            _log.debug("%s failed on the device.", function.__qualname__, exc_info=error)
        # Out of the except clause: the error, its traceback and the arrays in there are gone.
        _release_after_failure()
        try:
            raise failure
        finally:
            # Or the failure would hold this frame, and the frame the failure, arguments and all.
            del failure

    return guard


def _release_after_failure():
    try:
        release(gpu())
    except Exception as error:  # a device that has failed may fail at this as well
        _log.debug("The device's memory could not be released.", exc_info=error)


def _use() -> str:
    """How full the GPU is, as far as it can still say."""
    try:
        room = memory(gpu())
    except Exception:
        return ""
    return f"Of {amount(room.total)}, {amount(room.usable)} could still be had. "


def model(device: Device) -> str:
    """What a device is called, such as "NVIDIA H200", or "CPU, 2 threads"."""
    if device is CPU:
        number = threads()
        return f"CPU, {number} {'thread' if number == 1 else 'threads'}"
    try:
        return describe(device).partition(",")[0]
    except Exception:
        _log.debug("The device does not say what it is.", exc_info=True)
        return "GPU"
