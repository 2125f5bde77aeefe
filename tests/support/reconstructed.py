"""Scans for the recipe, and what it makes of them."""

import json

import h5py

from app.cli import main

BEAM = ["--energy-kev", "80", "--semiangle-mrad", "25", "--scan-step-angstrom", "0.4,0.45"]


ORIENTATION = ["--rotation-deg", "-12", "--no-transpose"]


PROBE = ["--aberration", "C10=60", "--aberration", "C12a=25"]


def reconstruct(path, output, *options):
    assert main(["reconstruct", str(path), "--output", str(output), *options]) == 0
    return contents(output)


def contents(path):
    """Arrays by name, and the parameters, of a file of results; not the copies in "images"."""
    results = {}

    def keep(name, item):
        if hasattr(item, "shape") and not name.startswith("images/"):
            results[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(keep)
        return results, json.loads(file.attrs["parameters"])
