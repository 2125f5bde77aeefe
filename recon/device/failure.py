"""What goes wrong on a device, in one sentence.

RuntimeError
└── DeviceError      the device cannot be used, or failed
    └── DeviceFull   its memory does not hold what was asked for
"""

from collections.abc import Callable

FOREIGN = ("cupy", "cupy_backends", "cupyx", "numba.cuda", "numba_cuda", "cuda")
"""Packages whose exceptions speak of the device and not of what was asked for."""

_WAY_OUT = (
    "Choose fewer pixels across the disc, crop or bin the scan, close other programs on the GPU, "
    "or choose the device 'cpu'."
)


class DeviceError(RuntimeError):
    """The wanted device cannot be used here; the message says why and what to do."""


class DeviceFull(DeviceError):
    """The device's memory does not hold what was asked for; the message has the numbers."""


def in_words(error, use: Callable[[], str]) -> DeviceError | None:
    """What a device raised as a new error of one sentence; None for any other error.

    `use` says how full the device is, as far as it can still say.
    """
    if isinstance(error, DeviceError):
        return type(error)(*error.args)
    kind = type(error)
    if not any(f"{kind.__module__}.".startswith(f"{package}.") for package in FOREIGN):
        return None
    text = brief(error)
    # CuPy's pool, the runtime, the driver and cuFFT each have a word of their own for it.
    lack = ("OUT_OF_MEMORY", "MemoryAllocation", "ALLOC_FAILED", "out of memory")
    if isinstance(error, MemoryError) or any(word in text for word in lack):
        return DeviceFull(f"The GPU's memory is full{_wanted(error)}. {use()}{_WAY_OUT}")
    return DeviceError(
        f"The GPU failed ({text}). Try again; if it fails again, restart livestem, or choose the "
        "device 'cpu'."
    )


def _wanted(error) -> str:
    size = getattr(error, "_size", None)
    return f": {amount(size)} more were wanted" if size else ""


def amount(size: int) -> str:
    """A number of bytes as people say it, such as "1.5 GB"; a GB is 10⁹, as in the settings."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        # What would be rounded to a thousand of the smaller unit is one of the larger.
        if size >= 0.9995 * unit:
            return f"{size / unit:.{3 if size < 999.5 * unit else 4}g} {name}"
    return f"{size} bytes"


def filling(used: int, total: int) -> str:
    """How full a memory is, such as "12.3 of 139 GB" or "61 of 380 GB"."""
    # A tenth of a GB is of interest as long as there are few.
    digits = [1 if size < limit else 0 for size, limit in ((used, 50e9), (total, 10e9))]
    return f"{used / 1e9:.{digits[0]}f} of {total / 1e9:.{digits[1]}f} GB"


def brief(error) -> str:
    """The first line of what an error says, without a full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
