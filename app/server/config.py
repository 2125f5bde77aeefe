"""What the owner of a server sets by environment variables.

| variable               | meaning                                                                |
|------------------------|------------------------------------------------------------------------|
| LIVESTEM_DATA          | folder whose scans are offered, or one file                            |
| LIVESTEM_RESULTS       | folder that keeps a copy of every TIFF and HDF5 saved in a page        |
| LIVESTEM_LIVE          | microscope to listen to, such as interactem:tcp://host:5000            |
| LIVESTEM_LIVE_OPTIONS  | what its stream does not say, as JSON: {"scan_shape": [512, 512]}      |
| LIVESTEM_KEEP          | folder for its scans; default: that of LIVESTEM_RESULTS, or the cache  |
| LIVESTEM_CACHE         | folder for what is kept; default: the user's cache folder              |
| LIVESTEM_MEMORY_GB     | memory for scans and G that sessions share; default: half of it        |
| LIVESTEM_THREADS       | threads of the reconstruction; default: all cores                      |
| LIVESTEM_DEVICE        | "cpu", "gpu", or "auto": the GPU where there is one; default: auto     |
| LIVESTEM_GPU_MEMORY_GB | most of the GPU's memory that is used; default: what is free           |
| LIVESTEM_GPU_HALF      | "on" keeps G on the GPU in half precision; default: off                |
| LIVESTEM_CLUSTER       | workers that compute: local, local:N or a Dask scheduler; default: none |
| DASK_SCHEDULER_ADDRESS | a Dask scheduler for scans that are too large for this machine         |
| LIVESTEM_UPLOAD_GB     | most that uploaded files take together; 0: no uploads; default: 4      |
| LIVESTEM_HOST          | names by which browsers call the server, with commas between them      |
| LIVESTEM_PORT          | port to listen on; default: 5006                                       |
| LIVESTEM_PREFIX        | path before that of the page; default: none                            |
| LIVESTEM_LOGIN         | file of passwords, or an OAuth provider and whom it may send           |
| LIVESTEM_DEBUG         | "1" shows where the error of a command came from                       |
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from math import isfinite
from pathlib import Path

from platformdirs import user_cache_path

from recon.cluster.address import BEYOND, check_address
from recon.device.backend import CPU, DEVICES, Device, limit_memory
from recon.device.backend import memory as machine_memory
from recon.kernels import threads, use_threads

ON, OFF = ("1", "on", "true", "yes"), ("0", "off", "false", "no")


@dataclass(frozen=True)
class Settings:
    """The server's settings, checked."""

    data: Path | None = None
    """Folder or file; None offers the demonstration only."""
    results: Path | None = None
    cache: Path | None = None
    live: str | None = None
    """Source of scans, as `recon.live.kinds.open_source` takes it."""
    live_options: dict = field(default_factory=dict)
    keep: Path | None = None
    """Folder for what is received."""
    memory: int = 4 << 30
    """[bytes]"""
    threads: int | None = None
    """None: all cores."""
    device: str = "auto"
    """One of `recon.device.backend.DEVICES`."""
    gpu_memory: int | None = None
    """Most of the GPU's memory that is used [bytes]; None: what is free."""
    gpu_half: bool = False
    """Whether G lies in half precision on the GPU."""
    upload: int = 4 * 10**9
    """Most that uploads take together [bytes]."""
    cluster: str | None = None
    """Address of the workers that compute everything."""
    beyond: str | None = None
    """Address of those that hold what this machine does not."""
    """Whose workers do the work; None for this process."""


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Settings from environment variables.

    Raises
    ------
    ValueError
        If a variable makes no sense, with its name and value.
    """

    def path(name: str) -> Path | None:
        text = environment.get(name, "").strip()
        return Path(text).expanduser() if text else None

    data = path("LIVESTEM_DATA")
    if data is not None and not data.exists():
        raise ValueError(f"LIVESTEM_DATA names {data}, which does not exist.")
    memory = _number(environment, "LIVESTEM_MEMORY_GB")
    device = environment.get("LIVESTEM_DEVICE", "").strip().lower() or "auto"
    if device not in DEVICES:
        raise ValueError(f"LIVESTEM_DEVICE is one of {', '.join(DEVICES)}, not “{device}”.")
    gpu_memory = _number(environment, "LIVESTEM_GPU_MEMORY_GB")
    upload = _number(environment, "LIVESTEM_UPLOAD_GB", zero=True)
    cache = path("LIVESTEM_CACHE") or user_cache_path("livestem")
    return Settings(
        data=data,
        results=path("LIVESTEM_RESULTS"),
        cache=cache,
        live=environment.get("LIVESTEM_LIVE", "").strip() or None,
        live_options=_options(environment, "LIVESTEM_LIVE_OPTIONS"),
        keep=path("LIVESTEM_KEEP") or path("LIVESTEM_RESULTS") or cache / "live",
        memory=int(memory * 1e9) if memory is not None else machine_memory(CPU).total // 2,
        threads=threads_from(environment),
        device=device,
        gpu_memory=_bytes(gpu_memory),
        gpu_half=_switch(environment, "LIVESTEM_GPU_HALF"),
        upload=4 * 10**9 if upload is None else int(upload * 1e9),
        cluster=_cluster(environment, "LIVESTEM_CLUSTER"),
        beyond=_cluster(environment, BEYOND),
    )


def threads_from(environment: Mapping[str, str] = os.environ) -> int | None:
    """What LIVESTEM_THREADS says; None for all cores.

    Raises
    ------
    ValueError
        If the variable makes no sense.
    """
    number = _number(environment, "LIVESTEM_THREADS")
    if number is not None and (number != int(number) or number < 1):
        raise ValueError(f"LIVESTEM_THREADS must be a whole number from 1, not {number:g}.")
    return None if number is None else int(number)


def limit_threads(number: int | None) -> None:
    """Have the CPU's work done by so many threads; None changes nothing."""
    if number is not None:
        use_threads(number)
        CPU.fft_options["workers"] = threads()


def limit_gpu(device: Device, environment: Mapping[str, str] = os.environ) -> None:
    """Keep commands, too, within the GPU's memory that LIVESTEM_GPU_MEMORY_GB allows.

    Raises
    ------
    ValueError
        If the variable makes no sense.
    """
    limit_memory(device, _bytes(_number(environment, "LIVESTEM_GPU_MEMORY_GB")))


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return settings_from(os.environ)


def _cluster(environment: Mapping[str, str], name: str) -> str | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    try:
        return check_address(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _bytes(giga: float | None) -> int | None:
    return None if giga is None else int(giga * 1e9)


def _number(environment: Mapping[str, str], name: str, *, zero: bool = False) -> float | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not isfinite(value) or value < 0 or (value == 0 and not zero):
        least = "a number from 0" if zero else "a positive number"
        raise ValueError(f"{name} must be {least}, not “{text}”.")
    return value


def _options(environment: Mapping[str, str], name: str) -> dict:
    text = environment.get(name, "").strip() or "{}"
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f'{name} must be JSON such as {{"scan_shape": [512, 512]}}, not “{text}”.')
    return {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}


def _switch(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "").strip().lower()
    if text not in (*ON, *OFF, ""):
        raise ValueError(f"{name} is either on or off, not “{text}”.")
    return text in ON
