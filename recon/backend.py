"""Where arrays live, and which code runs there.

Algorithms follow their data: `device_of(array)` hands them the array module, the FFT and the
kernels of that array's device. Nothing else in `recon` asks about CPU or GPU, and nothing else
imports CuPy.
"""

import os
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType

import numba
import numpy as np
import scipy.fft

import recon.kernels.cpu

DEVICES = ("auto", "cpu", "gpu")


class DeviceError(RuntimeError):
    """The wanted device cannot be used here; the message says why and what to do."""


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
    """

    name: str
    xp: ModuleType
    fft: ModuleType
    kernels: ModuleType
    fft_options: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Memory:
    """A device's memory [bytes].

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


CPU = Device("cpu", np, scipy.fft, recon.kernels.cpu, {"workers": -1})


@cache
def gpu() -> Device:
    """The CUDA device.

    Raises
    ------
    DeviceError
        With the reason there is none, and the way out.
    """
    if numba.config.ENABLE_CUDASIM:
        raise DeviceError("No GPU: Numba only simulates one. Unset NUMBA_ENABLE_CUDASIM.")
    # A second of imports that nobody without a GPU should wait for.
    from numba import cuda

    try:
        import cupy
        import cupyx.scipy.fft
    except ImportError as error:
        raise DeviceError(
            "No GPU: CuPy or one of its CUDA libraries is not installed. "
            "Run `pip install '.[gpu]'`, or choose the device 'cpu'."
        ) from error
    if not cupy.cuda.is_available():
        raise DeviceError(
            "No GPU: CuPy found no CUDA device. Check `nvidia-smi`, or choose the device 'cpu'."
        )
    if not cuda.is_available():
        raise DeviceError(
            "No GPU: Numba cannot use the CUDA device that CuPy found. "
            "Run `pip install '.[gpu]'`, or choose the device 'cpu'."
        )
    import recon.kernels.cuda

    return Device("gpu", cupy, cupyx.scipy.fft, recon.kernels.cuda)


def device_of(array) -> Device:
    """The device that holds `array`."""
    return CPU if isinstance(array, np.ndarray) else gpu()


def on_host(array) -> np.ndarray:
    """The array in the CPU's memory, copied there if it is not."""
    return array if isinstance(array, np.ndarray) else array.get()


def choose(name: str = "auto") -> Device:
    """The device of that name; "auto" takes the GPU where there is one.

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
    """The device's memory, now."""
    if device is CPU:
        page = os.sysconf("SC_PAGE_SIZE")
        return Memory(*(page * os.sysconf(f"SC_{n}_PAGES") for n in ("PHYS", "AVPHYS")))
    free, total = device.xp.cuda.runtime.memGetInfo()
    return Memory(total, free, device.xp.get_default_memory_pool().free_bytes())


def describe(device: Device) -> str:
    """One line for people: what it is, and how full."""
    room = memory(device)
    used = f"{(room.total - room.usable) / 2**30:.1f} of {room.total / 2**30:.0f} GiB in use"
    if device is CPU:
        return f"CPU, {os.cpu_count()} cores, {used}"
    number = device.xp.cuda.Device().id
    model = device.xp.cuda.runtime.getDeviceProperties(number)["name"].decode()
    return f"{model}, {used}"
