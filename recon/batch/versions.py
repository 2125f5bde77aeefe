"""Versions of what computes a result."""

import platform
from importlib.metadata import PackageNotFoundError, version


def versions() -> dict[str, str]:
    """Python's and the packages' that take part, by name."""
    found = {"python": platform.python_version()}
    for package in ("livestem", "numpy", "scipy", "numba", "h5py"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from its folder
            found[package] = "not installed"
    return found
