"""What a worker of the cluster is asked, and answers about itself, on its own machine."""

import os
import signal
from importlib.metadata import PackageNotFoundError, version
from platform import python_version

from recon.device.backend import CPU, Device, choose, memory
from recon.kernels import use_threads

PACKAGES = ("livestem", "distributed", "numpy")
"""Whose versions have to be the same everywhere."""


def versions() -> dict[str, str]:
    """Versions of what has to be the same; "unknown" of what is not installed."""
    found = {"Python": ".".join(python_version().split(".")[:2])}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def settle(device: str, alone: bool, mine: bool) -> tuple[bool, int]:
    """On a worker: take the threads it is given; whether it has a GPU, and its memory."""
    if mine:
        # Ctrl-C in a terminal comes to all processes: who made the workers ends them.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    threads = os.environ.get("LIVESTEM_THREADS", "")
    if alone and threads.isdecimal() and int(threads):
        use_threads(int(threads))
        CPU.fft_options["workers"] = int(threads)
    chosen: Device = choose(device)
    return chosen is not CPU, memory(chosen).total


def filled(device: str) -> tuple[int, int]:
    """On a worker: bytes of its device's memory that are taken, and all of them."""
    room = memory(choose(device))
    return room.total - room.usable, room.total
